package events_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/events/eventstest"
)

// TestReasonOfAnError has a row per rule of classification.
func TestReasonOfAnError(t *testing.T) {
	left := []events.Residue{{Action: "x", Err: context.Canceled}}
	for _, tc := range []struct {
		name string
		err  error
		want events.Reason
	}{
		{"plain", errBoom, events.Errored},
		{"wrapped", fmt.Errorf("x: %w", errBoom), events.Errored},
		{"break", events.ErrBreak, events.Broke},
		{"wrapped-break", fmt.Errorf("x: %w", events.ErrBreak), events.Broke},
		{"context-cancelled", context.Canceled, events.Cancelled},
		{"deadline", fmt.Errorf("x: %w", context.DeadlineExceeded), events.Cancelled},
		{"cancel-error", &events.CancelError{Cause: errBoom}, events.Cancelled},
		{"cancel-error-without-cause", &events.CancelError{}, events.Cancelled},
		{"exit", events.ErrExited, events.Exited},
		{"panic-error", &events.PanicError{Value: 1}, events.Panicked},
		{"panic-of-a-break", &events.PanicError{Value: events.ErrBreak}, events.Panicked},
		{"rollback-unwraps-to-the-cause", &events.RollbackError{Cause: errBoom, Residue: left}, events.Errored},
		{"rollback-of-cancelled", &events.RollbackError{Cause: &events.CancelError{}, Residue: left}, events.Cancelled},
		{"rollback-of-panic", &events.RollbackError{Cause: &events.PanicError{Value: 1}}, events.Panicked},
		{"joined-the-first-counts", errors.Join(errBoom, context.Canceled), events.Errored},
		{"joined-cancelled-first", errors.Join(context.Canceled, errBoom), events.Cancelled},
		{"joined-with-a-skip", errors.Join(errBoom, events.Skip("x")), events.Errored},
		{"rollback-of-a-skip", &events.RollbackError{Cause: events.Skip("x"), Residue: left}, events.Errored},
		{"skip", events.Skip("x"), events.NoReason},
		{"wrapped-skip", fmt.Errorf("x: %w", events.Skip("x")), events.NoReason},
		{"joined-skip-alone", errors.Join(nil, events.Skip("x")), events.NoReason},
	} {
		t.Run(tc.name, func(t *testing.T) {
			evs, _, err := eventstest.Record(t, rootOp(func(s events.Step) error {
				return act(s, "A", func(events.Step) error { return tc.err })
			}))
			for _, ev := range evs {
				if !is(ev, events.End, "A") {
					continue
				}
				if ev.Reason != tc.want || ev.Skipped() != (tc.want == events.NoReason) {
					t.Errorf("reason %s, want %s", ev.Reason, tc.want)
				}
			}
			if (err == nil) != (tc.want == events.NoReason) || err != nil && !errors.Is(err, tc.err) {
				t.Errorf("the outcome is %v", err)
			}
		})
	}
}

func TestIsSeesTheCauseOnly(t *testing.T) {
	w := &shelf{}
	errUndo := errors.New("undo")
	evs, _, err := eventstest.Record(t, rootOp(func(s events.Step) error {
		_ = s.Apply(&put{Name: "a", w: w, undo: func(context.Context) error { return errUndo }})
		_ = s.Apply(&put{Name: "b", w: w, undo: func(context.Context) error { return context.Canceled }})
		_ = s.Apply(&put{Name: "c", w: w, undo: func(context.Context) error { panic("undo") }})
		return fmt.Errorf("x: %w", errBoom)
	}))
	if !errors.Is(err, errBoom) || errors.Is(err, errUndo) || errors.Is(err, context.Canceled) {
		t.Errorf("errors.Is sees more than the cause in %v", err)
	}
	if _, ok := errors.AsType[*events.PanicError](err); ok {
		t.Errorf("errors.As finds the panic of a compensation in %v", err)
	}
	if rb, ok := errors.AsType[*events.RollbackError](err); !ok || len(rb.Residue) != 3 {
		t.Errorf("residue: %v", err)
	}
	reasonIs(t, evs, events.Failed, events.Errored)
	onShelf(t, w, "a b c")
}

// TestResidueAddsUp: a parent that cannot undo its own either has both in one error.
func TestResidueAddsUp(t *testing.T) {
	w := &shelf{}
	run := rootOp(func(s events.Step) error {
		_ = w.stuck(s, "a")
		return act(s, "B", func(s events.Step) error { return errors.Join(w.stuck(s, "b"), errBoom) })
	}).Start(t.Context(), eventstest.Watch(t))
	_, err := run.Wait()
	rb, ok := err.(*events.RollbackError) //nolint:errorlint // the outermost
	if !ok || len(rb.Residue) != 2 || len(run.Residue()) != 2 || rb.Cause.Error() != "boom" {
		t.Errorf("outcome %v, residue %v", err, run.Residue())
	}
}

func TestErrorTexts(t *testing.T) {
	res := []events.Residue{{Action: "umount", Err: errors.New("busy")}, {Action: "destroy", Err: events.ErrAborted}}
	for want, err := range map[string]error{
		"boom (left behind: umount: busy; destroy: aborted before it was undone)": &events.RollbackError{Cause: errBoom, Residue: res},
		"cancelled":       &events.CancelError{Cause: context.Canceled},
		"cancelled: boom": &events.CancelError{Cause: errBoom},
		"panic: 3":        &events.PanicError{Value: 3},
		"skipped: so":     events.Skip("so"),
		"is there":        events.Untouched(errors.New("is there")),
	} {
		if err.Error() != want {
			t.Errorf("got %q, want %q", err.Error(), want)
		}
	}
	if events.Untouched(nil) != nil {
		t.Error("Untouched(nil) is an error")
	}
}

func TestStale(t *testing.T) {
	stale := func(t *testing.T, what string, f func()) {
		t.Helper()
		if v := panicOf(f); v != events.ErrStale { //nolint:errorlint // identity
			t.Errorf("%s panics with %v, want ErrStale", what, v)
		}
	}
	w := &shelf{}
	undo := events.Define(events.NewRegistry(), "x.v1", func(events.Step, int) error { return nil }).With(1)
	all := func(t *testing.T, s events.Step) {
		t.Helper()
		stale(t, "Do", func() { _ = act(s, "x", func(events.Step) error { return nil }) })
		stale(t, "Progress", func() { _ = s.Progress(1) })
		stale(t, "Result", func() { s.Result(1) })
		stale(t, "OnRollback", func() { s.OnRollback("x", nil) })
		stale(t, "Undo", func() { _ = s.Undo(undo) })
		stale(t, "ApplyWith", func() { _ = s.ApplyWith(undo, nil) })
		stale(t, "Amend", func() { _ = s.Amend(undo) })
		stale(t, "AfterCommit", func() { _ = s.AfterCommit(undo) })
		stale(t, "Apply", func() { _ = w.put(s, "x") })
		stale(t, "Defer", func() { _ = w.burn(s, "x") })
		stale(t, "Seal", func() { _ = s.Seal() })
		stale(t, "Retain", func() { _ = s.Retain("x") })
		stale(t, "Hold", func() { s.Hold(func() {}) })
		stale(t, "Group", func() { _ = s.Group(func(*events.Group) {}) })
		stale(t, "Adopt", func() { _ = s.Adopt(nil) })
	}
	var kept, ended events.Step
	var keptGroup *events.Group
	_, err := eventstest.Verify(t, rootOp(func(s events.Step) error {
		kept = s
		_ = act(s, "A", func(a events.Step) error {
			ended = a
			all(t, s) // the outer step in the inner body
			return nil
		})
		all(t, ended)
		err := s.Group(func(g *events.Group) {
			keptGroup = g
			g.Go(&events.Named{Type: "lane"}, func(events.Step) error { all(t, ended); return nil })
		})
		stale(t, "Go", func() { keptGroup.Go(&events.Named{Type: "late"}, nil) })
		s.OnRollback("c", func(u events.Step) error { all(t, s); kept = u; return nil })
		return errors.Join(err, errBoom)
	}))
	if !errors.Is(err, errBoom) {
		t.Error(err)
	}
	all(t, kept)
	all(t, events.Step{})
	if kept.Context().Err() == nil {
		t.Error("the context of a run that is over is not done")
	}
	onShelf(t, w, "")
}

// keeper is an effect that keeps its context.
type keeper struct {
	events.Named
	ctx context.Context //nolint:containedctx // that is what it is about
}

func (k *keeper) Do(ctx context.Context) error { k.ctx = ctx; return nil }
func (*keeper) Undo(context.Context) error     { return nil }

// TestKeptContext: who asks an effect's context for the run and its log when all is over gets an answer.
func TestKeptContext(t *testing.T) {
	k := &keeper{Named: events.Named{Type: "keep"}}
	run := rootOp(func(s events.Step) error { return s.Apply(k) }).Start(t.Context())
	if _, err := run.Wait(); err != nil {
		t.Fatal(err)
	}
	if got := events.RunOf(k.ctx); got != run.Info() {
		t.Errorf("the run is %v", got)
	}
	if log := events.LogOf(k.ctx); log != nil {
		t.Errorf("the log is %v", log)
	}
}

// TestStaleFailsTheStep: the panic is the step's, not only the caller's.
func TestStaleFailsTheStep(t *testing.T) {
	run := rootOp(func(s events.Step) error {
		return act(s, "A", func(events.Step) error { return s.Progress(1) })
	}).Start(t.Context(), eventstest.Watch(t), events.PanicsAsErrors())
	if _, err := run.Wait(); !errors.Is(err, events.ErrStale) {
		t.Errorf("the outcome is %v", err)
	}
}
