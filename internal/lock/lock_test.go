package lock_test

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/internal/lock"
)

func run(n byte) *events.RunInfo {
	return &events.RunInfo{ID: events.RunID{n}, PID: os.Getpid(), Started: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
}

// TestMain is also the other process: it holds what it is told and lets go when it is told.
func TestMain(m *testing.M) {
	dir := os.Getenv("LOCK_TEST_DIR")
	if dir == "" {
		os.Exit(m.Run())
	}
	release, err := lock.Dir(dir).Take(os.Getenv("LOCK_TEST_NAME"), os.Getenv("LOCK_TEST_SHARED") != "", "stop", run(9))
	if err != nil {
		panic(err)
	}
	if _, err := os.Stdout.WriteString("held\n"); err != nil {
		panic(err)
	}
	if _, err := bufio.NewReader(os.Stdin).ReadString('\n'); err != nil {
		panic(err)
	}
	release()
}

func tables(t *testing.T) map[string]*lock.Table {
	return map[string]*lock.Table{"memory": lock.Memory(), "dir": lock.Dir(t.TempDir())}
}

func take(t *testing.T, l *lock.Table, name string, shared bool, by byte) func() {
	t.Helper()
	release, err := l.Take(name, shared, "start", run(by))
	if err != nil {
		t.Fatalf("take %s (shared %v) by %d: %v", name, shared, by, err)
	}
	return release
}

func refused(t *testing.T, l *lock.Table, name string, shared bool, by byte) {
	t.Helper()
	release, err := l.Take(name, shared, "destroy", run(by))
	if err == nil {
		release()
		t.Fatalf("take %s (shared %v) by %d: it was free", name, shared, by)
	}
	held, ok := errors.AsType[*fault.HeldError](err)
	if !errors.Is(err, fault.Busy) || !ok || held.Op == "" || held.PID == 0 || held.Since.IsZero() {
		t.Fatalf("take %s (shared %v) by %d: got %v, want who holds it", name, shared, by, err)
	}
}

func TestTake(t *testing.T) {
	for name, l := range tables(t) {
		t.Run(name, func(t *testing.T) {
			first := take(t, l, "jails/web", false, 1)
			again := take(t, l, "jails/web", false, 1)
			also := take(t, l, "jails/web", true, 1)
			refused(t, l, "jails/web", false, 2)
			refused(t, l, "jails/web", true, 2)
			take(t, l, "jails/db", false, 2)()
			again()
			also()
			refused(t, l, "jails/web", false, 2)
			first()
			second := take(t, l, "jails/web", false, 2)
			first()
			refused(t, l, "jails/web", false, 1)
			second()
			take(t, l, "jails/web", false, 2)()

			one, two := take(t, l, "releases/r", true, 1), take(t, l, "releases/r", true, 2)
			refused(t, l, "releases/r", false, 3)
			refused(t, l, "releases/r", false, 1)
			one()
			refused(t, l, "releases/r", false, 1)
			two()
			take(t, l, "releases/r", false, 1)()
		})
	}
}

func TestFilesGoWithTheLock(t *testing.T) {
	dir := t.TempDir()
	release := take(t, lock.Dir(dir), "jails/web", false, 1)
	if names(t, dir) != "jails-web" {
		t.Errorf("got %q", names(t, dir))
	}
	release()
	if err := os.WriteFile(filepath.Join(dir, "jails-old"), []byte("left by a killed process"), 0o600); err != nil {
		t.Fatal(err)
	}
	take(t, lock.Dir(dir), "jails/old", false, 1)()
	if names(t, dir) != "" {
		t.Errorf("got %q, want nothing", names(t, dir))
	}
}

func TestOtherProcess(t *testing.T) {
	for _, shared := range []bool{false, true} {
		dir := t.TempDir()
		other := exec.Command(os.Args[0])
		other.Env = append(os.Environ(), "LOCK_TEST_DIR="+dir, "LOCK_TEST_NAME=jails/web")
		if shared {
			other.Env = append(other.Env, "LOCK_TEST_SHARED=1")
		}
		in, err := other.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		out, err := other.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := other.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
			t.Fatal(err)
		}
		l := lock.Dir(dir)
		refused(t, l, "jails/web", false, 1)
		if err := l.Sweep(); err != nil {
			t.Fatal(err)
		}
		if shared {
			take(t, l, "jails/web", true, 1)()
			refused(t, l, "jails/web", false, 1)
		} else {
			_, err := l.Take("jails/web", true, "start", run(1))
			if held, _ := errors.AsType[*fault.HeldError](err); held == nil || held.Op != "stop" || held.PID != other.Process.Pid {
				t.Errorf("got %v, want stop by pid %d", err, other.Process.Pid)
			}
		}
		if err := other.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = other.Wait() // it was killed
		_ = in.Close()
		if names(t, dir) != "jails-web" {
			t.Errorf("left by the killed process: got %q", names(t, dir))
		}
		if err := l.Sweep(); err != nil || names(t, dir) != "" {
			t.Errorf("after Sweep: %v, %q is left", err, names(t, dir))
		}
	}
}

// TestAlone lets many runs of two tables on one directory fight for a name.
func TestAlone(t *testing.T) {
	dir := t.TempDir()
	tables := []*lock.Table{lock.Dir(dir), lock.Dir(dir)}
	var inside, done sync.Mutex
	var all sync.WaitGroup
	got := 0
	for n := range byte(16) {
		all.Go(func() {
			for range 200 {
				release, err := tables[n%2].Take("jails/web", false, "start", run(n+1))
				if errors.Is(err, fault.Busy) {
					if held, _ := errors.AsType[*fault.HeldError](err); held == nil || held.Op != "start" {
						t.Errorf("busy, but nobody knows by whom: %v", err)
					}
					continue
				}
				if err != nil {
					t.Error(err)
					return
				}
				if !inside.TryLock() {
					t.Error("two hold it at once")
					return
				}
				done.Lock()
				got++
				done.Unlock()
				inside.Unlock()
				release()
			}
		})
	}
	all.Wait()
	if got == 0 {
		t.Error("nobody ever got it")
	}
	if names(t, dir) != "" {
		t.Errorf("left: %q", names(t, dir))
	}
}

func names(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return strings.Join(all, " ")
}
