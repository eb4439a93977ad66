package events_test

import (
	"context"
	"errors"
	"iter"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/events/eventstest"
)

// twoSteps is root{a, B{b}, C{c}}, which succeeds if it is let.
func twoSteps(w *shelf) events.Op[int] {
	return rootOp(func(s events.Step) error {
		if err := w.put(s, "a"); err != nil {
			return err
		}
		if err := act(s, "B", func(s events.Step) error { return w.put(s, "b") }); err != nil {
			return err
		}
		return act(s, "C", func(s events.Step) error { return w.put(s, "c") })
	})
}

func TestBreakAtEveryRecord(t *testing.T) {
	all, _, _ := eventstest.Record(t, twoSteps(&shelf{}))
	for seq := range uint64(len(all)) {
		w := &shelf{}
		run, evs := consume(t, twoSteps(w), func(_ *events.Run[int], ev events.Event) bool { return ev.Seq <= seq })
		if last := seq+1 == uint64(len(all)); last {
			reasonIs(t, evs, events.Succeeded, events.NoReason)
			onShelf(t, w, "a b c")
			continue
		}
		reasonIs(t, evs, events.Failed, events.Broke)
		onShelf(t, w, "")
		if !errors.Is(run.Err(), events.ErrBreak) {
			t.Errorf("break at %d: Err is %v", seq+1, run.Err())
		}
	}
}

func TestBreakAtBegin(t *testing.T) {
	w := &shelf{}
	_, evs := consume(t, twoSteps(w), func(_ *events.Run[int], ev events.Event) bool { return !is(ev, events.Begin, "B") })
	outline(t, evs, `
			begin root
				begin put a
				end put a: succeeded
				begin B
				end B: failed (broke) the consumer left
				begin undo put a
				end undo put a: succeeded
			end root: failed (broke) the consumer left`)
	onShelf(t, w, "")
}

func TestBreakAtEndOfSucceeded(t *testing.T) {
	w := &shelf{}
	_, evs := consume(t, twoSteps(w), func(_ *events.Run[int], ev events.Event) bool { return !is(ev, events.End, "B") })
	outline(t, evs, `
			begin root
				begin put a
				end put a: succeeded
				begin B
					begin put b
					end put b: succeeded
				end B: succeeded
				begin undo put b
				end undo put b: succeeded
				begin undo put a
				end undo put a: succeeded
			end root: failed (broke) the consumer left`)
	onShelf(t, w, "")
}

func TestBreakCannotBeHandled(t *testing.T) {
	w := &shelf{}
	op := rootOp(func(s events.Step) error {
		_ = w.put(s, "a")
		_ = act(s, "B", func(events.Step) error { return nil })
		_ = act(s, "C", func(events.Step) error { t.Error("C ran after the break"); return nil })
		return nil
	})
	_, evs := consume(t, op, func(_ *events.Run[int], ev events.Event) bool { return !is(ev, events.End, "B") })
	reasonIs(t, evs, events.Failed, events.Broke)
	onShelf(t, w, "")
}

func TestBreakDuringRollback(t *testing.T) {
	w := &shelf{}
	op := rootOp(func(s events.Step) error {
		_, _, _ = w.put(s, "a"), w.put(s, "b"), w.put(s, "c")
		return errBoom
	})
	for _, phase := range []events.Phase{events.Begin, events.End} {
		_, evs := consume(t, op, func(_ *events.Run[int], ev events.Event) bool {
			return ev.Kind != events.Undo || ev.Phase != phase
		})
		reasonIs(t, evs, events.Failed, events.Errored)
		onShelf(t, w, "")
	}
}

func TestBreakAtDeferred(t *testing.T) {
	w := &shelf{}
	op := rootOp(func(s events.Step) error { return errors.Join(w.burn(s, "x"), w.burn(s, "y"), w.put(s, "a")) })
	run, evs := consume(t, op, func(_ *events.Run[int], ev events.Event) bool { return ev.Kind != events.Commit })
	reasonIs(t, evs, events.Succeeded, events.NoReason)
	onShelf(t, w, "a burnt-x burnt-y")
	if _, err := run.Wait(); err != nil {
		t.Errorf("Wait after a break behind the commit point: %v", err)
	}
}

func TestContextCancelledBefore(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errBoom)
	op := rootOp(func(events.Step) error { t.Error("the body ran"); return nil })
	run, evs := consumeCtx(t, ctx, op, func(*events.Run[int], events.Event) bool { return true })
	outline(t, evs, `
			begin root
			end root: failed (cancelled) cancelled: boom`)
	if err := run.Err(); !errors.Is(err, context.Canceled) || !errors.Is(err, errBoom) {
		t.Errorf("Err is %v", err)
	}
}

func TestContextCancelledDuring(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	w := &shelf{}
	op := rootOp(func(s events.Step) error {
		if err := w.put(s, "a"); err != nil {
			return err
		}
		cancel()
		if s.Context().Err() == nil {
			t.Error("the step's context is not cancelled")
		}
		return act(s, "B", func(events.Step) error { t.Error("B ran"); return nil })
	})
	_, evs := consumeCtx(t, ctx, op, func(*events.Run[int], events.Event) bool { return true })
	outline(t, evs, `
			begin root
				begin put a
				end put a: succeeded
				begin undo put a
				end undo put a: succeeded
			end root: failed (cancelled) cancelled`)
}

func TestContextCancelledBodyReturnsNil(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	w := &shelf{}
	op := rootOp(func(s events.Step) error {
		return act(s, "B", func(s events.Step) error { err := w.put(s, "b"); cancel(); return err })
	})
	_, evs := consumeCtx(t, ctx, op, func(*events.Run[int], events.Event) bool { return true })
	outline(t, evs, `
			begin root
				begin B
					begin put b
					end put b: succeeded
				end B: succeeded
				begin undo put b
				end undo put b: succeeded
			end root: failed (cancelled) cancelled`)
	onShelf(t, w, "")
}

func TestContextCancelledDuringRollback(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	w := &shelf{}
	op := rootOp(func(s events.Step) error {
		_ = w.put(s, "a")
		_ = s.Apply(&put{Name: "b", w: w, undo: func(ctx context.Context) error { cancel(); return ctx.Err() }})
		return errBoom
	})
	_, evs := consumeCtx(t, ctx, op, func(*events.Run[int], events.Event) bool { return true })
	reasonIs(t, evs, events.Failed, events.Errored)
	onShelf(t, w, "")
}

func TestContextCancelledAfter(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	w := &shelf{}
	op := rootOp(func(s events.Step) error { return errors.Join(w.put(s, "a"), w.burn(s, "x")) })
	run, evs := consumeCtx(t, ctx, op, func(_ *events.Run[int], ev events.Event) bool {
		if ev.Kind == events.Commit {
			cancel()
		}
		return true
	})
	reasonIs(t, evs, events.Succeeded, events.NoReason)
	run.Cancel(errBoom)
	run.Abort()
	if _, err := run.Wait(); err != nil {
		t.Errorf("Wait: %v", err)
	}
	onShelf(t, w, "a burnt-x")
}

func TestDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		op := rootOp(func(s events.Step) error {
			<-s.Context().Done()
			return s.Context().Err()
		})
		_, evs := consumeCtx(t, ctx, op, func(*events.Run[int], events.Event) bool { return true })
		reasonIs(t, evs, events.Failed, events.Cancelled)
		if !errors.Is(rootEnd(evs).Err, context.DeadlineExceeded) {
			t.Errorf("the root's error is %v", rootEnd(evs).Err)
		}
	})
}

func TestCancelFromAnotherGoroutine(t *testing.T) {
	w := &shelf{}
	started := make(chan struct{})
	op := rootOp(func(s events.Step) error {
		_ = w.put(s, "a")
		close(started)
		<-s.Context().Done()
		if cause := context.Cause(s.Context()); cause != errBoom { //nolint:errorlint // identity
			t.Errorf("the cause is %v", cause)
		}
		return s.Progress("never")
	})
	run := op.Start(t.Context(), eventstest.Watch(t))
	var wg sync.WaitGroup
	wg.Go(func() { <-started; run.Cancel(errBoom); run.Cancel(nil) })
	_, err := run.Wait()
	wg.Wait()
	ce, ok := errors.AsType[*events.CancelError](err)
	if !ok || ce.Cause != errBoom || !errors.Is(err, context.Canceled) { //nolint:errorlint // identity
		t.Errorf("the outcome is %v", err)
	}
	onShelf(t, w, "")
}

func TestAbortFromAnotherGoroutine(t *testing.T) {
	w := &shelf{}
	undoing := make(chan struct{})
	op := rootOp(func(s events.Step) error {
		_ = w.put(s, "a")
		_ = s.Apply(&put{Name: "b", w: w, undo: func(ctx context.Context) error {
			close(undoing)
			<-ctx.Done()
			return ctx.Err()
		}})
		_ = w.put(s, "c")
		return errBoom
	})
	run := op.Start(t.Context(), eventstest.Watch(t))
	var wg sync.WaitGroup
	wg.Go(func() { <-undoing; run.Abort() })
	_, err := run.Wait()
	wg.Wait()
	onShelf(t, w, "a b")
	res := run.Residue()
	if len(res) != 2 || !errors.Is(res[0].Err, context.Canceled) || res[1].Err != events.ErrAborted { //nolint:errorlint // identity
		t.Errorf("residue is %v", res)
	}
	if rb, ok := errors.AsType[*events.RollbackError](err); !ok || rb.Cause != errBoom || len(rb.Residue) != 2 { //nolint:errorlint // identity
		t.Errorf("the outcome is %v", err)
	}
}

func TestAbortBeforeTheStart(t *testing.T) {
	run := rootOp(func(events.Step) error { t.Error("the body ran"); return nil }).Start(t.Context(), eventstest.Watch(t))
	run.Abort()
	if _, err := run.Wait(); !errors.Is(err, events.ErrAborted) || !errors.Is(err, context.Canceled) {
		t.Errorf("the outcome is %v", err)
	}
}

// TestAbortDuringBackoff: a compensation that waits for its next attempt is not tried again.
func TestAbortDuringBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tries := 0
		act := events.Define(events.NewRegistry(), "flaky.v1", func(events.Step, int) error { tries++; return errBoom },
			events.Retry(5, time.Minute))
		op := rootOp(func(s events.Step) error { return errors.Join(s.Undo(act.With(1)), errors.New("fail")) })
		run := op.Start(t.Context(), eventstest.Watch(t))
		var wg sync.WaitGroup
		wg.Go(func() { time.Sleep(90 * time.Second); run.Abort() })
		_, err := run.Wait()
		wg.Wait()
		if tries != 2 {
			t.Errorf("tried %d times, want 2", tries)
		}
		if res := run.Residue(); len(res) != 1 || res[0].Err != errBoom { //nolint:errorlint // identity
			t.Errorf("residue %v of %v", res, err)
		}
	})
}

func TestRollbackTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &shelf{}
		op := rootOp(func(s events.Step) error {
			_ = w.put(s, "a")
			_ = s.Apply(&put{Name: "b", w: w, undo: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }})
			_ = w.put(s, "c")
			return errBoom
		})
		run := op.Start(t.Context(), eventstest.Watch(t), events.WithRollbackTimeout(time.Minute))
		start := time.Now()
		_, err := run.Wait()
		if took := time.Since(start); took != time.Minute {
			t.Errorf("the rollback took %v", took)
		}
		res := run.Residue()
		if len(res) != 2 || !errors.Is(res[0].Err, context.DeadlineExceeded) || res[1].Err != events.ErrAborted { //nolint:errorlint // identity
			t.Errorf("residue is %v", res)
		}
		if !errors.Is(err, errBoom) || errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the outcome is %v", err)
		}
		onShelf(t, w, "a b")
	})
}

func TestWaitAfterBreak(t *testing.T) {
	w := &shelf{}
	run := twoSteps(w).Start(t.Context())
	if run.Err() != nil || run.Info() != nil {
		t.Error("a run that has not started has an outcome")
	}
	for range run.Events() {
		break
	}
	if _, err := run.Wait(); !errors.Is(err, events.ErrBreak) {
		t.Errorf("Wait: %v", err)
	}
	if run.Err() == nil || run.Info() == nil {
		t.Error("a run that is over has no outcome")
	}
}

func TestWaitInAnotherGoroutine(t *testing.T) {
	run := rootOp(func(events.Step) error { panic("oh") }).Start(t.Context())
	got := make(chan error)
	inside := make(chan struct{})
	go func() { <-inside; _, err := run.Wait(); got <- err }()
	func() {
		defer func() { _ = recover() }()
		for range run.Events() {
			select {
			case <-inside:
			default:
				close(inside)
			}
		}
	}()
	if err := <-got; err == nil || err.Error() != "panic: oh" {
		t.Errorf("Wait gives %v to another goroutine", err)
	}
}

func TestReused(t *testing.T) {
	run := twoSteps(&shelf{}).Start(t.Context())
	for range run.Events() {
	}
	defer func() {
		if v := recover(); v != events.ErrReused { //nolint:errorlint // identity
			t.Errorf("the second range panics with %v", v)
		}
	}()
	for range run.Events() {
		t.Error("the second range yields")
	}
}

func TestReusedWhileItRuns(t *testing.T) {
	run := twoSteps(&shelf{}).Start(t.Context())
	for range run.Events() {
		func() {
			defer func() {
				if v := recover(); v != events.ErrReused { //nolint:errorlint // identity
					t.Errorf("the second range panics with %v", v)
				}
			}()
			for range run.Events() {
				t.Error("the second range yields")
			}
		}()
	}
	if err := run.Err(); err != nil {
		t.Errorf("the first range: %v", err)
	}
}

func TestLazy(t *testing.T) {
	w := &shelf{}
	run := twoSteps(w).Start(t.Context())
	seq := run.Events()
	onShelf(t, w, "")
	for range seq {
		onShelf(t, w, "")
		break
	}
}

func TestPull(t *testing.T) {
	w := &shelf{}
	var c eventstest.Checker
	next, stop := iter.Pull(twoSteps(w).Events(t.Context(), events.WithSink(c.Sink())))
	for range 4 {
		ev, ok := next()
		if !ok {
			t.Fatal("no more")
		}
		_ = c.Yielded(ev) // kept for Close
	}
	onShelf(t, w, "a")
	c.Left()
	stop()
	onShelf(t, w, "")
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

func TestConsumerExits(t *testing.T) {
	all, _, _ := eventstest.Record(t, twoSteps(&shelf{}))
	for seq := range uint64(len(all)) {
		w := &shelf{}
		var c eventstest.Checker
		run := twoSteps(w).Start(t.Context(), events.WithSink(c.Sink()))
		done := make(chan struct{})
		go func() {
			defer close(done)
			for ev := range run.Events() {
				_ = c.Yielded(ev) // kept for Close
				if ev.Seq == seq+1 {
					c.Left()
					runtime.Goexit()
				}
			}
		}()
		<-done
		if err := c.Close(); err != nil {
			t.Errorf("exit at %d: %v", seq+1, err)
		}
		_, err := run.Wait()
		if last := seq+1 == uint64(len(all)); last {
			onShelf(t, w, "a b c")
			continue
		}
		onShelf(t, w, "")
		if !errors.Is(err, events.ErrExited) {
			t.Errorf("exit at %d: Wait gives %v", seq+1, err)
		}
	}
}
