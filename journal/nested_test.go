package journal

import (
	"errors"
	"strings"
	"testing"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
)

// dieIn runs body with a journal and registry of its own run, and returns how to kill it.
func dieIn(t *testing.T, j *Journal, w *world, r *events.Registry, body func(s events.Step, kill func()) error) {
	t.Helper()
	dying := &dyingJournal{Journal: j}
	_, _ = events.New(&events.Named{Type: "test"}, func(s events.Step) (int, error) {
		return 0, body(s, func() { dying.kill(); w.gone = true })
	}).Do(t.Context(), events.WithJournal(dying), events.WithRegistry(r))
	if !w.gone {
		t.Fatal("it was not killed")
	}
	w.gone, w.log = false, nil
}

// TestNestedCompensation: a compensation that runs an operation is killed in it; recovery undoes what
// it did and runs it again.
func TestNestedCompensation(t *testing.T) {
	j, w := Memory(), newWorld()
	r := w.registry()
	kill := func() {}
	act := events.Define(r, "outer.v1", func(s events.Step, _ string) error {
		if err := s.Apply(&put{Name: "inner", w: w}); err != nil {
			return err
		}
		kill()
		return s.Apply(&put{Name: "second", w: w})
	})
	dieIn(t, j, w, r, func(s events.Step, k func()) error {
		kill = k
		return errors.Join(s.Undo(act.With("")), errTest)
	})
	kill = func() {}
	out, err := j.Recover(r).Do(t.Context(), events.WithRegistry(r))
	if err != nil || out != (Recovered{Runs: 1, Undone: 2}) {
		t.Errorf("%+v, %v", out, err)
	}
	if got := strings.Join(w.log, " "); got != "-inner +inner +second" {
		t.Errorf("recovery did %s", got)
	}
	wantClean(t, j)
}

// TestUndoOfUndo: what a compensation that succeeded has made is never undone.
func TestUndoOfUndo(t *testing.T) {
	j, w := Memory(), newWorld()
	r := w.registry()
	act := events.Define(r, "outer.v1", func(s events.Step, _ string) error {
		return s.Do(&events.Named{Type: "deeper"}, func(s events.Step) error {
			return s.Apply(&put{Name: "inner", w: w})
		})
	})
	dieIn(t, j, w, r, func(s events.Step, kill func()) error {
		_ = s.Do(&events.Named{Type: "part"}, func(s events.Step) error {
			return errors.Join(s.Undo(act.With("")), errTest)
		})
		err := w.put(s, "a")
		kill()
		return errors.Join(err, errTest)
	})
	if out, err := j.Recover(r).Do(t.Context()); err != nil || out != (Recovered{Runs: 1, Undone: 1}) {
		t.Errorf("%+v, %v", out, err)
	}
	wantWorld(t, w, "inner")
	wantClean(t, j)
}

// TestDeferredCutShort: a deferred action that runs an operation is killed in it, after the commit.
func TestDeferredCutShort(t *testing.T) {
	j, w := Memory(), newWorld()
	r := w.registry()
	kill := func() {}
	act := events.Define(r, "later.v1", func(s events.Step, _ string) error {
		if err := s.Apply(&put{Name: "scratch", w: w}); err != nil {
			return err
		}
		kill()
		return w.unset("old")
	})
	w.things["old"] = false
	dieIn(t, j, w, r, func(s events.Step, k func()) error {
		kill = k
		return errors.Join(w.put(s, "new"), s.AfterCommit(act.With("")))
	})
	wantWorld(t, w, "new old scratch")
	kill = func() {}
	if out, err := j.Recover(r).Do(t.Context(), events.WithRegistry(r)); err != nil || out != (Recovered{Runs: 1, Undone: 1, Forwarded: 1}) {
		t.Errorf("%+v, %v", out, err)
	}
	if got := strings.Join(w.log, " "); got != "-scratch +scratch -old" {
		t.Errorf("recovery did %s", got)
	}
	wantClean(t, j)
}

// TestSweepLeavesAnothersName: a prepared file that was published while it was looked at must not be
// removed under its old name, which is another run's by then.
func TestSweepLeavesAnothersName(t *testing.T) {
	journals(t, func(t *testing.T, j *Journal) {
		name := heldName("k") + suffixNext
		f, err := j.fs.open(name, true, true)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if err := j.fs.rename(name, heldName("k")); err != nil {
			t.Fatal(err)
		}
		other, err := j.fs.open(name, true, true)
		if err != nil {
			t.Fatal(err)
		}
		defer other.Close()
		if err := j.sweepFile(f, name); err != nil {
			t.Fatal(err)
		}
		if still, err := other.is(name); !still || err != nil {
			t.Errorf("the other run's file is gone: %v", err)
		}
		if err := j.sweepFile(other, name); err != nil {
			t.Fatal(err)
		}
		if still, err := other.is(name); still || err != nil {
			t.Errorf("a dead run's file stays: %v", err)
		}
	})
}

// TestDeferredInACompensation: what the operation that a compensation ran has deferred is done when the
// compensation has succeeded, once, and is not forgotten with it.
func TestDeferredInACompensation(t *testing.T) {
	journals(t, func(t *testing.T, j *Journal) {
		w := newWorld()
		w.things["x"] = false
		if err := w.do(t, j, "a ^x fail"); !errors.Is(err, errTest) {
			t.Fatal(err)
		}
		if got := strings.Join(w.log, " "); got != "+a +new -x -a" {
			t.Errorf("the rollback did %s", got)
		}
		wantClean(t, j)
		w.fail["x"], w.log = errTest, nil
		w.things["x"] = false
		if err := w.do(t, j, "a ^x fail"); fault.ExitCode(err) != 2 {
			t.Errorf("a deferred action of the rollback failed: %v", err)
		}
		w.fail["x"] = nil
		if out, err := j.Recover(w.registry()).Do(t.Context()); err != nil || out != (Recovered{Runs: 1, Forwarded: 1}) {
			t.Errorf("%+v, %v", out, err)
		}
		if got := strings.Join(w.log, " "); got != "+a +new -a -x" {
			t.Errorf("rollback and recovery did %s", got)
		}
		wantWorld(t, w, "new")
		wantClean(t, j)
	})
}

// TestDeferredInARelease: so it is with a compensation that was retained.
func TestDeferredInARelease(t *testing.T) {
	journals(t, func(t *testing.T, j *Journal) {
		w := newWorld()
		w.things["x"], w.fail["x"] = false, errTest
		if err := w.do(t, j, "a ~x @k"); err != nil {
			t.Fatal(err)
		}
		if _, err := j.Release("k", w.registry()).Do(t.Context()); fault.ExitCode(err) != 2 {
			t.Errorf("a deferred action of the release failed: %v", err)
		}
		w.fail["x"] = nil
		if out, err := j.Recover(w.registry()).Do(t.Context()); err != nil || out.Forwarded != 1 {
			t.Errorf("%+v, %v", out, err)
		}
		wantWorld(t, w, "")
		wantClean(t, j)
	})
}

// TestRetainInACompensation: what a compensation keeps under a key is released later, in the run that failed as
// after a crash.
func TestRetainInACompensation(t *testing.T) {
	journals(t, func(t *testing.T, j *Journal) {
		w := newWorld()
		w.j = j
		if err := w.do(t, j, "%k fail"); !errors.Is(err, errTest) {
			t.Fatal(err)
		}
		wantWorld(t, w, "new")
		if err := w.do(t, j, "-k"); err != nil {
			t.Fatal(err)
		}
		wantWorld(t, w, "")
		w.die(t, j, "a %k")
		recoverAll(t, j, w)
		wantWorld(t, w, "new")
		if err := w.do(t, j, "-k"); err != nil {
			t.Fatal(err)
		}
		wantWorld(t, w, "")
		wantClean(t, j)
	})
}
