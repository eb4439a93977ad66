package ioc_test

import (
	"testing"

	"github.com/libioc/ioc"
	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/events/eventstest"
	"github.com/libioc/ioc/jail"
)

// TestStartsOfOneOperation: what an operation has started is running for the rest of it, before it is committed: two
// jails of one operation start once what both depend on.
func TestStartsOfOneOperation(t *testing.T) {
	h := remembering(t, t.TempDir())
	must(t, h.JailGenerator("db").Create(ioc.CreateOptions{}))
	for _, name := range []string{"web", "api"} {
		must(t, h.JailGenerator(name).Create(ioc.CreateOptions{Properties: map[string]string{"depends": "db"}}))
	}
	starts := map[events.Status]int{}
	op := events.New(&events.Named{Type: "test.two"}, func(s events.Step) (int, error) {
		for _, name := range []string{"web", "api"} {
			if _, err := events.Call(s, h.JailGenerator(name).Start()); err != nil {
				return 0, err
			}
		}
		return 2, nil
	}).With(h.Options()...)
	run := op.Start(t.Context(), eventstest.Watch(t))
	for ev := range run.Events() {
		if p, ok := events.As[*jail.Start](ev); ok && p.Jail == "db" && ev.Phase == events.End {
			starts[ev.Status]++
		}
	}
	if _, err := run.Wait(); err != nil {
		t.Fatal(err)
	}
	if starts[events.Succeeded] != 1 || starts[events.Failed] != 0 {
		t.Errorf("starts of db by how they ended: %v", starts)
	}
	for _, name := range []string{"api", "web", "db"} {
		if i, err := h.Jail(name).Info(t.Context()); err != nil || i.State != jail.Running {
			t.Errorf("%s: %s, %v", name, i.State, err)
		}
		must(t, h.JailGenerator(name).Stop(ioc.StopOptions{}))
	}
}
