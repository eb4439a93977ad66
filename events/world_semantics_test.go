package events_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/events/eventstest"
)

// shelf is the world of these tests: names that are there or are not.
type shelf struct {
	mu   sync.Mutex
	on   []string
	jobs []string // everything that was done, in order
}

func (w *shelf) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.Join(w.on, " ")
}

// history is all that was done: +x, -x.
func (w *shelf) history() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.Join(w.jobs, " ")
}

func (w *shelf) add(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.on, w.jobs = append(w.on, name), append(w.jobs, "+"+name)
}

func (w *shelf) remove(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.jobs = append(w.jobs, "-"+name)
	if i := slices.Index(w.on, name); i >= 0 {
		w.on = slices.Delete(w.on, i, i+1)
	}
}

// put is the effect that puts a name on the shelf. do and undo, if any, come first.
type put struct {
	Name     string
	Receipt  string // what only Do knows
	w        *shelf
	do, undo func(context.Context) error
}

func (e *put) EventType() string { return "put" }
func (e *put) EventKey() string  { return e.Name }

func (e *put) Do(ctx context.Context) error {
	if e.do != nil {
		if err := e.do(ctx); err != nil {
			return err
		}
	}
	e.w.add(e.Name)
	return nil
}

func (e *put) Undo(ctx context.Context) error {
	if e.undo != nil {
		if err := e.undo(ctx); err != nil {
			return err
		}
	}
	e.w.remove(e.Name)
	return nil
}

func (w *shelf) put(s events.Step, name string) error { return s.Apply(&put{Name: name, w: w}) }

// stuck puts name there and cannot take it away again.
func (w *shelf) stuck(s events.Step, name string) error {
	return s.Apply(&put{Name: name, w: w, undo: func(context.Context) error { return errors.New("stuck") }})
}

// burn is a deferred effect: it removes a name for good.
type burn struct {
	Name string
	w    *shelf
	fail error
}

func (e *burn) EventType() string                   { return "burn" }
func (e *burn) EventKey() string                    { return e.Name }
func (e *burn) Undo(context.Context) error          { panic("a deferred effect is never undone") }
func (e *burn) Do(context.Context) error            { e.w.add("burnt-" + e.Name); return e.fail }
func (w *shelf) burn(s events.Step, n string) error { return s.Defer(&burn{Name: n, w: w}) }

var errBoom = errors.New("boom")

// act runs body as a child step called name.
func act(s events.Step, name string, body func(events.Step) error) error {
	return s.Do(&events.Named{Type: name}, body)
}

func rootOp(body func(events.Step) error) events.Op[int] {
	return events.New(&events.Named{Type: "root"}, func(s events.Step) (int, error) { return 1, body(s) })
}

// outline compares evs with want, whose indentation is cut and whose lines may be empty.
func outline(t *testing.T, evs []events.Event, want string) {
	t.Helper()
	want = strings.Trim(strings.ReplaceAll(want, "\n\t\t\t", "\n"), "\n\t") + "\n"
	want = strings.ReplaceAll(want, "\t", "  ")
	if diff := cmp.Diff(want, eventstest.Outline(evs)); diff != "" {
		t.Errorf("stream differs (-want +got):\n%s", diff)
	}
}

// onShelf compares the world.
func onShelf(t *testing.T, w *shelf, want string) {
	t.Helper()
	if got := w.String(); got != want {
		t.Errorf("left on the shelf: %q, want %q; history: %s", got, want, w.history())
	}
}

// consume ranges over run's events under a Checker and does at for each; at returns false to break.
func consume(t *testing.T, op events.Op[int], at func(run *events.Run[int], ev events.Event) bool, opts ...events.Option) (*events.Run[int], []events.Event) {
	t.Helper()
	return consumeCtx(t, t.Context(), op, at, opts...)
}

// consumeCtx is consume under a context of its own.
func consumeCtx(t *testing.T, ctx context.Context, op events.Op[int], at func(run *events.Run[int], ev events.Event) bool, opts ...events.Option) (*events.Run[int], []events.Event) { //nolint:revive // t first
	t.Helper()
	var c eventstest.Checker
	var all []events.Event
	sink := func(ev *events.Event) {
		_ = c.Add(*ev) // kept for Close
		all = append(all, *ev)
	}
	run := op.Start(ctx, append(opts, events.WithSink(sink))...)
	func() {
		defer func() {
			if v := recover(); v != nil {
				c.Left()
				t.Cleanup(func() { t.Logf("recovered %v", v) })
			}
		}()
		for ev := range run.Events() {
			_ = c.Yielded(ev) // kept for Close
			if !at(run, ev) {
				c.Left()
				break
			}
		}
	}()
	if err := c.Close(); err != nil {
		t.Errorf("%v\n%s", err, eventstest.Outline(all))
	}
	return run, all
}

// is tells whether ev is a record of that phase and type.
func is(ev events.Event, phase events.Phase, typ string) bool {
	return ev.Phase == phase && ev.Type() == typ
}

// rootEnd is the last record.
func rootEnd(evs []events.Event) events.Event { return evs[len(evs)-1] }

// reasonIs checks how the run ended.
func reasonIs(t *testing.T, evs []events.Event, status events.Status, reason events.Reason) {
	t.Helper()
	if end := rootEnd(evs); end.Status != status || end.Reason != reason {
		t.Errorf("the root ended: %s, want %s %s", eventstest.Line(end), status, reason)
	}
}
