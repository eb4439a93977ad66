package linuxns

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/internal/backend/linuxns/stage"
	"github.com/libioc/ioc/sandbox"
	"github.com/libioc/ioc/sandbox/sandboxtest"
)

// lab is a driver with a root to start jails from.
type lab struct {
	*Driver
	dir, root string
	spec      sandbox.Spec
}

func newLab(t testing.TB) *lab {
	t.Helper()
	dir := t.TempDir()
	for d := dir; d != os.TempDir() && d != "/"; d = filepath.Dir(d) { // jails of other ids pass through
		_ = os.Chmod(d, 0o755)
	}
	name := "ioctest" + itoa(os.Getpid()) + "-" + strings.ToLower(filepath.Base(t.Name())) + filepath.Base(dir)
	l := &lab{Driver: New(Options{Run: filepath.Join(dir, "run"), Group: name}), dir: dir, root: filepath.Join(dir, "root")}
	sandboxtest.MakeRoot(t, l.root)
	l.spec = sandbox.Spec{ID: name, Root: sandbox.Root{Dir: l.root}, Mounts: sandboxtest.Libraries(t)}
	t.Cleanup(func() {
		if left := leftovers(name); len(left) > 0 {
			t.Errorf("left behind: %q", left)
		}
	})
	return l
}

// begin starts the jail and ends it with the test.
func (l *lab) begin(t testing.TB, change ...func(*Spawn)) sandbox.State {
	t.Helper()
	j, err := l.try(t, change...)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// try starts the jail, which may fail, and ends it with the test.
func (l *lab) try(t testing.TB, change ...func(*Spawn)) (sandbox.State, error) {
	t.Helper()
	effects, err := l.Start(l.spec)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { undoAll(t, effects) })
	for _, e := range effects {
		if s, ok := e.(*Spawn); ok {
			for _, f := range change {
				f(s)
			}
		}
		if err := e.Do(t.Context()); err != nil {
			return sandbox.State{}, err
		}
	}
	return effects[len(effects)-1].(sandbox.Held).State(), nil
}

func undoAll(t testing.TB, effects []events.Effect) {
	t.Helper()
	for i := len(effects) - 1; i >= 0; i-- {
		if err := effects[i].Undo(context.Background()); err != nil {
			t.Error(err)
		}
	}
}

// run executes a process in a jail and gives its output and its end.
func (l *lab) run(t testing.TB, j sandbox.State, p sandbox.Process) (string, sandbox.Exit, error) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	s, err := l.Exec(j, p, sandbox.Stdio{Out: w, Err: w})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Do(t.Context()); err != nil {
		w.Close()
		undoAll(t, []events.Effect{s})
		return "", sandbox.Exit{}, err
	}
	w.Close()
	out, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	exit, err := s.Wait(t.Context())
	return strings.TrimSuffix(string(out), "\n"), exit, err
}

// probe is run of something that succeeds.
func (l *lab) probe(t testing.TB, j sandbox.State, args ...string) string {
	t.Helper()
	out, exit, err := l.run(t, j, sandboxtest.ProbeProcess(args...))
	if err != nil || exit.Status() != 0 {
		t.Fatalf("probe %q: %v, %v: %s", args, exit, err, out)
	}
	return out
}

// overlayWay makes the stage mount its overlay in one way only.
func overlayWay(way int64) func(*Spawn) {
	return func(s *Spawn) {
		for i := range s.program {
			if s.program[i].Op == stage.OpOverlay {
				s.program[i].N[3] = way
			}
		}
	}
}

func probeProcess(args ...string) sandbox.Process { return sandboxtest.ProbeProcess(args...) }
