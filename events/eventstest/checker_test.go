package eventstest_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/events/eventstest"
)

// sample is a whole stream with everything in it: root{A{x}, group{l{y}, m}, handled{z, undo}, B fails,
// undo of y, x, commit of nothing}.
func sample(t *testing.T) []events.Event {
	t.Helper()
	step := func(s events.Step, name string, body func(events.Step) error) error {
		return s.Do(&events.Named{Type: name}, body)
	}
	leave := func(events.Step) error { return nil }
	evs, _, _ := eventstest.Record(t, events.New(&events.Named{Type: "root"}, func(s events.Step) (int, error) {
		_ = step(s, "A", func(s events.Step) error { s.OnRollback("a", leave); return s.Progress("half") })
		_ = step(s, "B", func(s events.Step) error { s.OnRollback("b", leave); return nil })
		_ = s.Group(func(g *events.Group) {
			g.Go(&events.Named{Type: "lane"}, func(s events.Step) error {
				return step(s, "C", func(s events.Step) error { s.OnRollback("c", leave); return nil })
			})
		})
		_ = step(s, "D", func(s events.Step) error { s.OnRollback("d", leave); return errors.New("no") })
		_ = step(s, "E", func(events.Step) error { return events.Skip("so") })
		return 1, errors.New("boom")
	}))
	return evs
}

// at is the index of the record of that phase and type.
func at(t *testing.T, evs []events.Event, phase events.Phase, typ string) int {
	t.Helper()
	i := slices.IndexFunc(evs, func(ev events.Event) bool { return ev.Phase == phase && ev.Type() == typ })
	if i < 0 {
		t.Fatalf("no %s of %s", phase, typ)
	}
	return i
}

// TestCheckerSees breaks a stream in one way after the other.
func TestCheckerSees(t *testing.T) {
	good := sample(t)
	if err := eventstest.Check(slices.Values(good)); err != nil {
		t.Fatal(err)
	}
	type edit func(evs []events.Event, at func(events.Phase, string) *events.Event) []events.Event
	set := func(phase events.Phase, typ string, f func(ev *events.Event)) edit {
		return func(evs []events.Event, at func(events.Phase, string) *events.Event) []events.Event {
			f(at(phase, typ))
			return evs
		}
	}
	// drop removes the record and renumbers the rest.
	drop := func(phase events.Phase, typ string) edit {
		return func(evs []events.Event, at func(events.Phase, string) *events.Event) []events.Event {
			i := int(at(phase, typ).Seq) - 1 //nolint:gosec // small
			return renumber(slices.Delete(evs, i, i+1))
		}
	}
	const begin, progress, end = events.Begin, events.Progress, events.End
	for name, tc := range map[string]struct {
		edit edit
		want string
	}{
		"gap":                   {set(end, "A", func(ev *events.Event) { ev.Seq++ }), "I1"},
		"no-run":                {set(end, "A", func(ev *events.Event) { ev.Run = nil }), "I6"},
		"no-begin":              {drop(begin, "C"), "I2"},
		"no-end":                {drop(end, "C"), "I4"},
		"no-end-of-the-root":    {drop(end, "root"), "I5"},
		"end-twice":             {set(end, "B", func(ev *events.Event) { ev.ID = 2 }), "I2"},
		"end-of-the-parent":     {set(end, "A", func(ev *events.Event) { ev.ID, ev.Parent, ev.Depth, ev.Payload = 1, 0, 0, good[0].Payload }), "I4"},
		"reused-id":             {set(begin, "B", func(ev *events.Event) { ev.ID = 2 }), "I2"},
		"parent-ended":          {set(begin, "B", func(ev *events.Event) { ev.Parent = 2 }), "I3"},
		"parent-unknown":        {set(begin, "B", func(ev *events.Event) { ev.Parent = 99 }), "I3"},
		"second-root":           {set(begin, "B", func(ev *events.Event) { ev.Parent = 0 }), "I5"},
		"depth":                 {set(begin, "B", func(ev *events.Event) { ev.Depth = 2 }), "I10"},
		"lane-of-another":       {set(end, "A", func(ev *events.Event) { ev.Lane = 7 }), "I2"},
		"parent-in-other-lane":  {set(begin, "C", func(ev *events.Event) { ev.Lane = 0 }), "I4"},
		"lane-used-again":       {set(begin, "D", func(ev *events.Event) { ev.Lane = 1 }), "I4"},
		"time-runs-back":        {set(end, "B", func(ev *events.Event) { ev.At = 0 }), "I4"},
		"pending-end":           {set(end, "A", func(ev *events.Event) { ev.Status = events.Pending }), "I6"},
		"ended-begin":           {set(begin, "A", func(ev *events.Event) { ev.Status = events.Succeeded }), "I6"},
		"failed-without-reason": {set(end, "D", func(ev *events.Event) { ev.Reason = events.NoReason }), "I6"},
		"failed-without-error":  {set(end, "D", func(ev *events.Event) { ev.Err = nil }), "I6"},
		"reason-of-a-success":   {set(end, "A", func(ev *events.Event) { ev.Reason = events.Errored }), "I6"},
		"error-of-a-success":    {set(end, "A", func(ev *events.Event) { ev.Err = errors.New("x") }), "I6"},
		"skip-without-why":      {set(end, "E", func(ev *events.Event) { ev.Err = nil }), "I6"},
		"duration-of-a-begin":   {set(begin, "A", func(ev *events.Event) { ev.Dur = 1 }), "I6"},
		"phase":                 {set(progress, "A", func(ev *events.Event) { ev.Phase = 9 }), "I6"},
		"payload-changes":       {set(end, "A", func(ev *events.Event) { ev.Payload = &events.Named{Type: "A"} }), "I2"},
		"undo-without-a-cause":  {set(begin, "a", func(ev *events.Event) { ev.Err = nil }), "I7"},
		"undo-of-nothing":       {set(begin, "a", func(ev *events.Event) { ev.Of = 0 }), "I7"},
		"undo-of-the-unborn":    {set(begin, "a", func(ev *events.Event) { ev.Of = 99 }), "I7"},
		"undo-of-a-stranger":    {set(begin, "d", func(ev *events.Event) { ev.Of = 2 }), "I7"},
		"undo-of-the-undone":    {set(begin, "a", func(ev *events.Event) { ev.Of = evID(good, "D") }), "I16"},
		"undo-of-an-undo":       {set(begin, "a", func(ev *events.Event) { ev.Of = evID(good, "d") }), "I16"},
		"forward-of":            {set(begin, "B", func(ev *events.Event) { ev.Of = 1 }), "I7"},
		"undone-in-order": {func(evs []events.Event, at func(events.Phase, string) *events.Event) []events.Event {
			a, b := at(begin, "a"), at(begin, "b")
			a.Of, b.Of = b.Of, a.Of
			a2, b2 := at(end, "a"), at(end, "b")
			a2.Of, b2.Of = a.Of, b.Of
			return evs
		}, "I8"},
		"forward-after-an-undo": {set(begin, "a", func(ev *events.Event) { ev.Kind, ev.Of, ev.Err = events.Forward, 0, nil }), "I9"},
		"success-after-an-undo": {set(end, "D", func(ev *events.Event) { ev.Status, ev.Reason, ev.Err = events.Succeeded, events.NoReason, nil }), "I9"},
		"success-over-a-panic": {func(evs []events.Event, at func(events.Phase, string) *events.Event) []events.Event {
			at(end, "C").Status, at(end, "C").Reason, at(end, "C").Err = events.Failed, events.Panicked, errors.New("x")
			return evs
		}, "I11"},
		"after-the-end": {func(evs []events.Event, at func(events.Phase, string) *events.Event) []events.Event {
			ev := evs[0]
			ev.Seq = uint64(len(evs)) + 1
			return append(evs, ev)
		}, "I5"},
	} {
		t.Run(name, func(t *testing.T) {
			evs := slices.Clone(good)
			evs = tc.edit(evs, func(phase events.Phase, typ string) *events.Event { return &evs[at(t, evs, phase, typ)] })
			if err := eventstest.Check(slices.Values(evs)); err == nil || !strings.Contains(err.Error(), tc.want+":") {
				t.Errorf("the checker says %v, want %s", err, tc.want)
			}
		})
	}
}

func evID(evs []events.Event, typ string) events.ID {
	i := slices.IndexFunc(evs, func(ev events.Event) bool { return ev.Type() == typ })
	return evs[i].ID
}

func renumber(evs []events.Event) []events.Event {
	for i := range evs {
		evs[i].Seq = uint64(i) + 1
	}
	return evs
}

// TestCheckerSeesTheConsumer: I12 and I13.
func TestCheckerSeesTheConsumer(t *testing.T) {
	op := events.New(&events.Named{Type: "root"}, func(events.Step) (int, error) { return 1, nil })
	good, _, _ := eventstest.Record(t, op)
	for name, tc := range map[string]struct {
		f    func(c *eventstest.Checker)
		want string
	}{
		"yielded-before-the-sink": {func(c *eventstest.Checker) { _ = c.Yielded(good[0]) }, "I12"},
		"yielded-twice":           {func(c *eventstest.Checker) { _ = c.Add(good[0]); _ = c.Yielded(good[0]); _ = c.Yielded(good[0]) }, "I12"},
		"yielded-with-a-gap":      {func(c *eventstest.Checker) { _ = c.Add(good[0]); _ = c.Add(good[1]); _ = c.Yielded(good[1]) }, "I12"},
		"yielded-after-leaving":   {func(c *eventstest.Checker) { _ = c.Add(good[0]); c.Left(); _ = c.Yielded(good[0]) }, "I12"},
		"not-all-yielded":         {func(c *eventstest.Checker) { _ = c.Add(good[0]); _ = c.Yielded(good[0]); _ = c.Add(good[1]) }, "I12"},
		"success-after-leaving": {func(c *eventstest.Checker) {
			_ = c.Add(good[0])
			_ = c.Yielded(good[0])
			c.Left()
			_ = c.Add(good[1])
		}, "I13"},
		"success-after-cancelling": {func(c *eventstest.Checker) { _ = c.Add(good[0]); c.Stopped(); _ = c.Add(good[1]) }, "I13"},
		"nothing":                  {func(*eventstest.Checker) {}, "I5"},
	} {
		t.Run(name, func(t *testing.T) {
			var c eventstest.Checker
			tc.f(&c)
			if err := c.Close(); err == nil || !strings.Contains(err.Error(), tc.want+":") {
				t.Errorf("the checker says %v, want %s", err, tc.want)
			}
			if err := c.Add(good[0]); err == nil {
				t.Error("the violation is forgotten")
			}
		})
	}
}

func TestTree(t *testing.T) {
	text, err := eventstest.Tree("testdata-that-is-not-there")
	if text != "" || err != nil {
		t.Errorf("a directory that is not there: %q, %v", text, err)
	}
	dir := t.TempDir()
	f := eventstest.Files{Dir: dir}
	if err := errors.Join(f.Make("0.1/2"), f.Unmake("0.1/2"), f.Unmake("0.1/2"), f.Remove("0.1/2"), f.Make("0")); err != nil {
		t.Error(err)
	}
	if err := f.Make("0"); err == nil {
		t.Error("an entry is made twice")
	}
	text, err = eventstest.Tree(dir)
	if lines := strings.Split(text, "\n"); err != nil || len(lines) != 3 || !strings.HasSuffix(lines[1], ` "0"`) {
		t.Errorf("%q, %v", text, err)
	}
}
