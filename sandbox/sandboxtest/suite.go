//go:build unix

package sandboxtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/sandbox"
)

// Suite is what the tests need of a driver.
type Suite struct {
	// New makes a driver that keeps its files below dir and names its objects in the kernel with prefix.
	New func(dir, prefix string) sandbox.Driver

	// Effects has one value of each of the driver's effect types: what a journal would know by name.
	Effects []events.Effect

	// Leftovers lists what is in the kernel under a prefix. After every test there is nothing.
	Leftovers func(prefix string) []string

	// Sweep removes what a killed run has left under a prefix.
	Sweep func(prefix string)

	// Probes are the driver's own things to do in a jail.
	Probes map[string]Command
}

// Run runs the tests. Each has a driver, a directory and a prefix of its own.
func (s Suite) Run(t *testing.T) {
	s.sweep()
	for name, test := range map[string]func(*testing.T, *world){
		"start_and_undo":        testStartUndo,
		"undo_is_idempotent":    testUndoTwice,
		"undo_without_do":       testUndoNothing,
		"undo_elsewhere":        testUndoElsewhere,
		"failing_start":         testFailingStart,
		"cancelled_start":       testCancelledStart,
		"state_survives_json":   testJSON,
		"killed_from_outside":   testKilledOutside,
		"another_process":       testForeign,
		"another_boot":          testRebooted,
		"first_process":         testFirstProcess,
		"wait":                  testWait,
		"signal":                testSignal,
		"console":               testConsole,
		"fifty_at_once":         testFifty,
		"two_jails":             testTwoJails,
		"exit_codes":            testExitCodes,
		"standard_files":        testStdio,
		"environment":           testEnvironment,
		"users":                 testUsers,
		"exec_errors":           testExecErrors,
		"exec_undo":             testExecUndo,
		"exec_undo_elsewhere":   testExecUndoElsewhere,
		"exec_in_ending_jail":   testExecEnding,
		"exec_signal":           testExecSignal,
		"terminal":              testTerminal,
		"terminal_hangup":       testHangup,
		"mounts":                testMounts,
		"read_only_root":        testReadOnlyRoot,
		"hostname_and_loopback": testHostnameLoopback,
		"limit_processes":       testLimitProcesses,
		"killed_starter":        testKilledStarter,
		"killed_exec":           testKilledExec,
		"started_elsewhere":     testStartedElsewhere,
		"freeze":                testFreeze,
	} {
		t.Run(name, func(t *testing.T) { test(t, s.world(t)) })
	}
}

// prefix is what names in the kernel begin with; the test process's number follows.
const prefix = "ioctest"

// sweep removes what test processes have left that are not there any more.
func (s Suite) sweep() {
	for _, left := range s.Leftovers(prefix) {
		_, rest, _ := strings.Cut(left, prefix)
		number, _, _ := strings.Cut(rest, "-")
		if pid, err := strconv.Atoi(number); err == nil && errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			s.Sweep(prefix + number)
		}
	}
}

// world is one test's.
type world struct {
	Suite
	sandbox.Driver
	dir    string
	prefix string
	root   string
	files  string // the driver's
}

// world makes an empty world and sees to it that it is empty again afterwards.
func (s Suite) world(t *testing.T) *world {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	w := &world{Suite: s, dir: dir, root: filepath.Join(dir, "root")}
	w.prefix = fmt.Sprintf("%s%d-%s", prefix, os.Getpid(), path.Base(t.Name()))
	w.files = filepath.Join(dir, "driver")
	w.Driver = s.New(w.files, w.prefix)
	MakeRoot(t, w.root)
	w.warm(t)
	fds := openFiles()
	t.Cleanup(func() {
		if left := s.Leftovers(w.prefix); len(left) > 0 {
			t.Errorf("left behind: %q", left)
		}
		if left := filesBelow(w.files); len(left) > 0 {
			t.Errorf("the driver's files left behind: %q", left)
		}
		if now := openFiles(); len(now) > len(fds) {
			t.Errorf("descriptors: %d before, now %q", len(fds), now)
		}
	})
	return w
}

// warm starts and ends a jail, so that what a driver opens once and keeps is not taken for a leak.
func (w *world) warm(t *testing.T) {
	t.Helper()
	effects, err := w.Start(w.spec(t, "warm"))
	if err != nil {
		t.Fatal(err)
	}
	defer undo(t, effects)
	do(t, effects)
}

func filesBelow(dir string) []string {
	var all []string
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			all = append(all, path)
		}
		return nil
	})
	return all
}

// openFiles lists this process's descriptors.
func openFiles() []string {
	var all []string
	entries, _ := os.ReadDir("/dev/fd")
	for _, e := range entries {
		if to, err := os.Readlink("/dev/fd/" + e.Name()); err == nil {
			all = append(all, e.Name()+" "+to)
		}
	}
	return all
}

// spec is a jail without a process of its own.
func (w *world) spec(t *testing.T, name string) sandbox.Spec {
	t.Helper()
	return sandbox.Spec{ID: w.prefix + "-" + name, Root: sandbox.Root{Dir: w.root}, Mounts: Libraries(t)}
}

// start starts a jail and ends it with the test.
func (w *world) start(t *testing.T, spec sandbox.Spec) sandbox.State {
	t.Helper()
	effects, err := w.Start(spec)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { undo(t, effects) })
	return do(t, effects)
}

// do applies the effects of a start and gives the jail's state.
func do(t *testing.T, effects []events.Effect) sandbox.State {
	t.Helper()
	for _, e := range effects {
		if v, ok := e.(events.Volatile); !ok || !v.Volatile() {
			t.Errorf("%s is not volatile", e.EventType())
		}
		if err := e.Do(t.Context()); err != nil {
			t.Fatalf("%s: %v", e.EventType(), err)
		}
	}
	held, ok := effects[len(effects)-1].(sandbox.Held)
	if !ok {
		t.Fatalf("last effect %T is not a sandbox.Held", effects[len(effects)-1])
	}
	return held.State()
}

// undo undoes effects, newest first.
func undo(t *testing.T, effects []events.Effect) {
	t.Helper()
	for i := len(effects) - 1; i >= 0; i-- {
		if err := effects[i].Undo(context.Background()); err != nil {
			t.Errorf("undo %s: %v", effects[i].EventType(), err)
		}
	}
}

// expect checks a jail's status.
func (w *world) expect(t *testing.T, j sandbox.State, want sandbox.Status) {
	t.Helper()
	got, err := w.Status(t.Context(), j)
	if err != nil || got != want {
		t.Errorf("Status(%s) = %q, %v; want %q", j.ID, got, err, want)
	}
}

// run executes a probe in a jail and gives what it wrote to both outputs, and how it ended.
func (w *world) run(t *testing.T, j sandbox.State, p sandbox.Process) (string, sandbox.Exit) {
	t.Helper()
	out := newPipe(t)
	s, err := w.Exec(j, p, sandbox.Stdio{Out: out.w, Err: out.w})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Do(t.Context()); err != nil {
		undo(t, []events.Effect{s})
		t.Fatal(err)
	}
	out.w.Close()
	text, err := io.ReadAll(out.r)
	if err != nil {
		t.Fatal(err)
	}
	exit, err := s.Wait(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	return strings.TrimSuffix(string(text), "\n"), exit
}

// must is run of a probe that succeeds.
func (w *world) must(t *testing.T, j sandbox.State, args ...string) string {
	t.Helper()
	out, exit := w.run(t, j, ProbeProcess(args...))
	if !exit.Known || exit.Status() != 0 {
		t.Fatalf("probe %q: %v: %s", args, exit, out)
	}
	return out
}

// pipe is one that closes with the test.
type pipe struct{ r, w *os.File }

func newPipe(t *testing.T) pipe {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); w.Close() })
	return pipe{r, w}
}

// encoded is an effect as a journal keeps it.
type encoded struct {
	Type string
	Data json.RawMessage
}

func encode(t *testing.T, effects []events.Effect) []encoded {
	t.Helper()
	var all []encoded
	for _, e := range effects {
		b, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, encoded{e.EventType(), b})
	}
	return all
}

// decode makes an effect of what encode made.
func (s Suite) decode(e encoded) (events.Effect, error) {
	for _, known := range s.Effects {
		if known.EventType() == e.Type {
			fresh := reflect.New(reflect.TypeOf(known).Elem()).Interface().(events.Effect)
			return fresh, json.Unmarshal(e.Data, fresh)
		}
	}
	return nil, fault.New("decode", fault.Invalid, e.Type, nil)
}
