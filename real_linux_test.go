package ioc_test

import (
	"bytes"
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/libioc/ioc"
	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/events/eventstest"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/jail"
	"github.com/libioc/ioc/sandbox"
)

// The tests of this file run real jails of the embedded release. Each has a root of its own.

// TestMain is also the other process of these tests: it does what CHILD says, in the root that ROOT names.
func TestMain(m *testing.M) {
	do, child := children()[os.Getenv("IOC_TEST_CHILD")]
	if !child {
		os.Exit(m.Run())
	}
	h, err := ioc.Open(background(), ioc.Options{Root: os.Getenv("IOC_TEST_ROOT")})
	if err == nil {
		err = do(h)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// children are what another process can be asked to do.
func children() map[string]func(*ioc.Host) error {
	web := func(h *ioc.Host) *ioc.Jail { return h.Jail("web") }
	return map[string]func(*ioc.Host) error{
		"start": func(h *ioc.Host) error { return web(h).Start(background()) },
		"stop":  func(h *ioc.Host) error { return web(h).Stop(background(), ioc.StopOptions{}) },
		// Killed in the middle of a start, when the jail has just come to life.
		"die": func(h *ioc.Host) error {
			for ev := range web(h).Generator().Start().Events(background()) {
				if ev.Type() == "sandbox.spawn" && ev.Done() {
					_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
				}
			}
			return errors.New("it was not killed")
		},
		"cycle": func(h *ioc.Host) error { return cycle(h) },
	}
}

// realRoot is a directory for a root, on a file system that overlays can be made on. What a killed run
// of these tests left is removed first; what belongs to a living one is locked.
func realRoot(t testing.TB) string {
	t.Helper()
	base := "/dev/shm"
	if _, err := os.Stat(base); err != nil {
		base = t.TempDir()
	}
	old, err := filepath.Glob(filepath.Join(base, "ioc-libtest-*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range old {
		sweep(t, dir)
	}
	dir, err := os.MkdirTemp(base, "ioc-libtest-")
	if err != nil {
		t.Fatal(err)
	}
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err == nil {
		err = syscall.Flock(int(lock.Fd()), syscall.LOCK_EX)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		tidy(t, filepath.Join(dir, "root"))
		if err := errors.Join(os.RemoveAll(dir), lock.Close()); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(dir, 0o755); err != nil { // for the test as an ordinary user
		t.Fatal(err)
	}
	return filepath.Join(dir, "root")
}

func sweep(t testing.TB, dir string) {
	t.Helper()
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR, 0)
	if err != nil {
		return // its test has just ended, or just begun
	}
	defer lock.Close()
	if syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
		return
	}
	tidy(t, filepath.Join(dir, "root"))
	_ = syscall.Unmount(filepath.Join(dir, smallDisk), syscall.MNT_DETACH) // mostly there is none
	if err := os.RemoveAll(dir); err != nil {
		t.Logf("sweep: %v", err)
	}
}

// smallDisk is where a test mounts one, beside the root.
const smallDisk = "disk"

// tidy stops the jails of a root.
func tidy(t testing.TB, root string) {
	t.Helper()
	if _, err := os.Stat(root); errors.Is(err, fs.ErrNotExist) {
		return
	}
	h, err := ioc.Open(background(), ioc.Options{Root: root})
	if err != nil {
		t.Error(err)
		return
	}
	all, err := h.Jails(background())
	if err != nil {
		t.Error(err)
	}
	for _, i := range all {
		if err := h.Jail(string(i.Name)).Stop(background(), ioc.StopOptions{Force: true}); err != nil {
			t.Error(err)
		}
	}
	nothingLeft(t, h)
}

// background is for what has no test: the other process, and cleaning up.
func background() context.Context { return context.Background() }

func realHost(t testing.TB) *ioc.Host {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("real jails: needs root")
	}
	static(t)
	return openAt(t, realRoot(t))
}

// static skips the test if this program needs a loader: it is executed where the host's is not.
func static(t testing.TB) {
	t.Helper()
	self, err := elf.Open("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	defer self.Close()
	if slices.ContainsFunc(self.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP }) {
		t.Skip("real jails: needs a static program: CGO_ENABLED=0 go test")
	}
}

func openAt(t testing.TB, root string) *ioc.Host {
	t.Helper()
	h, err := ioc.Open(t.Context(), ioc.Options{Root: root})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// nothingLeft looks for what jails of this root are in the kernel and must not be when none runs.
func nothingLeft(t testing.TB, h *ioc.Host) {
	t.Helper()
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(mounts), h.Root()) {
		t.Errorf("a mount is left below %s", h.Root())
	}
	for _, pattern := range []string{"/sys/fs/cgroup/ioc-" + h.ID(), "/sys/fs/cgroup/*/ioc-" + h.ID()} {
		if left, _ := filepath.Glob(pattern); len(left) > 0 {
			t.Errorf("left: %q", left)
		}
	}
	groups, _ := filepath.Glob("/proc/[0-9]*/cgroup")
	for _, g := range groups {
		stat, _ := os.ReadFile(filepath.Join(filepath.Dir(g), "stat"))
		if strings.Contains(string(stat), ") Z ") {
			continue // it has ended; that nobody waits for it is its parent's matter
		}
		if text, err := os.ReadFile(g); err == nil && strings.Contains(string(text), h.ID()) {
			t.Errorf("a process is left: %s: %s", g, text)
		}
	}
	for _, dir := range []string{"run/sandbox", "run/locks", "trash", "journal/held"} {
		entries, err := os.ReadDir(filepath.Join(h.Root(), dir))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Error(err)
		}
		for _, e := range entries {
			t.Errorf("left: %s/%s", dir, e.Name())
		}
	}
	if dirty, err := h.Journal().Dirty(); dirty || err != nil {
		t.Errorf("the journal has something to recover: %v, %v", dirty, err)
	}
}

// output runs a shell command in a jail and gives what it wrote.
func output(h *ioc.Host, name, script string) (string, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return "", err
	}
	defer r.Close()
	o := command("/bin/sh", "-c", script)
	o.Stdio = sandbox.Stdio{Out: w, Err: w}
	var text bytes.Buffer
	var reading sync.WaitGroup
	reading.Go(func() { _, _ = io.Copy(&text, r) })
	exit, err := h.Jail(name).Exec(background(), o)
	w.Close()
	reading.Wait()
	if err == nil && exit != (sandbox.Exit{Known: true}) {
		err = errors.New(exit.String())
	}
	if err != nil {
		return "", fmt.Errorf("%s: %w: %s", script, err, text.String())
	}
	return strings.TrimSpace(text.String()), nil
}

// cycle is a jail's life.
func cycle(h *ioc.Host) error {
	ctx, web := background(), h.Jail("web")
	says := func(script, want string) func() error {
		return func() error {
			got, err := output(h, "web", script)
			if err == nil && got != want {
				err = fmt.Errorf("%s: got %q, want %q", script, got, want)
			}
			return err
		}
	}
	state := func(want jail.State) func() error {
		return func() error {
			i, err := web.Info(ctx)
			if err == nil && i.State != want {
				err = fmt.Errorf("it is %s: %s", i.State, i.Reason)
			}
			return err
		}
	}
	start := func() error { return web.Start(ctx) }
	stop := func() error { return web.Stop(ctx, ioc.StopOptions{}) }
	for i, step := range []func() error{
		func() error {
			return web.Create(ctx, ioc.CreateOptions{Properties: map[string]string{"host_hostname": "www"}})
		},
		start, state(jail.Running),
		says("hostname", "www"),
		says("echo one > /file; cat /file", "one"),
		stop, state(jail.Stopped),
		func() error { _, err := web.Snapshot(ctx, "one"); return err },
		start,
		says("cat /file; echo two > /file; mkdir -p /new", "one"),
		stop,
		func() error { return web.Clone(ctx, "copy", ioc.CloneOptions{}) },
		func() error { return web.Rollback(ctx, "one", ioc.RollbackOptions{}) },
		start,
		says("cat /file; test -d /new || echo gone", "one\ngone"),
		func() error { return web.Restart(ctx, ioc.StopOptions{}) },
		says("cat /file", "one"),
		func() error { return web.Stop(ctx, ioc.StopOptions{Force: true}) },
		func() error { return h.Jail("copy").Start(ctx) },
		func() error {
			got, err := output(h, "copy", "cat /file")
			if err == nil && got != "two" {
				err = fmt.Errorf("the copy has %q", got)
			}
			return err
		},
		func() error { return h.Jail("copy").Destroy(ctx, ioc.DestroyOptions{Force: true}) },
		func() error { return web.Rename(ctx, "db") },
		func() error { return h.Jail("db").DestroySnapshot(ctx, "one") },
		func() error { return h.Jail("db").Destroy(ctx, ioc.DestroyOptions{}) },
		func() error { _, err := h.DestroyRelease(ioc.Embedded).Do(ctx); return err },
	} {
		if err := step(); err != nil {
			return fmt.Errorf("step %d: %w", i, err)
		}
	}
	return nil
}

func TestLinuxCycle(t *testing.T) {
	h := realHost(t)
	if err := cycle(h); err != nil {
		t.Fatal(err)
	}
	nothingLeft(t, h)
	files := tree(t, h.Root())
	for _, name := range files {
		if strings.HasPrefix(name, "jails/") || strings.HasPrefix(name, "releases/") || strings.HasPrefix(name, "layers/") {
			t.Errorf("left: %s", name)
		}
	}
}

// tree lists the files below a directory.
func tree(t testing.TB, dir string) []string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		name, _ := filepath.Rel(dir, path)
		all = append(all, name)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestLinuxExec(t *testing.T) {
	h := realHost(t)
	web := h.JailGenerator("web")
	exit := must(t, web.Run(ioc.RunOptions{Exec: command("/bin/sh", "-c", "exit 42")}))
	if exit != (sandbox.Exit{Code: 42, Known: true}) {
		t.Errorf("got %v", exit)
	}
	_, err := eventstest.Verify(t, web.Exec(command("nope")))
	if missing, ok := errors.AsType[*sandbox.ExecError](err); !ok || missing.Status() != 127 {
		t.Errorf("a program that is not there: %v", err)
	}
	signals := make(chan syscall.Signal, 1)
	o := command("/bin/sh", "-c", "sleep 600")
	o.Signals = signals
	o.Attach = func(sandbox.Session) func() { signals <- syscall.SIGKILL; return nil }
	if exit := must(t, web.Exec(o)); exit.Signal != syscall.SIGKILL {
		t.Errorf("killed: got %v", exit)
	}

	// A terminal of the jail's own, with a size, and who hangs up.
	var seen bytes.Buffer
	o = ioc.ExecOptions{Process: sandbox.Process{Args: []string{"/bin/sh"}, Terminal: &sandbox.Size{Rows: 33, Cols: 77}}}
	o.Attach = func(s sandbox.Session) func() {
		var reading sync.WaitGroup
		reading.Go(func() { _, _ = io.Copy(&seen, s.Terminal()) }) // ends with EIO
		if _, err := io.WriteString(s.Terminal(), "echo $((6*7)); exit 3\n"); err != nil {
			t.Error(err)
		}
		return reading.Wait
	}
	if exit := must(t, web.Console(o)); exit.Code != 3 || !strings.Contains(seen.String(), "42") {
		t.Errorf("console: got %v, %q", exit, seen.String())
	}
	// Somebody who is in it is thrown out by a stop.
	inside, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		o := command("/bin/sh", "-c", "sleep 600")
		o.Attach = func(sandbox.Session) func() { close(inside); return nil }
		_, err := web.Exec(o).Do(t.Context(), eventstest.Watch(t))
		ended <- err
	}()
	<-inside
	must(t, web.Set(map[string]string{"stop_timeout": "1"}))
	must(t, web.Stop(ioc.StopOptions{}))
	if err := <-ended; err != nil {
		t.Errorf("thrown out: %v", err)
	}
	nothingLeft(t, h)
}

func TestLinuxTwoAtOnce(t *testing.T) {
	h := realHost(t)
	must(t, h.JailGenerator("web").Create(ioc.CreateOptions{}))
	other := openAt(t, h.Root()) // as good as another process: locks are of open files
	const n = 20
	var all sync.WaitGroup
	errs := make([]error, n)
	for i := range n {
		all.Go(func() { errs[i] = []*ioc.Host{h, other}[i%2].Jail("web").Start(t.Context()) })
	}
	all.Wait()
	for _, err := range errs {
		if err != nil && !errors.Is(err, fault.Busy) {
			t.Error(err)
		}
	}
	if !slices.Contains(errs, nil) {
		t.Errorf("nobody started it: %v", errs)
	}
	in(t, h.Jail("web"), jail.Running)
	for i := range n {
		all.Go(func() {
			o := []*ioc.Host{h, other}[i%2]
			if i%3 == 0 {
				errs[i] = o.Jail("web").Start(t.Context())
			} else {
				errs[i] = o.Jail("web").Stop(t.Context(), ioc.StopOptions{Force: true})
			}
		})
	}
	all.Wait()
	for _, err := range errs {
		if err != nil && !errors.Is(err, fault.Busy) {
			t.Error(err)
		}
	}
	must(t, h.JailGenerator("web").Stop(ioc.StopOptions{Force: true}))
	nothingLeft(t, h)
}

func TestLinuxFifty(t *testing.T) {
	h := realHost(t)
	const n = 50
	each := func(what string, do func(j *ioc.JailGenerator) error) {
		t.Helper()
		began := time.Now()
		var all sync.WaitGroup
		errs := make([]error, n)
		for i := range n {
			all.Go(func() { errs[i] = do(h.JailGenerator(fmt.Sprintf("j%02d", i))) })
		}
		all.Wait()
		t.Logf("%s: %d in %v", what, n, time.Since(began).Round(time.Millisecond))
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
	}
	watched := func(op operation) error {
		var c eventstest.Checker
		r := op(t.Context(), events.WithSink(c.Sink()))
		for ev := range r.Events() {
			_ = c.Yielded(ev) // kept for Close
		}
		return errors.Join(r.Err(), c.Close())
	}
	each("create", func(j *ioc.JailGenerator) error { return watched(erase(j.Create(ioc.CreateOptions{}))) })
	each("start", func(j *ioc.JailGenerator) error { return watched(erase(j.Start())) })
	began := time.Now()
	jails, err := h.Jails(t.Context())
	t.Logf("list: %d in %v", n, time.Since(began).Round(time.Microsecond))
	if err != nil || len(jails) != n || slices.ContainsFunc(jails, func(i jail.Info) bool { return i.State != jail.Running }) {
		t.Errorf("got %d jails, %v", len(jails), err)
	}
	each("exec", func(j *ioc.JailGenerator) error { return watched(erase(j.Exec(command("/bin/true")))) })
	each("stop", func(j *ioc.JailGenerator) error { return watched(erase(j.Stop(ioc.StopOptions{}))) })
	each("destroy", func(j *ioc.JailGenerator) error { return watched(erase(j.Destroy(ioc.DestroyOptions{}))) })
	nothingLeft(t, h)
}

// another runs another process of this program and waits for it.
func another(t *testing.T, h *ioc.Host, do string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe")
	cmd.Env = append(os.Environ(), "IOC_TEST_CHILD="+do, "IOC_TEST_ROOT="+h.Root())
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func TestLinuxOtherProcesses(t *testing.T) {
	h := realHost(t)
	web := h.JailGenerator("web")
	must(t, web.Create(ioc.CreateOptions{}))
	if out, err := another(t, h, "start"); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	in(t, h.Jail("web"), jail.Running)
	skipped(t, web.Start())
	if got, err := output(h, "web", "echo hello"); got != "hello" {
		t.Errorf("got %q, %v", got, err)
	}
	if out, err := another(t, h, "stop"); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	in(t, h.Jail("web"), jail.Stopped)
	nothingLeft(t, h)

	// One is killed in the middle of a start: the next operation undoes it first.
	if out, err := another(t, h, "die"); err == nil || out != "" {
		t.Fatalf("got %v: %s", err, out)
	}
	in(t, h.Jail("web"), jail.Stopped)
	pending, err := h.Pending()
	if err != nil || len(pending) != 1 || !strings.Contains(pending[0].Root, "jail.start") {
		t.Errorf("pending: %+v, %v", pending, err)
	}
	evs, _, err := eventstest.Record(t, web.Start())
	if err != nil {
		t.Fatal(err)
	}
	if got := eventstest.Outline(evs); !strings.Contains(got, "end revert sandbox.spawn") {
		t.Errorf("nothing was recovered:\n%s", got)
	}
	in(t, h.Jail("web"), jail.Running)
	must(t, web.Stop(ioc.StopOptions{}))
	if out, err := another(t, h, "die"); err == nil || out != "" {
		t.Fatalf("got %v: %s", err, out)
	}
	if done := must(t, h.Recover()); done.Runs != 1 || done.Undone == 0 || done.Residue != 0 {
		t.Errorf("got %+v", done)
	}
	nothingLeft(t, h)
}

// TestLinuxKilled kills a jail's first process from outside.
func TestLinuxKilled(t *testing.T) {
	h := realHost(t)
	web := h.JailGenerator("web")
	must(t, web.Create(ioc.CreateOptions{}))
	kill := func() {
		t.Helper()
		s := must(t, web.Start())
		if err := syscall.Kill(s.PID, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		for h.Jail("web"); ; { // it is our child: it is gone when it was waited for
			var status syscall.WaitStatus
			if _, err := syscall.Wait4(s.PID, &status, 0, nil); err == nil || errors.Is(err, syscall.ECHILD) {
				break
			}
		}
		in(t, h.Jail("web"), jail.Dead)
	}
	kill()
	must(t, web.Start())
	in(t, h.Jail("web"), jail.Running)
	must(t, web.Stop(ioc.StopOptions{}))
	kill()
	must(t, web.Stop(ioc.StopOptions{}))
	nothingLeft(t, h)
	kill()
	must(t, web.Snapshot("s"))
	must(t, web.Destroy(ioc.DestroyOptions{}))
	nothingLeft(t, h)
}

// TestLinuxTwoRoots has jails of the same name in two roots.
func TestLinuxTwoRoots(t *testing.T) {
	a, b := realHost(t), realHost(t)
	for _, h := range []*ioc.Host{a, b} {
		must(t, h.JailGenerator("web").Create(ioc.CreateOptions{}))
		must(t, h.JailGenerator("web").Start())
	}
	if a.ID() == b.ID() {
		t.Errorf("both are %s", a.ID())
	}
	must(t, a.JailGenerator("web").Destroy(ioc.DestroyOptions{Force: true}))
	nothingLeft(t, a)
	if got, err := output(b, "web", "echo alive"); got != "alive" {
		t.Errorf("got %q, %v", got, err)
	}
	must(t, b.JailGenerator("web").Stop(ioc.StopOptions{}))
	nothingLeft(t, b)
}

// TestLinuxOrdinaryUser lives a jail's life without privileges.
func TestLinuxOrdinaryUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("becoming somebody else: needs root")
	}
	static(t)
	root := realRoot(t)
	dir := filepath.Dir(root)
	const uid, gid = 54321, 54321
	if err := errors.Join(os.Mkdir(root, 0o700), os.Chown(root, uid, gid)); err != nil {
		t.Fatal(err)
	}
	// Not everybody may look into the directory where go test keeps its program.
	program := filepath.Join(dir, "program")
	data, err := os.ReadFile("/proc/self/exe")
	if err == nil {
		err = os.WriteFile(program, data, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), program)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "IOC_TEST_CHILD=cycle", "IOC_TEST_ROOT=" + root}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: gid}}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

// TestLinuxLimits starts jails with limits, where the host can keep them.
func TestLinuxLimits(t *testing.T) {
	h := realHost(t)
	web := h.JailGenerator("web")
	err := func() error {
		_, err := eventstest.Verify(t, web.Create(ioc.CreateOptions{Properties: map[string]string{
			"memoryuse": "64M", "maxproc": "100", "pcpu": "50",
		}}))
		return err
	}()
	if errors.Is(err, fault.NotSupported) {
		t.Logf("this host has no limits: %v", err)
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	must(t, web.Start())
	if _, err := output(h, "web", "true"); err != nil {
		t.Error(err)
	}
	must(t, web.Stop(ioc.StopOptions{}))
	nothingLeft(t, h)
}

// TestLinuxStopTimeout stops a jail whose process does not want to end: it is given its time, and no more.
func TestLinuxStopTimeout(t *testing.T) {
	h := realHost(t)
	web := h.JailGenerator("web")
	must(t, web.Create(ioc.CreateOptions{Properties: map[string]string{"stop_timeout": "1"}}))
	must(t, web.Start())
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	ended := make(chan sandbox.Exit, 1)
	go func() {
		o := command("/bin/sh", "-c", "trap '' TERM; echo ready; while :; do sleep 1; done")
		o.Stdio.Out = w
		exit, err := web.Exec(o).Do(t.Context(), eventstest.Watch(t))
		if err != nil {
			t.Error(err)
		}
		ended <- exit
	}()
	if _, err := r.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	evs, _, err := eventstest.Record(t, web.Stop(ioc.StopOptions{}))
	if err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took < time.Second {
		t.Errorf("it was given %v", took)
	}
	if got := eventstest.Outline(evs); !strings.Contains(got, "processes were left after 1s and are killed") {
		t.Errorf("got\n%s", got)
	}
	if exit := <-ended; exit.Signal != syscall.SIGKILL {
		t.Errorf("it ended by itself: %v", exit)
	}
	nothingLeft(t, h)
}
