//go:build unix

package sandboxtest

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/sandbox"
)

func testExitCodes(t *testing.T, w *world) {
	j := w.start(t, w.spec(t, "a"))
	for _, c := range []struct {
		args   []string
		want   sandbox.Exit
		status int
	}{
		{[]string{"true"}, sandbox.Exit{Known: true}, 0},
		{[]string{"exit", "1"}, sandbox.Exit{Code: 1, Known: true}, 1},
		{[]string{"exit", "255"}, sandbox.Exit{Code: 255, Known: true}, 255},
		{[]string{"die", "9"}, sandbox.Exit{Signal: syscall.SIGKILL, Known: true}, 137},
		{[]string{"die", "15"}, sandbox.Exit{Signal: syscall.SIGTERM, Known: true}, 143},
	} {
		if _, exit := w.run(t, j, ProbeProcess(c.args...)); exit != c.want || exit.Status() != c.status {
			t.Errorf("%q: %v (status %d), want %v (status %d)", c.args, exit, exit.Status(), c.want, c.status)
		}
	}
}

func testStdio(t *testing.T, w *world) {
	j := w.start(t, w.spec(t, "a"))
	in, out := newPipe(t), newPipe(t)
	s, err := w.Exec(j, ProbeProcess("cat"), sandbox.Stdio{In: in.r, Out: out.w})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Do(t.Context()); err != nil {
		t.Fatal(err)
	}
	in.r.Close()
	out.w.Close()
	text := strings.Repeat("all that comes in goes out\n", 10000)
	go func() {
		_, _ = io.WriteString(in.w, text)
		in.w.Close()
	}()
	got, err := io.ReadAll(out.r)
	if err != nil || string(got) != text {
		t.Errorf("cat: %d bytes, %v; want %d", len(got), err, len(text))
	}
	for range 2 { // it may be asked again
		if exit, err := s.Wait(t.Context()); err != nil || exit.Status() != 0 {
			t.Errorf("Wait = %v, %v", exit, err)
		}
	}
	if s.Terminal() != nil {
		t.Error("a terminal that was not asked for")
	}
	// Without files there is the null device: reading ends, writing goes nowhere.
	if out, exit := w.run(t, j, ProbeProcess("cat")); exit.Status() != 0 || out != "" {
		t.Errorf("cat of nothing: %v %q", exit, out)
	}
}

func testEnvironment(t *testing.T, w *world) {
	j := w.start(t, w.spec(t, "a"))
	p := ProbeProcess("env")
	p.Env = append(p.Env, "A=b c", "EMPTY=")
	out, _ := w.run(t, j, p)
	env := strings.Split(out, "\n")
	for _, want := range []string{"A=b c", "EMPTY=", "HOME=/root"} {
		if !slices.Contains(env, want) {
			t.Errorf("environment %q lacks %q", env, want)
		}
	}
	if !slices.ContainsFunc(env, func(e string) bool { return strings.HasPrefix(e, "PATH=/") }) {
		t.Errorf("environment %q has no PATH", env)
	}
	if len(env) > 6 {
		t.Errorf("environment has more than was asked for: %q", env)
	}
	for dir, want := range map[string]string{"": "/", "/tmp": "/tmp", "/tmp/../etc": "/etc"} {
		p := ProbeProcess("cwd")
		p.Dir = dir
		if out, _ := w.run(t, j, p); out != want {
			t.Errorf("working directory %q is %q, want %q", dir, out, want)
		}
	}
	p = ProbeProcess("echo", "found")
	p.Args[0] = "probe"
	p.Env = append(p.Env, "PATH=/nowhere:/etc/passwd:/")
	if out, exit := w.run(t, j, p); out != "found" {
		t.Errorf("a program in PATH: %v %q", exit, out)
	}
}

func testUsers(t *testing.T, w *world) {
	if !w.Features().IDRanges {
		t.Skip("this host maps one id: " + w.Features().Why["IDRanges"])
	}
	j := w.start(t, w.spec(t, "a"))
	for _, c := range []struct {
		user sandbox.User
		want string
	}{
		{sandbox.User{}, "0 0 [] /root"},
		{sandbox.User{UID: 7, GID: 8, Groups: []uint32{10, 9}}, "7 8 [9 10] /"},
		{sandbox.User{Name: "web"}, "1000 1001 [1002 1003] /home/web"},
		{sandbox.User{Name: "1000"}, "1000 1001 [1002 1003] /home/web"},
		{sandbox.User{Name: "web:log"}, "1000 1002 [] /home/web"},
		{sandbox.User{Name: "web:12"}, "1000 12 [] /home/web"},
		{sandbox.User{Name: "44"}, "44 0 [] /"},
		{sandbox.User{Name: "root"}, "0 0 [1002] /root"},
	} {
		p := ProbeProcess("id")
		p.User = c.user
		if got, _ := w.run(t, j, p); got != c.want {
			t.Errorf("%+v is %q, want %q", c.user, got, c.want)
		}
	}
}

// errorOf executes what cannot be executed.
func (w *world) errorOf(t *testing.T, j sandbox.State, p sandbox.Process) error {
	t.Helper()
	s, err := w.Exec(j, p, sandbox.Stdio{})
	if err != nil {
		return err
	}
	err = s.Do(t.Context())
	undo(t, []events.Effect{s})
	return err
}

func testExecErrors(t *testing.T, w *world) {
	j := w.start(t, w.spec(t, "a"))
	for name, c := range map[string]struct {
		program string
		status  int
		errno   error
	}{
		"missing":        {"/nope", 127, syscall.ENOENT},
		"not_in_path":    {"nope", 127, syscall.ENOENT},
		"not_executable": {"/etc/passwd", 126, syscall.EACCES},
		"directory":      {"/etc", 126, syscall.EACCES},
		"below_a_file":   {"/etc/passwd/x", 127, syscall.ENOTDIR},
	} {
		err := w.errorOf(t, j, sandbox.Process{Args: []string{c.program}})
		failed, ok := errors.AsType[*sandbox.ExecError](err)
		if !ok || failed.Status() != c.status || !errors.Is(err, c.errno) || failed.Path != c.program {
			t.Errorf("%s: %v; want an ExecError of %s with status %d", name, err, c.errno, c.status)
		}
	}
	if err := w.errorOf(t, j, sandbox.Process{}); !errors.Is(err, fault.Invalid) {
		t.Errorf("no program: %v", err)
	}
	if err := w.errorOf(t, sandbox.State{ID: "a"}, ProbeProcess("true")); !errors.Is(err, fault.NotFound) {
		t.Errorf("no jail: %v", err)
	}
	p := ProbeProcess("true")
	p.User.Name = "nobody-here"
	if err := w.errorOf(t, j, p); err == nil || !strings.Contains(err.Error(), "nobody-here") {
		t.Errorf("no user: %v", err)
	}
	w.expect(t, j, sandbox.Running)
}

// holding starts a process that stays.
func (w *world) holding(t *testing.T, j sandbox.State) sandbox.Session {
	t.Helper()
	in, out := newPipe(t), newPipe(t)
	s, err := w.Exec(j, ProbeProcess("hold"), sandbox.Stdio{In: in.r, Out: out.w})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Do(t.Context()); err != nil {
		t.Fatal(err)
	}
	readLine(t, out.r, "ready")
	return s
}

func testExecUndo(t *testing.T, w *world) {
	j := w.start(t, w.spec(t, "a"))
	s := w.holding(t, j)
	undo(t, []events.Effect{s})
	undo(t, []events.Effect{s})
	if exit, err := s.Wait(t.Context()); err != nil || exit.Signal != syscall.SIGKILL {
		t.Errorf("Wait after Undo = %v, %v", exit, err)
	}
	if err := s.Signal(syscall.SIGTERM); err != nil {
		t.Errorf("Signal after Undo: %v", err)
	}
	planned, err := w.Exec(j, ProbeProcess("true"), sandbox.Stdio{})
	if err != nil {
		t.Fatal(err)
	}
	undo(t, []events.Effect{planned})
	undoElsewhere(t, encode(t, []events.Effect{planned}))

	// Ended by itself, its undo has nothing to do, and its jail lives.
	if err := planned.Do(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := planned.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	undo(t, []events.Effect{planned})
	w.expect(t, j, sandbox.Running)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	again, err := w.Exec(j, ProbeProcess("true"), sandbox.Stdio{})
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Do(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Do with a cancelled context: %v", err)
	}
	undo(t, []events.Effect{again})
}

func testExecUndoElsewhere(t *testing.T, w *world) {
	j := w.start(t, w.spec(t, "a"))
	s := w.holding(t, j)
	undoElsewhere(t, encode(t, []events.Effect{s}))
	if exit, err := s.Wait(t.Context()); err != nil || exit.Signal != syscall.SIGKILL {
		t.Errorf("Wait after an undo elsewhere = %v, %v", exit, err)
	}
	w.expect(t, j, sandbox.Running)
}

// testExecEnding ends a jail in which processes run that nobody waits for.
func testExecEnding(t *testing.T, w *world) {
	effects, err := w.Start(w.spec(t, "a"))
	if err != nil {
		t.Fatal(err)
	}
	j := do(t, effects)
	s := w.holding(t, j)
	orphan := w.must(t, j, "orphan")
	if orphan == "" {
		t.Error("no orphan")
	}
	undo(t, effects)
	w.expect(t, j, sandbox.Gone)
	if exit, err := s.Wait(t.Context()); err != nil || exit.Status() != 137 {
		t.Errorf("process of an ended jail: %v, %v", exit, err)
	}
}

func testExecSignal(t *testing.T, w *world) {
	j := w.start(t, w.spec(t, "a"))
	out := newPipe(t)
	s, err := w.Exec(j, ProbeProcess("trap"), sandbox.Stdio{Out: out.w})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Do(t.Context()); err != nil {
		t.Fatal(err)
	}
	readLine(t, out.r, "ready")
	if err := s.Signal(syscall.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	readLine(t, out.r, syscall.SIGUSR1.String())
	if exit, err := s.Wait(t.Context()); err != nil || exit != (sandbox.Exit{Known: true}) {
		t.Errorf("Wait = %v, %v", exit, err)
	}
}

func testTerminal(t *testing.T, w *world) {
	j := w.start(t, w.spec(t, "a"))
	p := ProbeProcess("tty")
	p.Terminal = &sandbox.Size{Rows: 33, Cols: 77}
	s, err := w.Exec(j, p, sandbox.Stdio{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Do(t.Context()); err != nil {
		t.Fatal(err)
	}
	tty := s.Terminal()
	if tty == nil {
		t.Fatal("no terminal")
	}
	readLine(t, tty, "tty /dev/pts/0 33x77")
	if err := s.Resize(sandbox.Size{Rows: 40, Cols: 100}); err != nil {
		t.Fatal(err)
	}
	readLine(t, tty, "size 40x100")
	if _, err := io.WriteString(tty, "typed\n"); err != nil {
		t.Fatal(err)
	}
	readLine(t, tty, "typed") // echoed
	readLine(t, tty, "line typed")
	if exit, err := s.Wait(t.Context()); err != nil || exit.Status() != 7 {
		t.Errorf("Wait = %v, %v; want exit 7", exit, err)
	}
	if n, err := tty.Read(make([]byte, 1)); n != 0 || err == nil {
		t.Errorf("read of a terminal that nobody has open: %d, %v", n, err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// testHangup: who closes the terminal ends what runs on it.
func testHangup(t *testing.T, w *world) {
	j := w.start(t, w.spec(t, "a"))
	p := ProbeProcess("hold")
	p.Terminal = &sandbox.Size{}
	s, err := w.Exec(j, p, sandbox.Stdio{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Do(t.Context()); err != nil {
		t.Fatal(err)
	}
	readLine(t, s.Terminal(), "ready")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if exit, err := s.Wait(t.Context()); err != nil || exit.Signal != syscall.SIGHUP {
		t.Errorf("Wait = %v, %v; want a hangup", exit, err)
	}
}

func testMounts(t *testing.T, w *world) {
	shared := filepath.Join(w.dir, "shared")
	if err := os.Mkdir(shared, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(shared, "file"), []byte("content\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	spec := w.spec(t, "a")
	spec.Mounts = append(spec.Mounts,
		sandbox.Mount{Type: "bind", Source: shared, Target: "/mnt/rw"},
		sandbox.Mount{Type: "bind", Source: shared, Target: "/mnt/ro", Options: []string{"ro", "nosuid"}},
		sandbox.Mount{Type: "bind", Source: filepath.Join(shared, "file"), Target: "/etc/one", Options: []string{"ro"}},
		sandbox.Mount{Type: "tmpfs", Target: "/tmp", Options: []string{"size=1m", "mode=1777"}})
	spec.MaskedPaths = []string{"/etc/group", "/root", "/nowhere"}
	spec.ReadOnlyPaths = []string{"/etc/passwd", "/nowhere"}
	j := w.start(t, spec)
	w.must(t, j, "write", "/mnt/rw/new", "from inside")
	if got := w.must(t, j, "read", "/mnt/ro/new", "/etc/one"); got != "from insidecontent" {
		t.Errorf("read = %q", got)
	}
	if b, err := os.ReadFile(filepath.Join(shared, "new")); err != nil || string(b) != "from inside" {
		t.Errorf("the mount's source has %q, %v", b, err)
	}
	w.must(t, j, "write", "/tmp/x", "y")
	if got := w.must(t, j, "list", "/tmp"); got != "x" {
		t.Errorf("tmp has %q", got)
	}
	for _, path := range []string{"/mnt/ro/new", "/etc/one", "/etc/passwd", "/root/x"} {
		if out, exit := w.run(t, j, ProbeProcess("write", path, "x")); exit.Status() == 0 {
			t.Errorf("%s is writable: %s", path, out)
		}
	}
	if got := w.must(t, j, "read", "/etc/group"); got != "" {
		t.Errorf("masked file has %q", got)
	}
	if got := w.must(t, j, "list", "/root"); got != "" {
		t.Errorf("masked directory has %q", got)
	}
	if _, err := os.Stat(filepath.Join(w.root, "tmp", "x")); err == nil {
		t.Error("the mount over /tmp is not the jail's own")
	}
}

func testReadOnlyRoot(t *testing.T, w *world) {
	spec := w.spec(t, "a")
	if len(spec.Mounts) > 0 { // their targets would have to be made
		t.Skip("the test program needs libraries of the host")
	}
	spec.Root.ReadOnly = true
	j := w.start(t, spec)
	if out, exit := w.run(t, j, ProbeProcess("write", "/etc/new", "x")); exit.Status() == 0 {
		t.Errorf("the root is writable: %s", out)
	}
	w.must(t, j, "read", "/etc/passwd")
}

func testHostnameLoopback(t *testing.T, w *world) {
	spec := w.spec(t, "a")
	spec.Hostname = "web.example"
	j := w.start(t, spec)
	if got := w.must(t, j, "hostname"); got != "web.example" {
		t.Errorf("hostname = %q", got)
	}
	w.must(t, j, "loopback")
}

func testLimitProcesses(t *testing.T, w *world) {
	f := w.Features()
	spec := w.spec(t, "a")
	spec.Resources.PIDs = 40
	if !f.PIDs {
		if _, err := w.Start(spec); !errors.Is(err, fault.NotSupported) {
			t.Errorf("a limit that the host cannot keep (%s): %v", f.Why["PIDs"], err)
		}
		return
	}
	j := w.start(t, spec)
	out, _ := w.run(t, j, ProbeProcess("fork", "60"))
	if out == "60" || out == "0" {
		t.Errorf("60 processes of a jail with 40: %s started", out)
	}
}

func testFreeze(t *testing.T, w *world) {
	freezer, ok := w.Driver.(sandbox.Freezer)
	if !w.Features().Freeze {
		t.Skip("this host cannot hold a jail still: " + w.Features().Why["Freeze"])
	}
	if !ok {
		t.Fatal("Features has Freeze, and the driver is not a Freezer")
	}
	effects, err := w.Start(w.spec(t, "a"))
	if err != nil {
		t.Fatal(err)
	}
	j := do(t, effects)
	in, out := newPipe(t), newPipe(t)
	s, err := w.Exec(j, ProbeProcess("cat"), sandbox.Stdio{In: in.r, Out: out.w})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Do(t.Context()); err != nil {
		t.Fatal(err)
	}
	freeze, err := freezer.Freeze(j)
	if err != nil {
		t.Fatal(err)
	}
	if err := freeze.Do(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(in.w, "thawed\n"); err != nil {
		t.Fatal(err)
	}
	w.expect(t, j, sandbox.Running)
	undoElsewhere(t, encode(t, []events.Effect{freeze}))
	undo(t, []events.Effect{freeze})
	readLine(t, out.r, "thawed")
	if err := freeze.Do(t.Context()); err != nil {
		t.Fatal(err)
	}
	undo(t, effects) // frozen as it is
	w.expect(t, j, sandbox.Gone)
	undo(t, []events.Effect{freeze})
	if exit, err := s.Wait(t.Context()); err != nil || exit.Status() != 137 {
		t.Errorf("frozen process of an ended jail: %v, %v", exit, err)
	}
}
