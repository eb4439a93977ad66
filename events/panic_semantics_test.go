package events_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/events/eventstest"
)

// panicOf runs f and returns what it panicked with.
func panicOf(f func()) (v any) {
	defer func() { v = recover() }()
	f()
	return nil
}

func TestPanicInABody(t *testing.T) {
	w := &shelf{}
	op := rootOp(func(s events.Step) error {
		_ = w.put(s, "a")
		_ = act(s, "B", func(s events.Step) error { _ = w.put(s, "b"); panicHere(errBoom); return nil })
		return nil
	})
	var evs []events.Event
	var c eventstest.Checker
	run := op.Start(t.Context(), events.WithSink(c.Sink()))
	v := panicOf(func() {
		for ev := range run.Events() {
			evs = append(evs, ev)
		}
	})
	pe, ok := v.(*events.PanicError)
	if !ok || pe.Value != error(errBoom) || !strings.Contains(string(pe.Stack), "panicHere") {
		t.Errorf("the panic that went on is %v", v)
	}
	outline(t, evs, `
			begin root
				begin put a
				end put a: succeeded
				begin B
					begin put b
					end put b: succeeded
					begin undo put b
					end undo put b: succeeded
				end B: failed (panicked) panic: boom
				begin undo put a
				end undo put a: succeeded
			end root: failed (panicked) panic: boom`)
	onShelf(t, w, "")
	if err := errors.Join(c.Close()); err != nil {
		t.Error(err)
	}
	if !errors.Is(run.Err(), errBoom) {
		t.Errorf("Err is %v", run.Err())
	}
}

func panicHere(v any) { panic(v) }

// TestPanicThatABodyRecovers: a body cannot handle what a child panicked with.
func TestPanicThatABodyRecovers(t *testing.T) {
	w := &shelf{}
	op := rootOp(func(s events.Step) error {
		_ = w.put(s, "a")
		_ = panicOf(func() { _ = act(s, "B", func(events.Step) error { panic("oh") }) })
		if err := s.Progress(1); err == nil {
			t.Error("the step goes on after a panic")
		}
		return nil
	})
	var evs []events.Event
	v := panicOf(func() {
		for ev := range op.Events(t.Context(), eventstest.Watch(t)) {
			evs = append(evs, ev)
		}
	})
	if pe, ok := v.(*events.PanicError); !ok || pe.Value != "oh" {
		t.Errorf("the panic that went on is %v", v)
	}
	reasonIs(t, evs, events.Failed, events.Panicked)
	onShelf(t, w, "")
}

func TestPanicsAsErrors(t *testing.T) {
	w := &shelf{}
	op := rootOp(func(s events.Step) error {
		_ = w.put(s, "a")
		return act(s, "B", func(events.Step) error { panic("oh") })
	})
	_, err := eventstest.Verify(t, op, events.PanicsAsErrors())
	if pe, ok := errors.AsType[*events.PanicError](err); !ok || pe.Value != "oh" {
		t.Errorf("the outcome is %v", err)
	}
	onShelf(t, w, "")
}

type myPanic struct{ n int }

func TestPanicInTheLoopBody(t *testing.T) {
	all, _, _ := eventstest.Record(t, twoSteps(&shelf{}))
	for seq := range uint64(len(all)) {
		w := &shelf{}
		var c eventstest.Checker
		run := twoSteps(w).Start(t.Context(), events.WithSink(c.Sink()), events.PanicsAsErrors())
		value := &myPanic{1}
		v := panicOf(func() {
			for ev := range run.Events() {
				_ = c.Yielded(ev) // kept for Close
				if ev.Seq == seq+1 {
					c.Left()
					panic(value)
				}
			}
		})
		if v != any(value) {
			t.Errorf("panic at %d: another value goes on: %v", seq+1, v)
		}
		if err := c.Close(); err != nil {
			t.Errorf("panic at %d: %v", seq+1, err)
		}
		if last := seq+1 == uint64(len(all)); last {
			onShelf(t, w, "a b c")
			continue
		}
		onShelf(t, w, "")
		if !errors.Is(run.Err(), events.ErrBreak) {
			t.Errorf("panic at %d: Err is %v", seq+1, run.Err())
		}
	}
}

// TestPanicInTheLoopBodyIsNotTheOperations: no body can swallow it.
func TestPanicInTheLoopBodyIsNotTheOperations(t *testing.T) {
	for _, at := range []events.Phase{events.Begin, events.Progress} {
		w := &shelf{}
		op := rootOp(func(s events.Step) error {
			_ = w.put(s, "a")
			_ = panicOf(func() {
				_ = act(s, "B", func(s events.Step) error {
					defer func() {
						_ = recover() //nolint:errcheck // what a careless body does
						_ = s.Progress("from a defer")
					}()
					return s.Progress(1)
				})
			})
			return nil
		})
		var c eventstest.Checker
		value := &myPanic{2}
		v := panicOf(func() {
			for ev := range op.Events(t.Context(), events.WithSink(c.Sink())) {
				_ = c.Yielded(ev) // kept for Close
				if is(ev, at, "B") {
					c.Left()
					panic(value)
				}
			}
		})
		if v != any(value) {
			t.Errorf("at %s: another value goes on: %v", at, v)
		}
		onShelf(t, w, "")
		if err := c.Close(); err != nil {
			t.Errorf("at %s: %v", at, err)
		}
	}
}

// TestPanicInTheLoopBodyDuringACompensation: it is run again, silently.
func TestPanicInTheLoopBodyDuringACompensation(t *testing.T) {
	w := &shelf{}
	op := rootOp(func(s events.Step) error {
		_ = w.put(s, "a")
		s.OnRollback("c", func(u events.Step) error {
			err := u.Progress("half")
			w.add("c-undone")
			return err
		})
		return errBoom
	})
	for _, phase := range []events.Phase{events.Begin, events.Progress, events.End} {
		w.on = nil
		var evs []events.Event
		v := panicOf(func() {
			for ev := range op.Events(t.Context(), eventstest.Watch(t), events.WithSink(func(ev *events.Event) { evs = append(evs, *ev) })) {
				if is(ev, phase, "c") {
					panic("loop")
				}
			}
		})
		if v != "loop" {
			t.Errorf("at %s: another value goes on: %v", phase, v)
		}
		onShelf(t, w, "c-undone")
		undos := 0
		for _, ev := range evs {
			if is(ev, events.Begin, "c") {
				undos++
			}
		}
		if want := map[events.Phase]int{events.Begin: 2, events.Progress: 2, events.End: 1}[phase]; undos != want {
			t.Errorf("at %s: %d undo events, want %d\n%s", phase, undos, want, eventstest.Outline(evs))
		}
		reasonIs(t, evs, events.Failed, events.Errored)
	}
}

// inGoroutine runs f on a goroutine that may exit, and tells whether it did.
func inGoroutine(f func()) (exited bool) {
	done := make(chan struct{})
	exited = true
	go func() {
		defer close(done)
		f()
		exited = false
	}()
	<-done
	return exited
}

func TestGoexitInABody(t *testing.T) {
	w := &shelf{}
	op := rootOp(func(s events.Step) error {
		_ = w.put(s, "a")
		return act(s, "B", func(s events.Step) error { _ = w.put(s, "b"); runtime.Goexit(); return nil })
	})
	run := op.Start(t.Context(), eventstest.Watch(t))
	var evs []events.Event
	if !inGoroutine(func() {
		for ev := range run.Events() {
			evs = append(evs, ev)
		}
	}) {
		t.Error("the goroutine went on")
	}
	reasonIs(t, evs, events.Failed, events.Exited)
	onShelf(t, w, "")
	if !errors.Is(run.Err(), events.ErrExited) {
		t.Errorf("Err is %v", run.Err())
	}
}

// TestGoexitInACompensation: it is run once more, and then given up.
func TestGoexitInACompensation(t *testing.T) {
	for _, tc := range []struct{ exits, undos, left int }{{1, 2, 0}, {9, 2, 1}} {
		w := &shelf{}
		n := 0
		op := rootOp(func(s events.Step) error {
			_ = w.put(s, "a")
			s.OnRollback("c", func(events.Step) error {
				if n++; n <= tc.exits {
					runtime.Goexit()
				}
				return nil
			})
			return errBoom
		})
		run := op.Start(t.Context(), eventstest.Watch(t))
		if !inGoroutine(func() { _, _ = run.Wait() }) {
			t.Error("the goroutine went on")
		}
		if n != tc.undos || len(run.Residue()) != tc.left {
			t.Errorf("%d undos and residue %v, want %d and %d", n, run.Residue(), tc.undos, tc.left)
		}
		onShelf(t, w, "")
	}
}

// TestGoexitOfTheConsumerInAGroup: what finished lanes registered is not forgotten.
func TestGoexitOfTheConsumerInAGroup(t *testing.T) {
	w := &shelf{}
	op := rootOp(func(s events.Step) error {
		return s.Group(func(g *events.Group) {
			for _, name := range []string{"a", "b", "c"} {
				g.Go(&events.Named{Type: name}, func(s events.Step) error { return w.put(s, name) })
			}
		}, events.Limit(1))
	})
	var evs []events.Event
	inGoroutine(func() {
		for ev := range op.Events(t.Context(), eventstest.Watch(t), events.WithSink(func(ev *events.Event) { evs = append(evs, *ev) })) {
			if is(ev, events.End, "b") {
				runtime.Goexit()
			}
		}
	})
	reasonIs(t, evs, events.Failed, events.Exited)
	onShelf(t, w, "")
}

func TestSinkThatPanics(t *testing.T) {
	all, _, _ := eventstest.Record(t, twoSteps(&shelf{}))
	for seq := range uint64(len(all)) {
		w := &shelf{}
		var before, after, yielded []uint64
		count := func(seqs *[]uint64) events.Option {
			return events.WithSink(func(ev *events.Event) { *seqs = append(*seqs, ev.Seq) })
		}
		bad := 0
		run := twoSteps(w).Start(t.Context(), count(&before), events.WithSink(func(ev *events.Event) {
			bad++
			if ev.Seq == seq+1 {
				panic(errBoom)
			}
		}), count(&after), eventstest.Watch(t))
		v := panicOf(func() {
			for ev := range run.Events() {
				yielded = append(yielded, ev.Seq)
			}
		})
		if pe, ok := v.(*events.PanicError); !ok || pe.Value != error(errBoom) {
			t.Errorf("at %d: the panic that went on is %v", seq+1, v)
		}
		if bad != int(seq)+1 { //nolint:gosec // small
			t.Errorf("at %d: the sink was called %d times", seq+1, bad)
		}
		if len(before) != len(after) || len(before) != len(yielded) {
			t.Errorf("at %d: other sinks saw %d and %d records, the consumer %d", seq+1, len(before), len(after), len(yielded))
		}
		if last := seq+1 == uint64(len(all)); last {
			onShelf(t, w, "a b c") // it was committed
			continue
		}
		onShelf(t, w, "")
		if !errors.Is(run.Err(), errBoom) {
			t.Errorf("at %d: Err is %v", seq+1, run.Err())
		}
	}
}

func TestSinkThatPanicsDuringRollback(t *testing.T) {
	w := &shelf{}
	op := rootOp(func(s events.Step) error {
		_, _ = w.put(s, "a"), w.put(s, "b")
		return errBoom
	})
	for _, phase := range []events.Phase{events.Begin, events.End} {
		run := op.Start(t.Context(), eventstest.Watch(t), events.WithSink(func(ev *events.Event) {
			if ev.Kind == events.Undo && ev.Phase == phase {
				panic("sink")
			}
		}))
		v := panicOf(func() { _, _ = run.Wait() })
		if pe, ok := v.(*events.PanicError); !ok || pe.Value != "sink" {
			t.Errorf("at %s: the panic that went on is %v", phase, v)
		}
		if len(run.Residue()) != 0 {
			t.Errorf("at %s: residue %v", phase, run.Residue())
		}
		onShelf(t, w, "")
	}
}

func TestPanicWithASkip(t *testing.T) {
	run := rootOp(func(events.Step) error { panic(events.Skip("x")) }).Start(t.Context(), eventstest.Watch(t), events.PanicsAsErrors())
	var last events.Event
	for ev := range run.Events() {
		last = ev
	}
	if last.Status != events.Failed || last.Reason != events.Panicked {
		t.Errorf("a panic whose value is a skip ends: %s", eventstest.Line(last))
	}
}

func TestCancelWithASkip(t *testing.T) {
	run := rootOp(func(s events.Step) error { return s.Progress(1) }).Start(t.Context(), eventstest.Watch(t))
	run.Cancel(events.Skip("x"))
	if _, err := run.Wait(); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancellation whose cause is a skip gives %v", err)
	}
}
