package events_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/libioc/ioc/events"
)

func TestWith(t *testing.T) {
	var order []string
	sink := func(name string) events.Option {
		return events.WithSink(func(ev *events.Event) {
			if ev.Done() {
				order = append(order, name+"@"+ev.Run.Host)
			}
		})
	}
	inner := events.New(&events.Named{Type: "inner"}, func(events.Step) (int, error) { return 7, nil }).With(sink("never"))
	plain := events.New(&events.Named{Type: "outer"}, func(s events.Step) (int, error) { return events.Call(s, inner) })
	first := plain.With(sink("a"), events.WithOrigin("preset", 1))
	second := first.With(sink("b"))

	if v, err := second.Do(t.Context(), sink("c"), events.WithOrigin("given", 2)); v != 7 || err != nil {
		t.Fatalf("got %d, %v", v, err)
	}
	want := []string{"a@given", "b@given", "c@given", "a@given", "b@given", "c@given"}
	if !slices.Equal(order, want) {
		t.Errorf("got %q, want %q", order, want)
	}
	order = nil
	if _, err := first.Do(t.Context()); err != nil {
		t.Fatal(err)
	}
	if want := []string{"a@preset", "a@preset"}; !slices.Equal(order, want) {
		t.Errorf("the first changed with the second: got %q, want %q", order, want)
	}
}

type asking struct{ seen *events.RunInfo }

func (*asking) EventType() string { return "test.ask" }
func (a *asking) Do(ctx context.Context) error {
	a.seen = events.RunOf(ctx)
	return errors.New("undo me")
}
func (a *asking) Undo(ctx context.Context) error { a.seen = events.RunOf(ctx); return nil }

func TestRunOf(t *testing.T) {
	if got := events.RunOf(t.Context()); got != nil {
		t.Errorf("of no run: got %v", got)
	}
	var step, effect *events.RunInfo
	run := events.New(&events.Named{Type: "outer"}, func(s events.Step) (int, error) {
		ctx, cancel := context.WithCancel(s.Context())
		defer cancel()
		step = events.RunOf(ctx)
		e := &asking{}
		defer func() { effect = e.seen }()
		return 0, s.Apply(e)
	}).Start(t.Context())
	_, _ = run.Wait()
	if step != run.Info() || effect != run.Info() {
		t.Errorf("of a step %p, of an effect %p, want %p", step, effect, run.Info())
	}
}

func TestAfter(t *testing.T) {
	var order []string
	op := events.New(&events.Named{Type: "op"}, func(events.Step) (int, error) {
		order = append(order, "body")
		return 7, nil
	})
	first := func(err error) func(events.Step) error {
		return func(s events.Step) error {
			s.OnRollback("first", func(events.Step) error { order = append(order, "undo"); return nil })
			order = append(order, "first")
			return err
		}
	}
	if v, err := op.After(first(nil)).Do(t.Context()); v != 7 || err != nil || !slices.Equal(order, []string{"first", "body"}) {
		t.Errorf("got %d, %v, %q", v, err, order)
	}
	no := errors.New("no")
	order = nil
	if v, err := op.After(first(no)).Do(t.Context()); v != 0 || !errors.Is(err, no) || !slices.Equal(order, []string{"first", "undo"}) {
		t.Errorf("refused: got %d, %v, %q", v, err, order)
	}
}
