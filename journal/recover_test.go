package journal

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
)

// left is what recovery would be told of the only dead run.
func left(t *testing.T, j *Journal) (dead events.DeadRun) {
	t.Helper()
	n := 0
	for d, err := range j.Pending() {
		if err != nil {
			t.Fatal(err)
		}
		dead = d
		n++
	}
	if n > 1 {
		t.Fatalf("%d dead runs", n)
	}
	return dead
}

func TestQuarantine(t *testing.T) {
	journals(t, func(t *testing.T, j *Journal) {
		w := newWorld()
		w.die(t, j, "a b c")
		w.fail["b"] = errTest
		for i, want := range []Recovered{{Runs: 1, Undone: 2, Residue: 1}, {Runs: 1, Residue: 1}, {Runs: 1, Residue: 1}} {
			if dirty, _ := j.Dirty(); !dirty {
				t.Fatalf("recovery %d: not dirty", i)
			}
			run := j.Recover(w.registry()).Start(t.Context())
			if out, err := run.Wait(); err != nil || out != want {
				t.Fatalf("recovery %d: %+v, %v", i, out, err)
			}
			if res := run.Residue(); len(res) != 1 || res[0].Action != "thing.put.v1" {
				t.Fatalf("recovery %d: residue %v", i, res)
			}
		}
		wantWorld(t, w, "b")
		if dirty, err := j.Dirty(); dirty || err != nil {
			t.Errorf("Dirty() = %v, %v although nothing is tried again", dirty, err)
		}
		w.log = nil
		delete(w.fail, "b")
		if out := recoverAll(t, j, w); out != (Recovered{Runs: 1, Residue: 1}) || len(w.log) > 0 {
			t.Errorf("in quarantine: %+v %v", out, w.log)
		}
		if dead := left(t, j); len(dead.Pending) != 1 || dead.Pending[0].Err.Error() != "test" {
			t.Errorf("Pending: %+v", dead)
		}
		out, err := j.Recover(w.registry(), Retry()).Do(t.Context())
		if err != nil || out != (Recovered{Runs: 1, Undone: 1}) {
			t.Errorf("Retry: %+v, %v", out, err)
		}
		wantWorld(t, w, "")
		wantClean(t, j)
	})
}

func TestFailuresDoNotFillTheLog(t *testing.T) {
	j, w := Memory(), newWorld()
	w.die(t, j, "a")
	none := events.NewRegistry()
	size := func() (n int64) {
		err := j.with(slotName(0), func(f file) error {
			data, err := readAll(f)
			if err != nil {
				return err
			}
			img, err := readImage(data, j.opts.BootID)
			n = img.end
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	var after int64
	for i := range 10 {
		run := j.Recover(none).Start(t.Context())
		if out, err := run.Wait(); err != nil || out != (Recovered{Runs: 1, Residue: 1}) {
			t.Fatalf("%+v, %v", out, err)
		}
		if res := run.Residue(); len(res) != 1 || !errors.Is(res[0].Err, events.ErrUnregistered) {
			t.Fatalf("residue %v", res)
		}
		if i == 0 {
			after = size()
		}
	}
	if n := size(); n != after {
		t.Errorf("the log grew from %d to %d bytes", after, n)
	}
	if dirty, _ := j.Dirty(); !dirty {
		t.Error("not dirty: another program may know the action")
	}
	if out := recoverAll(t, j, w); out != (Recovered{Runs: 1, Undone: 1}) {
		t.Errorf("%+v", out)
	}
}

func TestResolve(t *testing.T) {
	journals(t, func(t *testing.T, j *Journal) {
		w := newWorld()
		w.die(t, j, "a b")
		dead := left(t, j)
		if err := j.Resolve(dead.Run.ID, "removed by hand"); err != nil {
			t.Fatal(err)
		}
		wantClean(t, j)
		wantWorld(t, w, "a b")
		if err := j.Resolve(dead.Run.ID, ""); !errors.Is(err, fault.NotFound) {
			t.Errorf("resolved twice: %v", err)
		}
		names, err := j.fs.names(resolvedDir)
		if err != nil || len(names) != 1 || names[0] != dead.Run.ID.String() {
			t.Errorf("resolved: %v, %v", names, err)
		}
		if err := w.do(t, j, "c @k"); err != nil {
			t.Fatal(err)
		}
		if err := j.Forget("k", "gone"); err != nil {
			t.Fatal(err)
		}
		if err := j.Forget("k", "gone"); !errors.Is(err, fault.NotFound) {
			t.Errorf("forgotten twice: %v", err)
		}
		if got := heldString(t, j); got != "" {
			t.Errorf("held: %s", got)
		}
	})
}

// TestCommittedOverResidue: what could not be undone and was committed over is reported, never run.
func TestCommittedOverResidue(t *testing.T) {
	j, w := Memory(), newWorld()
	w.fail["b"] = errTest
	op := events.New(&events.Named{Type: "test"}, func(s events.Step) (int, error) {
		_ = s.Do(&events.Named{Type: "part"}, func(s events.Step) error {
			if err := w.put(s, "b"); err != nil {
				return err
			}
			return errTest
		})
		return 0, w.put(s, "a")
	})
	if _, err := op.Do(t.Context(), events.WithJournal(j), events.WithRegistry(w.registry())); err != nil {
		t.Fatal(err)
	}
	delete(w.fail, "b")
	if dead := left(t, j); len(dead.Pending) != 1 || dead.Pending[0].Action != "thing.put.v1" {
		t.Fatalf("Pending: %+v", dead)
	}
	if out := recoverAll(t, j, w); out != (Recovered{Runs: 1, Residue: 1}) {
		t.Errorf("%+v", out)
	}
	wantWorld(t, w, "a b")
	if dirty, _ := j.Dirty(); dirty {
		t.Error("dirty although there is nothing to run")
	}
	if err := j.Resolve(left(t, j).Run.ID, ""); err != nil {
		t.Fatal(err)
	}
	wantClean(t, j)
}

func TestCorruptIsRefused(t *testing.T) {
	journals(t, func(t *testing.T, j *Journal) {
		w := newWorld()
		w.die(t, j, "a b")
		if err := w.do(t, j, "c d @k"); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{slotName(0), heldName("k")} {
			err := j.with(name, func(f file) error { return writeAll(f, []byte{0xff}, headerSize+20) })
			if err != nil {
				t.Fatal(err)
			}
		}
		if dead := left(t, j); !errors.Is(dead.Corrupt, ErrCorrupt) || dead.Root != "test.op a b" {
			t.Errorf("Pending: %+v", dead)
		}
		if dirty, err := j.Dirty(); !dirty || err != nil {
			t.Errorf("Dirty() = %v, %v", dirty, err)
		}
		if out := recoverAll(t, j, w); out != (Recovered{Runs: 1, Residue: 1}) {
			t.Errorf("Recover: %+v", out)
		}
		if dirty, err := j.Dirty(); dirty || err != nil {
			t.Errorf("Dirty() = %v, %v although recovery can do nothing", dirty, err)
		}
		if h, ok, err := j.Lookup("k"); !ok || err != nil || !errors.Is(h.Corrupt, ErrCorrupt) {
			t.Errorf("Lookup: %+v, %v, %v", h, ok, err)
		}
		if _, err := j.Release("k", w.registry()).Do(t.Context()); !errors.Is(err, fault.Corrupt) {
			t.Errorf("Release: %v", err)
		}
		if err := w.do(t, j, "e @k"); !errors.Is(err, fault.Corrupt) {
			t.Errorf("retained over: %v", err)
		}
		wantWorld(t, w, "a b c d")
		if err := errors.Join(j.Resolve(left(t, j).Run.ID, "by hand"), j.Forget("k", "by hand")); err != nil {
			t.Fatal(err)
		}
		wantClean(t, j)
		// Both copies of the header.
		w.die(t, j, "x")
		err := j.with(slotName(0), func(f file) error { return writeAll(f, make([]byte, 600), 10) })
		if err != nil {
			t.Fatal(err)
		}
		dead := left(t, j)
		if !errors.Is(dead.Corrupt, ErrCorrupt) {
			t.Errorf("Pending: %+v", dead)
		}
		if out := recoverAll(t, j, w); out != (Recovered{Runs: 1, Residue: 1}) {
			t.Errorf("Recover: %+v", out)
		}
		if err := w.do(t, j, "y"); err != nil { // in another slot
			t.Error(err)
		}
		if err := j.Resolve(dead.Run.ID, ""); err != nil {
			t.Error(err)
		}
		wantClean(t, j)
	})
}

// guarded is a thing that needs a lock to be undone.
type guarded struct{ put }

func TestGuardBusy(t *testing.T) {
	j, w := Memory(), newWorld()
	var mu sync.Mutex
	held, order := 0, []string{}
	busy := fault.New("start", fault.Busy, "web", nil)
	registry := func() *events.Registry {
		r := events.NewRegistry()
		events.Register[guarded](r, "guarded.v1", events.Bind(func(p *guarded) { p.w = w }),
			events.Guard(func(ctx context.Context, p *guarded) (func(), error) {
				if events.RunOf(ctx) == nil {
					t.Error("the guard is not told whose it is")
				}
				if busy != nil && p.Name == "a" {
					return nil, busy
				}
				mu.Lock()
				held++
				mu.Unlock()
				return func() {
					held--
					if busy == nil && w.String() != "" {
						t.Error("released before all was undone")
					}
					order = append(order, p.Name)
				}, nil
			}))
		return r
	}
	dying := &dyingJournal{Journal: j}
	_, err := events.New(&events.Named{Type: "test"}, func(s events.Step) (int, error) {
		for _, n := range []string{"a", "b"} {
			if err := s.Apply(&guarded{put{Name: n, w: w}}); err != nil {
				return 0, err
			}
		}
		dying.kill()
		w.gone = true
		return 0, errTest
	}).Do(t.Context(), events.WithJournal(dying), events.WithRegistry(registry()))
	if err == nil {
		t.Fatal("it lives")
	}
	w.gone = false
	skipped := ""
	run := j.Recover(registry()).Start(t.Context())
	order = nil
	for ev := range run.Events() {
		if ev.Skipped() {
			skipped = ev.Type() + ": " + ev.Err.Error()
		}
	}
	order = nil
	if out, err := run.Wait(); err != nil || out != (Recovered{Runs: 1, Busy: 1}) || !strings.Contains(skipped, "run.recover: skipped: start web: busy") {
		t.Fatalf("%+v, %v, %q", out, err, skipped)
	}
	wantWorld(t, w, "a b")
	busy = nil
	out, err := j.Recover(registry()).Do(t.Context())
	if err != nil || out != (Recovered{Runs: 1, Undone: 2}) || held != 0 || strings.Join(order, "") != "ab" {
		t.Errorf("%+v, %v, held %d, released %v", out, err, held, order)
	}
	wantWorld(t, w, "")
}

func TestBarrier(t *testing.T) {
	j := Memory()
	undone, fail := []string{}, true
	r := events.NewRegistry()
	act := events.Define(r, "plain.v1", func(_ events.Step, p string) error {
		undone = append(undone, p)
		return nil
	})
	wall := events.Define(r, "wall.v1", func(events.Step, string) error {
		if fail {
			return errTest
		}
		return nil
	}, events.Barrier())
	dying := &dyingJournal{Journal: j}
	_, _ = events.New(&events.Named{Type: "test"}, func(s events.Step) (int, error) {
		err := errors.Join(s.Undo(act.With("1")), s.Undo(wall.With("2")), s.Undo(act.With("3")))
		dying.kill()
		return 0, errors.Join(err, errTest)
	}).Do(t.Context(), events.WithJournal(dying), events.WithRegistry(r))
	undone = nil
	for i, want := range []string{"3", "3", "3", "3"} {
		out, err := j.Recover(r).Do(t.Context())
		if got := strings.Join(undone, ""); got != want || err != nil || out.Residue != 2 {
			t.Errorf("recovery %d: undone %s, %+v, %v", i, got, out, err)
		}
	}
	if dirty, _ := j.Dirty(); dirty {
		t.Error("dirty although the barrier is given up")
	}
	fail = false
	if out, err := j.Recover(r, Retry()).Do(t.Context()); err != nil || out.Undone != 2 || strings.Join(undone, "") != "31" {
		t.Errorf("%+v, %v, %v", out, err, undone)
	}
}

func TestLive(t *testing.T) {
	journals(t, func(t *testing.T, j *Journal) {
		w := newWorld()
		_, err := events.New(&events.Named{Type: "jail.start", Key: "web"}, func(s events.Step) (int, error) {
			if err := w.put(s, "va"); err != nil {
				return 0, err
			}
			n := 0
			for l, err := range j.Live() {
				n++
				if err != nil || l.Type != "jail.start" || l.Key != "web" || l.Run.ID != s.Run().ID || l.Run.PID != os.Getpid() || !l.Run.Started.Equal(s.Run().Started) {
					t.Errorf("Live: %+v, %v", l, err)
				}
			}
			if dirty, err := j.Dirty(); n != 1 || dirty || err != nil {
				t.Errorf("%d live runs, Dirty() = %v, %v", n, dirty, err)
			}
			if out := recoverAll(t, j, w); out != (Recovered{}) {
				t.Errorf("a live run was recovered: %+v", out)
			}
			return 0, nil
		}).Do(t.Context(), events.WithJournal(j), events.WithRegistry(w.registry()), events.WithOrigin("h", os.Getpid()))
		if err != nil {
			t.Fatal(err)
		}
		wantClean(t, j)
	})
}

// TestStopInRecovery: breaking off leaves the rest to the next recovery.
func TestStopInRecovery(t *testing.T) {
	j, w := Memory(), newWorld()
	w.die(t, j, "a b c d")
	w.die(t, j, "e f")
	n := 0
	for ev := range j.Recover(w.registry()).Events(t.Context()) {
		if ev.Kind == events.Revert && ev.Done() {
			if n++; n == 3 {
				break
			}
		}
	}
	wantWorld(t, w, "a b c") // the newer run first
	if out := recoverAll(t, j, w); out != (Recovered{Runs: 1, Undone: 3}) {
		t.Errorf("%+v", out)
	}
	wantClean(t, j)
}

func TestManySlots(t *testing.T) {
	j := Memory()
	j.opts.Slots = 3
	w := newWorld()
	for i := range 3 {
		w.die(t, j, fmt.Sprint("a", i))
	}
	if err := w.do(t, j, "b"); err == nil || !strings.Contains(err.Error(), "all 3 slots are in use") {
		t.Fatal(err)
	}
	if out := recoverAll(t, j, w); out != (Recovered{Runs: 3, Undone: 3}) {
		t.Errorf("%+v", out)
	}
	if err := w.do(t, j, "b"); err != nil {
		t.Fatal(err)
	}
}

// TestDirtyRunKeepsItsHelpersLock: a run that ends with something left only closes its file.
func TestDirtyRunKeepsItsHelpersLock(t *testing.T) {
	j, err := Open(t.TempDir(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	l := openLog(t, j)
	if _, err := l.Append(undo(1, false)); err != nil {
		t.Fatal(err)
	}
	fd, err := syscall.Dup(int(l.LockFile().Fd())) // what a child has inherited
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(false); err != nil {
		t.Fatal(err)
	}
	w := newWorld()
	if out := recoverAll(t, j, w); out != (Recovered{}) {
		t.Errorf("recovered under the helper's feet: %+v", out)
	}
	if err := syscall.Close(fd); err != nil {
		t.Fatal(err)
	}
	if out := recoverAll(t, j, w); out.Runs != 1 {
		t.Errorf("%+v", out)
	}
}

// inOtherHands is the first slot, which somebody else works with.
func inOtherHands(t *testing.T, j *Journal) file {
	t.Helper()
	f, err := j.fs.open(slotName(0), false, false)
	if err != nil {
		t.Fatal(err)
	}
	if ok, err := f.lock(exclusive); !ok || err != nil {
		t.Fatal(ok, err)
	}
	return f
}

// TestConcerning: who holds what a dead run held is told that somebody else works with that run's record, after a while; who
// has nothing to do with it goes on at once.
func TestConcerning(t *testing.T) {
	journals(t, func(t *testing.T, j *Journal) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld()
			w.die(t, j, "a b")
			j := reborn(j)
			other := inOtherHands(t, j)
			defer other.Close()
			if dirty, err := j.Dirty(); !dirty || err != nil {
				t.Errorf("while another recovery is at work: dirty %v, %v", dirty, err)
			}
			about := func(name string) RecoverOption {
				return Concerning(func(e events.Effect) bool { return e.(*put).Name == name })
			}
			began := time.Now()
			if out, err := j.Recover(w.registry(), about("c")).Do(t.Context()); err != nil || out != (Recovered{}) || time.Since(began) > 0 {
				t.Errorf("who is not concerned: %+v, %v, after %v", out, err, time.Since(began))
			}
			_, err := j.Recover(w.registry(), about("a")).Do(t.Context())
			if !errors.Is(err, fault.Busy) || !strings.Contains(err.Error(), "of pid 4711 left") {
				t.Errorf("who is concerned: %v", err)
			}
			wantWorld(t, w, "a b")
			unlocked := make(chan error, 1)
			if _, ok := other.(*diskFile); ok {
				time.AfterFunc(time.Second, func() { unlocked <- other.unlock() })
			} else { // nobody else can have one in memory, and it is not waited for
				unlocked <- other.unlock()
			}
			if out, err := j.Recover(w.registry(), about("a")).Do(t.Context()); err != nil || out.Undone != 2 {
				t.Errorf("when it is let go: %+v, %v", out, err)
			}
			if err := <-unlocked; err != nil {
				t.Error(err)
			}
			wantWorld(t, w, "")
			wantClean(t, j)
		})
	})
}

// TestGuardStays: what guards a run is undone last, but the run is guarded as long as anything of it is left.
func TestGuardStays(t *testing.T) {
	journals(t, func(t *testing.T, j *Journal) {
		w := newWorld()
		taken := 0
		registry := func() *events.Registry {
			r := w.registry()
			events.Register[guarded](r, "guarded.v1", events.Bind(func(p *guarded) { p.w = w }),
				events.Guard(func(context.Context, *guarded) (func(), error) { taken++; return func() {}, nil }))
			return r
		}
		run := events.New(&events.Named{Type: "test"}, func(s events.Step) (int, error) {
			return 0, errors.Join(s.Apply(&guarded{put{Name: "guard", w: w}}), w.put(s, "a"), errTest)
		}).Start(t.Context(), events.WithJournal(j), events.WithRegistry(registry()))
		w.fail["a"] = errTest
		if _, err := run.Wait(); !errors.Is(err, errTest) {
			t.Fatal(err)
		}
		wantWorld(t, w, "a") // the guard is undone
		for n := range 2 {
			if _, err := j.Recover(registry()).Do(t.Context()); err != nil || taken != n+1 {
				t.Errorf("recovery %d: guarded %d times, %v", n, taken, err)
			}
			delete(w.fail, "a")
		}
		wantWorld(t, w, "")
		wantClean(t, j)
	})
}

// TestReleaseWaitsForALook: a recovery looks at a release that was broken off, and leaves it alone because who goes on with it
// holds what it is about.
func TestReleaseWaitsForALook(t *testing.T) {
	j, err := Open(t.TempDir(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		if err := w.do(t, j, "@k a b"); err != nil {
			t.Fatal(err)
		}
		w.fail["a"] = errTest
		if _, err := j.Release("k", w.registry()).Do(t.Context()); err == nil {
			t.Fatal("all was released")
		}
		delete(w.fail, "a")
		looks, _, err := j.takeFile("test", "k", suffixOut, tryLock)
		if err != nil || looks == nil {
			t.Fatal(looks, err)
		}
		time.AfterFunc(100*time.Millisecond, func() { _ = looks.close() })
		if _, err := j.Release("k", w.registry()).Do(t.Context()); err != nil {
			t.Error(err)
		}
		wantWorld(t, w, "")
		wantClean(t, j)
	})
}

// TestDirtyEnd: a run that left something behind is dead, though its process lives, and whoever has its slot is a recovery.
func TestDirtyEnd(t *testing.T) {
	journals(t, func(t *testing.T, j *Journal) {
		w := newWorld()
		w.fail["a"] = errTest
		_, err := events.New(&events.Named{Type: "test"}, func(s events.Step) (int, error) {
			return 0, errors.Join(w.put(s, "a"), errTest)
		}).Do(t.Context(), events.WithJournal(j), events.WithRegistry(w.registry()), events.WithOrigin("h", os.Getpid()))
		if !errors.Is(err, errTest) {
			t.Fatal(err)
		}
		other := inOtherHands(t, j)
		defer other.Close()
		if dirty, err := j.Dirty(); !dirty || err != nil {
			t.Errorf("dirty %v, %v", dirty, err)
		}
	})
}
