package events_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/events/eventstest"
)

// TestUntouchedEndsWithItsStep: that an effect changed nothing says nothing of another whose Do ran it.
func TestUntouchedEndsWithItsStep(t *testing.T) {
	for name, fail := range map[string]error{
		"plain":   events.Untouched(errBoom),
		"wrapped": fmt.Errorf("x: %w", events.Untouched(errBoom)),
		"joined":  errors.Join(errors.New("x"), events.Untouched(errBoom)),
	} {
		t.Run(name, func(t *testing.T) {
			w := &shelf{}
			inner := rootOp(func(s events.Step) error {
				return s.Apply(&put{Name: "taken", w: w, do: func(context.Context) error { return fail }})
			})
			var seen error
			_, err := eventstest.Verify(t, rootOp(func(s events.Step) error {
				return s.Apply(&put{
					Name: "outer", w: w,
					do: func(ctx context.Context) error {
						w.add("half")
						_, seen = inner.Do(ctx)
						return seen
					},
					undo: func(context.Context) error { w.remove("half"); return nil },
				})
			}))
			if !errors.Is(err, errBoom) || !errors.Is(seen, errBoom) {
				t.Errorf("the outcome is %v", err)
			}
			onShelf(t, w, "")
		})
	}
}

// TestAbortDuringDeferred: what is committed stays so; what was deferred and not begun is left.
func TestAbortDuringDeferred(t *testing.T) {
	w := &shelf{}
	op := rootOp(func(s events.Step) error { return errors.Join(w.put(s, "a"), w.burn(s, "x"), w.burn(s, "y")) })
	run, evs := consume(t, op, func(run *events.Run[int], ev events.Event) bool {
		if ev.Kind == events.Commit {
			run.Abort()
		}
		return true
	})
	reasonIs(t, evs, events.Succeeded, events.NoReason)
	if _, err := run.Wait(); err != nil {
		t.Error(err)
	}
	if res := run.Residue(); len(res) != 1 || res[0].Err != events.ErrAborted || res[0].Action != "burn" { //nolint:errorlint // identity
		t.Errorf("residue %v", res)
	}
	onShelf(t, w, "a burnt-x")
}

// TestGoexitInOddPlaces: wherever it comes from, what was done is undone and every step ends.
func TestGoexitInOddPlaces(t *testing.T) {
	for name, tc := range map[string]struct {
		body func(w *shelf, s events.Step) error
		sink func(ev *events.Event)
		left string
	}{
		"in-add": {body: func(_ *shelf, s events.Step) error {
			return s.Group(func(*events.Group) { runtime.Goexit() })
		}},
		"in-do": {body: func(w *shelf, s events.Step) error {
			return s.Apply(&put{Name: "b", w: w, do: func(context.Context) error { runtime.Goexit(); return nil }})
		}},
		"in-hold": {body: func(w *shelf, s events.Step) error {
			s.Hold(func() { w.add("held") })
			s.Hold(func() { runtime.Goexit() })
			return nil
		}, left: "a held"},
		"in-a-sink": {body: func(w *shelf, s events.Step) error { return w.put(s, "b") }, sink: func(ev *events.Event) {
			if is(*ev, events.End, "put") && ev.Key() == "b" && ev.Kind == events.Forward {
				runtime.Goexit()
			}
		}},
		"in-a-sink-at-a-lane": {body: func(w *shelf, s events.Step) error {
			return s.Group(func(g *events.Group) {
				for _, n := range []string{"b", "c"} {
					g.Go(&events.Named{Type: "lane"}, func(s events.Step) error { return w.put(s, n) })
				}
			})
		}, sink: func(ev *events.Event) {
			if ev.Lane == 2 && ev.Phase == events.Begin && ev.Type() == "put" {
				runtime.Goexit()
			}
		}},
		"in-a-sealed-deferred-action": {body: func(w *shelf, s events.Step) error {
			n := 0
			act := events.Define(events.NewRegistry(), "exits.v1", func(events.Step, int) error {
				if n++; n == 1 {
					runtime.Goexit()
				}
				w.add("sealed")
				return nil
			})
			return errors.Join(s.AfterCommit(act.With(0)), s.Seal())
		}, left: "a sealed"},
		"in-a-group-in-a-compensation": {body: func(w *shelf, s events.Step) error {
			exits := 0
			s.OnRollback("group", func(u events.Step) error {
				return u.Group(func(g *events.Group) {
					g.Go(&events.Named{Type: "lane"}, func(events.Step) error {
						if exits++; exits == 1 {
							runtime.Goexit()
						}
						return nil
					})
				})
			})
			return errBoom
		}},
	} {
		t.Run(name, func(t *testing.T) {
			w := &shelf{}
			var c eventstest.Checker
			run := rootOp(func(s events.Step) error { return errors.Join(w.put(s, "a"), tc.body(w, s)) }).
				Start(t.Context(), events.WithSink(c.Sink()), events.WithSink(func(ev *events.Event) {
					if tc.sink != nil {
						tc.sink(ev)
					}
				}))
			inGoroutine(func() { _, _ = run.Wait() })
			_, _ = run.Wait() // over
			if err := c.Close(); err != nil {
				t.Error(err)
			}
			onShelf(t, w, tc.left)
			if len(run.Residue()) != 0 {
				t.Errorf("residue %v", run.Residue())
			}
		})
	}
}

// TestSealInALane: what a lane sealed stands although its sibling fails; what a finished lane did not goes.
func TestSealInALane(t *testing.T) {
	w, mem, reg := &shelf{}, &eventstest.Memory{}, events.NewRegistry()
	events.Register[put](reg, "put.v1")
	events.Register[burn](reg, "burn.v1")
	sealed := make(chan struct{})
	_, err := eventstest.Verify(t, rootOp(func(s events.Step) error {
		_ = w.put(s, "a")
		return s.Group(func(g *events.Group) {
			g.Go(&events.Named{Type: "seals"}, func(s events.Step) error {
				defer close(sealed)
				return errors.Join(w.put(s, "b"), w.burn(s, "x"), s.Seal(), w.put(s, "c"))
			})
			g.Go(&events.Named{Type: "fails"}, func(s events.Step) error {
				<-sealed
				return errors.Join(w.put(s, "d"), errBoom)
			})
		})
	}), events.WithJournal(mem), events.WithRegistry(reg))
	if !errors.Is(err, errBoom) {
		t.Error(err)
	}
	onShelf(t, w, "b burnt-x")
	if err := mem.Check(false, false); err != nil {
		t.Error(err)
	}
}

// TestSealInACompensation: it makes final what the compensation did, and nothing else.
func TestSealInACompensation(t *testing.T) {
	w := &shelf{}
	run := rootOp(func(s events.Step) error {
		_ = w.put(s, "a")
		s.OnRollback("mover", func(u events.Step) error {
			return errors.Join(w.put(u, "moved"), w.burn(u, "x"), u.Seal(), w.put(u, "half"), errors.New("no"))
		})
		return errBoom
	}).Start(t.Context(), eventstest.Watch(t))
	if _, err := run.Wait(); !errors.Is(err, errBoom) {
		t.Error(err)
	}
	onShelf(t, w, "moved burnt-x")
	if res := run.Residue(); len(res) != 1 || res[0].Action != "mover" {
		t.Errorf("residue %v", res)
	}
}

// TestAmendAfterSeal: what is sealed cannot be amended, and nothing else is amended in its place.
func TestAmendAfterSeal(t *testing.T) {
	var got []int
	undo := events.Define(events.NewRegistry(), "x.v1", func(_ events.Step, n int) error { got = append(got, n); return nil })
	_, _ = eventstest.Verify(t, rootOp(func(s events.Step) error {
		_ = s.Undo(undo.With(1))
		return act(s, "A", func(s events.Step) error {
			_ = s.Undo(undo.With(2))
			_ = act(s, "B", func(s events.Step) error { return errors.Join(s.Undo(undo.With(3)), s.Seal()) })
			if err := s.Amend(undo.With(20)); err != nil {
				t.Error(err)
			}
			_ = s.Seal()
			if err := s.Amend(undo.With(200)); err == nil {
				t.Error("amended what is sealed")
			}
			return errBoom
		})
	}))
	if fmt.Sprint(got) != "[1]" {
		t.Errorf("undone %v", got)
	}
}

// TestCancelInTheLoop: at each record, by the consumer itself. Until the commit it undoes all, then nothing.
func TestCancelInTheLoop(t *testing.T) {
	body := func(w *shelf) events.Op[int] {
		return rootOp(func(s events.Step) error {
			err := w.put(s, "a")
			if err == nil {
				err = s.Group(func(g *events.Group) {
					g.Go(&events.Named{Type: "lane"}, func(s events.Step) error { return w.put(s, "b") })
					g.Go(&events.Named{Type: "lane"}, func(s events.Step) error { return w.put(s, "c") })
				})
			}
			if err == nil {
				err = w.burn(s, "x")
			}
			return err
		})
	}
	_, whole := consume(t, body(&shelf{}), func(*events.Run[int], events.Event) bool { return true })
	for at := 1; at <= len(whole); at++ {
		w := &shelf{}
		committed := false
		run, _ := consume(t, body(w), func(run *events.Run[int], ev events.Event) bool {
			if ev.Seq == uint64(at) { //nolint:gosec // small
				committed = ev.Kind == events.Commit || ev.Phase == events.End && ev.Parent == 0
				run.Cancel(errBoom)
			}
			return true
		})
		left := w.String()
		switch _, err := run.Wait(); {
		case committed && (err != nil || len(strings.Fields(left)) != 4), !committed && (!errors.Is(err, errBoom) || left != ""):
			t.Errorf("cancelled at %d: %v, left %q", at, err, left)
		}
	}
}

// TestPullOdd: a pulled run that was never begun has done nothing and can still be run; one that is stopped
// at its first record has ended; Wait from many goroutines gives one outcome.
func TestPullOdd(t *testing.T) {
	w := &shelf{}
	run := rootOp(func(s events.Step) error { return w.put(s, "a") }).Start(t.Context(), eventstest.Watch(t))
	_, stop := iter.Pull(run.Events())
	stop()
	onShelf(t, w, "")
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if v, err := run.Wait(); v != 1 || err != nil {
				t.Errorf("Wait: %d, %v", v, err)
			}
		})
	}
	wg.Wait()
	onShelf(t, w, "a")

	w = &shelf{}
	run = rootOp(func(s events.Step) error { return w.put(s, "a") }).Start(t.Context())
	next, stop := iter.Pull(run.Events())
	if ev, ok := next(); !ok || ev.Seq != 1 {
		t.Errorf("first %v", ev)
	}
	for range 4 {
		wg.Go(func() {
			if _, err := run.Wait(); !errors.Is(err, events.ErrBreak) {
				t.Errorf("Wait: %v", err)
			}
		})
	}
	stop()
	wg.Wait()
	if _, ok := next(); ok {
		t.Error("it goes on after stop")
	}
	onShelf(t, w, "")
}

// TestSinkPanicsAtALane: the panic of a sink fails the run whichever lane's record it was, and comes out where
// the events are consumed.
func TestSinkPanicsAtALane(t *testing.T) {
	for at := 1; at < 12; at++ {
		w := &shelf{}
		var c eventstest.Checker
		fired := false
		run := rootOp(func(s events.Step) error {
			return s.Group(func(g *events.Group) {
				for _, n := range []string{"a", "b"} {
					g.Go(&events.Named{Type: "lane"}, func(s events.Step) error { return w.put(s, n) })
				}
			})
		}).Start(t.Context(), events.WithSink(func(ev *events.Event) {
			if ev.Seq == uint64(at) && ev.Lane > 0 { //nolint:gosec // small
				fired = true
				panic("sink")
			}
		}), events.WithSink(c.Sink()))
		v := panicOf(func() { _, _ = run.Wait() })
		if fired != (v != nil) {
			t.Errorf("record %d: the panic is %v", at, v)
		}
		if err := c.Close(); err != nil {
			t.Errorf("record %d: %v", at, err)
		}
		if fired {
			onShelf(t, w, "")
		}
	}
}

// TestSealInterruptedInOrder: what a Seal still had to run when a Goexit came runs oldest first, too.
func TestSealInterruptedInOrder(t *testing.T) {
	w := &shelf{}
	op := rootOp(func(s events.Step) error {
		_ = w.put(s, "a")
		return act(s, "A", func(s events.Step) error {
			_, _, _, _ = w.burn(s, "w"), w.burn(s, "x"), w.burn(s, "y"), w.burn(s, "z")
			return s.Seal()
		})
	})
	inGoroutine(func() {
		for ev := range op.Events(t.Context(), eventstest.Watch(t)) {
			if ev.Kind == events.Commit && ev.Key() == "w" && ev.Phase == events.End {
				runtime.Goexit()
			}
		}
	})
	if got := w.history(); got != "+a +burnt-w +burnt-x +burnt-y +burnt-z -a" {
		t.Errorf("history %q", got)
	}
}

// TestAskedFromEverywhere: what may be called from anywhere may be called at any time.
func TestAskedFromEverywhere(t *testing.T) {
	for i := range 200 {
		w := &shelf{}
		run := rootOp(func(s events.Step) error {
			return errors.Join(w.put(s, "a"), w.burn(s, "x"), s.Group(func(g *events.Group) {
				for _, n := range []string{"b", "c", "d"} {
					g.Go(&events.Named{Type: "lane"}, func(s events.Step) error {
						return errors.Join(w.put(s, n), s.Context().Err(), s.Progress(n), act(s, "B", func(s events.Step) error { return w.put(s, n+n) }))
					})
				}
			}, events.Limit(2)))
		}).Start(t.Context(), eventstest.Watch(t))
		var wg sync.WaitGroup
		wg.Go(func() {
			for run.Info() == nil {
				runtime.Gosched()
			}
			for range i % 7 {
				_, _ = run.Residue(), run.Err()
				runtime.Gosched()
			}
			if i%3 == 0 {
				run.Abort()
			} else {
				run.Cancel(errBoom)
			}
		})
		wg.Go(func() { _, _ = run.Wait() })
		_, err := run.Wait()
		wg.Wait()
		left, res := strings.Fields(w.String()), run.Residue()
		switch {
		case err == nil && len(left)+len(res) != 8, err != nil && len(left) != len(res):
			t.Fatalf("%v: left %v, residue %v", err, left, res)
		case err != nil && run.Err() == nil:
			t.Fatal("Err and Wait differ")
		}
	}
}

// TestClocks: the run's clock is the one it was given, even if it goes backwards, or none.
func TestClocks(t *testing.T) {
	now := 10 * time.Second
	for name, tc := range map[string]struct {
		clock func() time.Duration
		want  string
	}{
		"none":      {nil, "[0s 0s 0s 0s]"},
		"backwards": {func() time.Duration { now -= time.Second; return now }, "[9s 8s 7s 6s]"},
	} {
		evs := []time.Duration{}
		op := rootOp(func(s events.Step) error { return act(s, "A", func(events.Step) error { return nil }) })
		for ev := range op.Events(t.Context(), events.WithClock(tc.clock), events.WithOrigin("h", 7)) {
			evs = append(evs, ev.At)
			if ev.Run.Host != "h" || ev.Run.PID != 7 || ev.Run.Started.IsZero() {
				t.Errorf("%s: run %+v", name, ev.Run)
			}
			if _, err := ev.MarshalJSON(); err != nil {
				t.Error(err)
			}
		}
		if fmt.Sprint(evs) != tc.want {
			t.Errorf("%s: %v, want %s", name, evs, tc.want)
		}
	}
}
