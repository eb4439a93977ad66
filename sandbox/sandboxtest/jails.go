//go:build unix

package sandboxtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/sandbox"
)

func testStartUndo(t *testing.T, w *world) {
	effects, err := w.Start(w.spec(t, "a"))
	if err != nil {
		t.Fatal(err)
	}
	if left := w.Leftovers(w.prefix); len(left) > 0 {
		t.Errorf("Start changed the system: %q", left)
	}
	j := do(t, effects)
	w.expect(t, j, sandbox.Running)
	undo(t, effects)
	w.expect(t, j, sandbox.Gone)
}

func testUndoTwice(t *testing.T, w *world) {
	effects, err := w.Start(w.spec(t, "a"))
	if err != nil {
		t.Fatal(err)
	}
	do(t, effects)
	undo(t, effects)
	undo(t, effects)
	undoElsewhere(t, encode(t, effects))
}

func testUndoNothing(t *testing.T, w *world) {
	effects, err := w.Start(w.spec(t, "a"))
	if err != nil {
		t.Fatal(err)
	}
	planned := encode(t, effects)
	undo(t, effects)
	undoElsewhere(t, planned)
	for n := range effects { // and done by half
		effects, err := w.Start(w.spec(t, "b"))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range effects[:n] {
			if err := e.Do(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		undo(t, effects)
	}
}

func testUndoElsewhere(t *testing.T, w *world) {
	effects, err := w.Start(w.spec(t, "a"))
	if err != nil {
		t.Fatal(err)
	}
	j := do(t, effects)
	undoElsewhere(t, encode(t, effects))
	w.expect(t, j, sandbox.Gone)

	// What was written before the start knows no process, and finds it nevertheless.
	effects, err = w.Start(w.spec(t, "b"))
	if err != nil {
		t.Fatal(err)
	}
	planned := encode(t, effects)
	j = do(t, effects)
	undoElsewhere(t, planned)
	w.expect(t, j, sandbox.Gone)
}

func testFailingStart(t *testing.T, w *world) {
	for name, change := range map[string]func(*sandbox.Spec){
		"no_root":    func(s *sandbox.Spec) { s.Root.Dir = filepath.Join(w.dir, "nowhere") },
		"no_program": func(s *sandbox.Spec) { s.Process = &sandbox.Process{Args: []string{"/nowhere"}} },
		"no_source": func(s *sandbox.Spec) {
			s.Mounts = append(s.Mounts, sandbox.Mount{Type: "bind", Source: "/nowhere", Target: "/tmp"})
		},
		"no_console":  func(s *sandbox.Spec) { s.Console = filepath.Join(w.dir, "no", "where") },
		"no_user":     func(s *sandbox.Spec) { p := ProbeProcess("true"); p.User.Name = "nobody-here"; s.Process = &p },
		"no_director": func(s *sandbox.Spec) { p := ProbeProcess("true"); p.Dir = "/nowhere"; s.Process = &p },
	} {
		t.Run(name, func(t *testing.T) {
			spec := w.spec(t, "a")
			change(&spec)
			effects, err := w.Start(spec)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range effects {
				if err = e.Do(t.Context()); err != nil {
					break
				}
			}
			if err == nil {
				t.Error("start succeeded")
			}
			t.Log(err)
			undo(t, effects)
			if left := w.Leftovers(w.prefix); len(left) > 0 {
				t.Errorf("left behind: %q", left)
			}
		})
	}
	for name, spec := range map[string]sandbox.Spec{
		"no_id":        {Root: sandbox.Root{Dir: "/"}},
		"slash_in_id":  {ID: "a/b", Root: sandbox.Root{Dir: "/"}},
		"dots":         {ID: "..", Root: sandbox.Root{Dir: "/"}},
		"nothing":      {ID: "a"},
		"relative":     {ID: "a", Root: sandbox.Root{Dir: "root"}},
		"no_arguments": {ID: "a", Root: sandbox.Root{Dir: "/"}, Process: &sandbox.Process{}},
		"capability":   {ID: "a", Root: sandbox.Root{Dir: "/"}, Capabilities: []string{"FLY"}},
	} {
		if _, err := w.Start(spec); !errors.Is(err, fault.Invalid) {
			t.Errorf("Start of %s: %v, want it to be invalid", name, err)
		}
	}
}

func testCancelledStart(t *testing.T, w *world) {
	effects, err := w.Start(w.spec(t, "a"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, e := range effects {
		if err = e.Do(ctx); err != nil {
			break
		}
	}
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Do with a cancelled context: %v", err)
	}
	undo(t, effects)
}

func testJSON(t *testing.T, w *world) {
	effects, err := w.Start(w.spec(t, "a"))
	if err != nil {
		t.Fatal(err)
	}
	j := do(t, effects)
	var again []events.Effect
	for _, e := range encode(t, effects) {
		d, err := w.decode(e)
		if err != nil {
			t.Fatal(err)
		}
		again = append(again, d)
	}
	if diff := cmp.Diff(j, again[len(again)-1].(sandbox.Held).State()); diff != "" {
		t.Errorf("state changed on its way through JSON:\n%s", diff)
	}
	w.expect(t, again[len(again)-1].(sandbox.Held).State(), sandbox.Running)
	undo(t, again)
	w.expect(t, j, sandbox.Gone)
}

func testKilledOutside(t *testing.T, w *world) {
	effects, err := w.Start(w.spec(t, "a"))
	if err != nil {
		t.Fatal(err)
	}
	j := do(t, effects)
	if err := syscall.Kill(j.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Wait(t.Context(), j); err != nil {
		t.Fatal(err)
	}
	w.expect(t, j, sandbox.Gone)
	if err := w.Signal(t.Context(), j, syscall.SIGTERM); !errors.Is(err, fault.NotFound) {
		t.Errorf("Signal of a jail that is gone: %v", err)
	}
	s, err := w.Exec(j, ProbeProcess("true"), sandbox.Stdio{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Do(t.Context()); !errors.Is(err, fault.NotFound) {
		t.Errorf("Exec in a jail that is gone: %v", err)
	}
	undo(t, []events.Effect{s})
	undo(t, effects)
}

// testForeign: somebody else's process has the number now.
func testForeign(t *testing.T, w *world) {
	j := w.start(t, w.spec(t, "a"))
	stranger := j
	stranger.Started++
	w.expect(t, stranger, sandbox.Foreign)
	if err := w.Signal(t.Context(), stranger, syscall.SIGKILL); !errors.Is(err, fault.NotFound) {
		t.Errorf("Signal of a stranger: %v", err)
	}
	if _, err := w.Wait(t.Context(), stranger); err != nil {
		t.Errorf("Wait for a stranger: %v", err)
	}
	w.expect(t, j, sandbox.Running)
}

func testRebooted(t *testing.T, w *world) {
	j := w.start(t, w.spec(t, "a"))
	old := j
	old.Boot = "another"
	w.expect(t, old, sandbox.Rebooted)
	if err := w.Signal(t.Context(), old, syscall.SIGKILL); !errors.Is(err, fault.NotFound) {
		t.Errorf("Signal across a boot: %v", err)
	}
	w.expect(t, j, sandbox.Running)
	w.expect(t, sandbox.State{}, sandbox.Rebooted)
}

func testFirstProcess(t *testing.T, w *world) {
	for _, c := range []struct {
		args []string
		want sandbox.Exit
	}{
		{[]string{"true"}, sandbox.Exit{Known: true}},
		{[]string{"exit", "3"}, sandbox.Exit{Code: 3, Known: true}},
	} {
		spec := w.spec(t, "a")
		p := ProbeProcess(c.args...)
		spec.Process = &p
		effects, err := w.Start(spec)
		if err != nil {
			t.Fatal(err)
		}
		j := do(t, effects)
		if got, err := w.Wait(t.Context(), j); err != nil || got != c.want {
			t.Errorf("%q: %v, %v; want %v", c.args, got, err, c.want)
		}
		w.expect(t, j, sandbox.Gone)
		undo(t, effects)
	}
}

func testWait(t *testing.T, w *world) {
	effects, err := w.Start(w.spec(t, "a"))
	if err != nil {
		t.Fatal(err)
	}
	j := do(t, effects)
	ctx, cancel := context.WithCancel(t.Context())
	waiting := make(chan error)
	go func() {
		_, err := w.Wait(ctx, j)
		waiting <- err
	}()
	cancel()
	if err := <-waiting; !errors.Is(err, context.Canceled) {
		t.Errorf("Wait with a cancelled context: %v", err)
	}
	go func() {
		_, err := w.Wait(context.Background(), j)
		waiting <- err
	}()
	undo(t, effects)
	if err := <-waiting; err != nil {
		t.Errorf("Wait for a jail that is ended: %v", err)
	}
}

// testSignal: a jail without a process ends when it is asked to, and takes everybody along.
func testSignal(t *testing.T, w *world) {
	effects, err := w.Start(w.spec(t, "a"))
	if err != nil {
		t.Fatal(err)
	}
	j := do(t, effects)
	out := newPipe(t)
	s, err := w.Exec(j, ProbeProcess("trap"), sandbox.Stdio{Out: out.w})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Do(t.Context()); err != nil {
		t.Fatal(err)
	}
	out.w.Close()
	readLine(t, out.r, "ready")
	if err := w.Signal(t.Context(), j, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	readLine(t, out.r, "terminated")
	if _, err := w.Wait(t.Context(), j); err != nil {
		t.Error(err)
	}
	w.expect(t, j, sandbox.Gone)
	undo(t, effects)
}

func testConsole(t *testing.T, w *world) {
	spec := w.spec(t, "a")
	spec.Console = filepath.Join(w.dir, "console")
	for range 2 {
		p := ProbeProcess("complain", "hello")
		spec.Process = &p
		effects, err := w.Start(spec)
		if err != nil {
			t.Fatal(err)
		}
		j := do(t, effects)
		if _, err := w.Wait(t.Context(), j); err != nil {
			t.Error(err)
		}
		undo(t, effects)
	}
	if b, err := os.ReadFile(spec.Console); err != nil || string(b) != "hello\nhello\n" {
		t.Errorf("console = %q, %v; want hello twice", b, err)
	}
	if err := os.Remove(spec.Console); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/dev/null", spec.Console); err != nil {
		t.Fatal(err)
	}
	effects, err := w.Start(spec)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range effects {
		if err = e.Do(t.Context()); err != nil {
			break
		}
	}
	if err == nil {
		t.Error("a link in the console's place was followed")
	}
	undo(t, effects)
}

func testFifty(t *testing.T, w *world) {
	var group sync.WaitGroup
	for i := range 50 {
		group.Go(func() {
			effects, err := w.Start(w.spec(t, fmt.Sprint(i)))
			if err != nil {
				t.Error(err)
				return
			}
			defer undo(t, effects)
			for _, e := range effects {
				if err := e.Do(context.Background()); err != nil {
					t.Error(err)
					return
				}
			}
			w.expect(t, effects[len(effects)-1].(sandbox.Held).State(), sandbox.Running)
		})
	}
	group.Wait()
}

func testTwoJails(t *testing.T, w *world) {
	a, b := w.start(t, w.spec(t, "a")), w.start(t, w.spec(t, "b"))
	if a.PID == b.PID || a.Mark == b.Mark {
		t.Errorf("two jails are one: %+v, %+v", a, b)
	}
	w.must(t, a, "true")
	w.must(t, b, "true")
}

// testStartedElsewhere: a jail outlives the process that started it, and is anybody's.
func testStartedElsewhere(t *testing.T, w *world) {
	out := newPipe(t)
	p := other(t, "start", startOrder{Dir: w.files, Prefix: w.prefix, Spec: w.spec(t, "a")}, out.w)
	out.w.Close()
	all := readRecords(out.r, nil)
	if state, err := p.Wait(); err != nil || !state.Success() || len(all) == 0 {
		t.Fatalf("start in another process: %v %v", state, err)
	}
	var effects []events.Effect
	for _, e := range all {
		d, err := w.decode(e)
		if err != nil {
			t.Fatal(err)
		}
		effects = append(effects, d)
	}
	j := effects[len(effects)-1].(sandbox.Held).State()
	w.expect(t, j, sandbox.Running)
	w.must(t, j, "true")
	undo(t, effects)
	w.expect(t, j, sandbox.Gone)
}

// testKilledStarter kills another ioc process at ever later moments of a start. What it has written by
// then, as into a journal, is enough to end whatever it has started.
func testKilledStarter(t *testing.T, w *world) {
	order := startOrder{Dir: w.files, Prefix: w.prefix, Spec: w.spec(t, "a")}
	killLater(t, "start", order, func(delay time.Duration, all []encoded) {
		undoElsewhere(t, all)
		if left := append(w.Leftovers(w.prefix), filesBelow(w.files)...); len(left) > 0 {
			t.Fatalf("killed after %v: left behind: %q", delay, left)
		}
	})
}

// testKilledExec does so with the start of another process in a jail.
func testKilledExec(t *testing.T, w *world) {
	j := w.start(t, w.spec(t, "a"))
	files := filesBelow(w.files)
	killLater(t, "exec", startOrder{Dir: w.files, Prefix: w.prefix, State: j, Process: ProbeProcess("hold")},
		func(delay time.Duration, all []encoded) {
			undoElsewhere(t, all)
			for name := range strings.Lines(w.must(t, j, "processes")) {
				if strings.TrimSpace(name) == "hold" {
					t.Fatalf("killed after %v: the process is still there", delay)
				}
			}
			if now := filesBelow(w.files); len(now) != len(files) {
				t.Fatalf("killed after %v: left behind: %q", delay, now)
			}
		})
	w.expect(t, j, sandbox.Running)
}

// killLater has another process do something, and kills it at ever later moments until it is too late three
// times. check gets what was written by then.
func killLater(t *testing.T, what string, order startOrder, check func(time.Duration, []encoded)) {
	t.Helper()
	finished := 0
	for delay := time.Duration(0); finished < 3 && delay < 10*time.Second; delay += delay/20 + 300*time.Microsecond {
		out := newPipe(t)
		p := other(t, what, order, out.w)
		out.w.Close()
		all := readRecords(out.r, func() { time.AfterFunc(delay, func() { _ = p.Kill() }) })
		out.r.Close()
		state, err := p.Wait()
		if err != nil {
			t.Fatal(err)
		}
		if state.Success() {
			finished++
		}
		check(delay, all)
	}
	if finished < 3 {
		t.Error("nothing was ever finished")
	}
}

// readLine reads one line and compares it.
func readLine(t *testing.T, r io.Reader, want string) {
	t.Helper()
	if got := nextLine(t, r); got != want {
		t.Fatalf("read %q, want %q", got, want)
	}
}

// nextLine reads one line, and not more.
func nextLine(t *testing.T, r io.Reader) string {
	t.Helper()
	var line []byte
	for one := make([]byte, 1); ; {
		n, err := r.Read(one)
		if n == 1 && one[0] == '\n' {
			return strings.TrimSuffix(string(line), "\r")
		}
		line = append(line, one[:n]...)
		if err != nil {
			t.Fatalf("read %q: %v", line, err)
		}
	}
}
