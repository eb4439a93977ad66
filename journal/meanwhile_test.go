package journal

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
)

// TestSealTogether: lanes may seal at the same time what they retain under one key.
func TestSealTogether(t *testing.T) {
	d := newDisk()
	d.hook = func(op string, _ int) error {
		for range 100 { // the others go on
			runtime.Gosched()
		}
		return nil
	}
	j, w := newJournal(d, Options{}), newWorld()
	const lanes = 4
	for range 20 {
		op := events.New(&events.Named{Type: "test.op"}, func(s events.Step) (int, error) {
			return 0, s.Group(func(g *events.Group) {
				for i := range lanes {
					g.Go(&events.Named{Type: "lane"}, func(s events.Step) error {
						return errors.Join(s.Retain("k"), w.put(s, string(rune('a'+i))), s.Seal())
					})
				}
			})
		})
		if _, err := op.Do(t.Context(), events.WithJournal(j), events.WithRegistry(w.registry())); err != nil {
			t.Fatal(err)
		}
		if h, ok, err := j.Lookup("k"); !ok || err != nil || len(h.Records) != lanes {
			t.Fatalf("retained: %+v, %v", h, err)
		}
		if _, err := j.Release("k", w.registry()).Do(t.Context()); err != nil {
			t.Fatal(err)
		}
		wantWorld(t, w, "")
	}
	wantClean(t, j)
}

// TestSealIsNotForgotten: a lane that fills the log while another waits for its SEALED does not begin it anew,
// because what SEALED names has not got its name yet.
func TestSealIsNotForgotten(t *testing.T) {
	d := newDisk()
	l := openLog(t, newJournal(d, Options{SlotSize: 1}))
	lsn, err := l.Append(undo(1, false))
	if err != nil {
		t.Fatal(err)
	}
	before, filled := l.h.salt, false
	d.hook = func(op string, _ int) error {
		if filled || !hasWord("sync", op) || l.next == lsn+1 {
			return nil
		}
		filled = true
		rec := undo(2, true)
		rec.Params = make([]byte, 4<<10)
		if _, err := l.Append(rec); err != nil {
			t.Error(err)
		}
		if l.h.salt != before {
			t.Error("the log began anew")
		}
		return nil
	}
	if err := l.Seal([]uint64{lsn}, []events.Retained{{Key: "k", LSNs: []uint64{lsn}}}); err != nil || !filled {
		t.Fatalf("%v, filled %t", err, filled)
	}
	if err := l.Close(false); err != nil {
		t.Fatal(err)
	}
}

// meanwhile is a file system in which something happens before a file of this name is opened.
type meanwhile struct {
	fileSystem
	name string
	f    func()
}

func (m *meanwhile) open(name string, create, exclusive bool) (file, error) {
	if f := m.f; f != nil && name == m.name {
		m.f = nil
		f()
	}
	return m.fileSystem.open(name, create, exclusive)
}

// TestResolveAnother: the slot of the run that is to be resolved may be another's by the time it is locked.
func TestResolveAnother(t *testing.T) {
	for _, next := range []string{"b", ""} {
		j, w := Memory(), newWorld()
		w.die(t, j, "a")
		run := left(t, j).Run.ID
		late := *j
		seen := 0
		late.fs = &meanwhile{fileSystem: j.fs, name: slotName(0)}
		late.fs.(*meanwhile).f = func() { // the first look is at the header
			late.fs.(*meanwhile).f = func() {
				seen++
				recoverAll(t, j, w)
				if next != "" {
					w.die(t, j, next)
				}
			}
		}
		if err := late.Resolve(run, "by hand"); !errors.Is(err, fault.NotFound) || seen != 1 {
			t.Errorf("%v", err)
		}
		wantWorld(t, w, next)
		if next != "" {
			if out := recoverAll(t, j, w); out != (Recovered{Runs: 1, Undone: 1}) {
				t.Errorf("%+v", out)
			}
		}
		wantWorld(t, w, "")
		wantClean(t, j)
	}
}

// TestForgetAnother: what is forgotten is what was there when Forget was called, or nothing.
func TestForgetAnother(t *testing.T) {
	j, w := Memory(), newWorld()
	if err := w.do(t, j, "@k a"); err != nil {
		t.Fatal(err)
	}
	again := func() {
		if _, err := j.Release("k", w.registry()).Do(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := w.do(t, j, "@k b"); err != nil {
			t.Fatal(err)
		}
	}
	late := *j
	m := &meanwhile{fileSystem: j.fs, name: heldName("k")}
	late.fs = m
	m.f = func() { m.f = again } // after it was read
	if err := late.Forget("k", "by hand"); !errors.Is(err, fault.Busy) {
		t.Errorf("%v", err)
	}
	if got := heldString(t, j); !strings.Contains(got, `"b"`) {
		t.Errorf("held %s", got)
	}
}

// TestUndecodable: parameters that cannot be read are residue, whatever reading them does, and the rest is undone.
func TestUndecodable(t *testing.T) {
	for name, decode := range map[string]func([]byte) (int, error){
		"error": func([]byte) (int, error) { return 0, errTest },
		"panic": func(b []byte) (int, error) { return int(b[1<<10]), nil },
	} {
		t.Run(name, func(t *testing.T) {
			j, w := Memory(), newWorld()
			registry := func() (*events.Registry, events.Action[int]) {
				r := w.registry()
				return r, events.Define(r, "x.v1", func(events.Step, int) error { return nil },
					events.Codec(func(b []byte, _ int) ([]byte, error) { return append(b, 'x'), nil }, decode),
					events.Guard(func(context.Context, int) (func(), error) { return func() {}, nil }))
			}
			r, act := registry()
			dieIn(t, j, w, r, func(s events.Step, kill func()) error {
				err := errors.Join(w.put(s, "a"), s.Undo(act.With(1)), w.put(s, "b"))
				kill()
				return err
			})
			for i := range maxAttempts {
				out, err := j.Recover(r).Do(t.Context())
				want := Recovered{Runs: 1, Residue: 1}
				if i == 0 {
					want.Undone = 2
				}
				if err != nil || out != want {
					t.Fatalf("recovery %d: %+v, %v", i, out, err)
				}
			}
			wantWorld(t, w, "")
			if dirty, err := j.Dirty(); dirty || err != nil {
				t.Errorf("Dirty() = %v, %v", dirty, err)
			}
		})
	}
}

// TestLongFailure: a compensation that complains at length is on record, in short.
func TestLongFailure(t *testing.T) {
	j, w := Memory(), newWorld()
	w.fail["b"] = errors.New(strings.Repeat("no, ", maxBody/2))
	err := w.do(t, j, "a b fail")
	if !errors.Is(err, errTest) {
		t.Fatal(err)
	}
	dead := left(t, j)
	if len(dead.Pending) != 1 || dead.Pending[0].Err == nil || len(dead.Pending[0].Err.Error()) > 8<<10 {
		t.Errorf("pending: %d", len(dead.Pending))
	}
}

// TestReleaseTwice: of two releases of one key at once one undoes all, and the other finds it busy or nothing left.
func TestReleaseTwice(t *testing.T) {
	journals(t, func(t *testing.T, j *Journal) {
		for range 20 {
			w := newWorld()
			if err := w.do(t, j, "@k a b c"); err != nil {
				t.Fatal(err)
			}
			var wg sync.WaitGroup
			var undone [4]int
			for i := range undone {
				wg.Go(func() {
					out, err := j.Release("k", w.registry()).Do(t.Context())
					if err != nil && !errors.Is(err, fault.Busy) {
						t.Error(err)
					}
					undone[i] = out.Undone
				})
			}
			wg.Wait()
			if sum := undone[0] + undone[1] + undone[2] + undone[3]; sum != 3 || len(w.log) != 6 {
				t.Fatalf("undone %v: %v", undone, w.log)
			}
			wantWorld(t, w, "")
		}
		wantClean(t, j)
	})
}

// TestRecoverWhileRunsCommit: recoveries leave live runs, and what they publish, alone.
func TestRecoverWhileRunsCommit(t *testing.T) {
	journals(t, func(t *testing.T, j *Journal) {
		w := newWorld()
		stop := make(chan struct{})
		var recoveries, runs sync.WaitGroup
		for range 2 {
			recoveries.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
						if out, err := j.Recover(w.registry()).Do(t.Context()); err != nil || out.Undone > 0 {
							t.Errorf("%+v, %v", out, err)
							return
						}
					}
				}
			})
		}
		for _, key := range []string{"x", "y"} {
			runs.Go(func() {
				for range 25 {
					if err := w.do(t, j, "@"+key+" "+key+" v"+key); err != nil {
						t.Error(err)
						return
					}
					for err := error(fault.Busy); errors.Is(err, fault.Busy); { // a recovery may be looking at what was just published
						if _, err = j.Release(key, w.registry()).Do(t.Context()); err != nil && !errors.Is(err, fault.Busy) {
							t.Error(err)
							return
						}
					}
				}
			})
		}
		runs.Wait()
		close(stop)
		recoveries.Wait()
		recoverAll(t, j, w)
		wantWorld(t, w, "")
		wantClean(t, j)
	})
}

// TestDescriptors: whatever becomes of runs, releases, recoveries and queries, their files are closed.
func TestDescriptors(t *testing.T) {
	const list = "/proc/self/fd"
	if _, err := os.Stat(list); err != nil {
		t.Skip(err)
	}
	dir := t.TempDir()
	j, err := Open(dir, Options{Durability: KillSafe})
	if err != nil {
		t.Fatal(err)
	}
	// A busy key, a corrupt slot, a corrupt key and a slot with residue are there all the time.
	w := newWorld()
	w.die(t, j, "rot")
	if err := os.Rename(filepath.Join(dir, "slot-000"), filepath.Join(dir, "slot-900")); err != nil {
		t.Fatal(err)
	}
	rot := func(name string) {
		t.Helper()
		path := filepath.Join(dir, name)
		b, err := os.ReadFile(path)
		if err == nil {
			b[headerSize+frameHead+3] ^= 1
			err = os.WriteFile(path, append(b, appendFrame(nil, 0, 1, 0, undo(1, false))...), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.do(t, j, "@rotten a b"); err != nil {
		t.Fatal(err)
	}
	rot(heldName("rotten"))
	w.die(t, j, "stuck")
	w.fail["stuck"] = errTest
	if err := w.do(t, j, "@taken x"); err != nil {
		t.Fatal(err)
	}
	busy, _, err := j.takeFile("test", "taken", "", lockSoon)
	if err != nil || busy == nil {
		t.Fatal(err)
	}
	round := func() {
		for _, words := range []string{"c", "c fail", "@k c vd", "@k e", "+k e", "+nothing e", "@rotten f", "@" + strings.Repeat("K", maxName) + " f", "| g !g"} {
			_ = w.do(t, j, words)
		}
		w.die(t, j, "dead")
		for _, key := range []string{"taken", "rotten", "nothing", "k", "k"} {
			_, _ = j.Release(key, w.registry()).Do(t.Context())
			_, _, _ = j.Lookup(key)
		}
		_, _ = j.Recover(w.registry()).Do(t.Context())
		w.die(t, j, "dead")
		for dead := range j.Pending() {
			if strings.HasSuffix(dead.Root, " dead") {
				_ = j.Resolve(dead.Run.ID, "test")
			}
		}
		_ = j.Resolve(events.RunID{9}, "test")
		_ = j.Forget("nothing", "test")
		_ = j.Forget("taken", "test")
		for range j.Held() {
			break
		}
		for range j.Live() {
			break
		}
		_, _ = j.Dirty()
	}
	count := func() int {
		fds, err := os.ReadDir(list)
		if err != nil {
			t.Fatal(err)
		}
		return len(fds)
	}
	round()
	before := count()
	for range 2 {
		round()
	}
	if after := count(); after > before {
		t.Errorf("%d open files became %d", before, after)
	}
	if err := busy.close(); err != nil {
		t.Fatal(err)
	}
}

// TestSlotsByName: a copy that somebody made of a slot is not a run.
func TestSlotsByName(t *testing.T) {
	dir := t.TempDir()
	j, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld()
	w.die(t, j, "a")
	b, err := os.ReadFile(filepath.Join(dir, slotName(0)))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"slot-000.bak", "slot-000~", "slot-", "slot-0x1"} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if out := recoverAll(t, j, w); out != (Recovered{Runs: 1, Undone: 1}) {
		t.Errorf("%+v", out)
	}
	wantClean(t, j)
}

// TestSealedRunsBeforeOlderIsUndone: recovery has the order of a run that goes on: what was deferred and sealed
// runs before that is undone which was there when it was deferred.
func TestSealedRunsBeforeOlderIsUndone(t *testing.T) {
	j, w := Memory(), newWorld()
	r := w.registry()
	kill := func() {}
	note := func(what string) events.Action[int] {
		return events.Define(r, what+".v1", func(s events.Step, _ int) error {
			if kill(); !w.gone {
				w.log = append(w.log, what)
			}
			return nil
		}, events.Barrier())
	}
	one, two := note("one"), note("two")
	dieIn(t, j, w, r, func(s events.Step, k func()) error {
		return errors.Join(w.put(s, "dir"), s.Do(&events.Named{Type: "child"}, func(s events.Step) error {
			err := errors.Join(w.put(s, "stays"), s.AfterCommit(one.With(1)), s.AfterCommit(two.With(2)))
			kill = k
			return errors.Join(err, s.Seal())
		}), errTest)
	})
	kill = func() {}
	if out, err := j.Recover(r).Do(t.Context()); err != nil || out != (Recovered{Runs: 1, Undone: 1, Forwarded: 2}) {
		t.Errorf("%+v, %v", out, err)
	}
	if got := strings.Join(w.log, " "); got != "one two -dir" {
		t.Errorf("recovery did %s", got)
	}
	wantWorld(t, w, "stays")
	wantClean(t, j)
}
