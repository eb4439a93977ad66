package eventstest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/libioc/ioc/events"
)

// Verify runs op to its end, as Op.Do does, and fails t if its stream violates an invariant. It
// returns the outcome.
func Verify[T any](t testing.TB, op events.Op[T], opts ...events.Option) (T, error) {
	t.Helper()
	_, v, err := Record(t, op, opts...)
	return v, err
}

// Record is Verify that returns the events, too.
func Record[T any](t testing.TB, op events.Op[T], opts ...events.Option) ([]events.Event, T, error) {
	t.Helper()
	var c Checker
	var evs []events.Event
	run := op.Start(t.Context(), append(opts[:len(opts):len(opts)], events.WithSink(c.Sink()))...)
	for ev := range run.Events() {
		evs = append(evs, ev)
		_ = c.Yielded(ev) // kept for Close
	}
	if err := c.Close(); err != nil {
		t.Errorf("stream of %s: %v\n%s", op.Payload().EventType(), err, Outline(evs))
	}
	v, err := run.Wait()
	if last := len(evs) - 1; last >= 0 && evs[last].Status != events.Failed != (err == nil) {
		t.Errorf("%s: the outcome is %v, the root's end %s", op.Payload().EventType(), err, evs[last].Status)
	}
	return evs, v, err
}

// Watch is an option that checks the stream of a run somebody else consumes; the violation, if any, is
// reported when t ends. A run that never ended is a violation.
func Watch(t testing.TB) events.Option {
	t.Helper()
	var c Checker
	t.Cleanup(func() {
		if len(c.records) == 0 {
			return // it was not started
		}
		if err := c.Close(); err != nil {
			t.Errorf("stream: %v", err)
		}
	})
	return events.WithSink(c.Sink())
}

// Outline is evs as text, one line per record, indented by depth: what to compare in a golden test. It
// has no times.
//
//	begin jail.start web
//	  begin mount.bind
//	  end mount.bind: failed (errored) no such directory
//	  begin undo dataset.clone
//	  end undo dataset.clone: succeeded
//	end jail.start web: failed (errored) no such directory
func Outline(evs []events.Event) string {
	var b strings.Builder
	for _, ev := range evs {
		b.WriteString(strings.Repeat("  ", int(ev.Depth)))
		b.WriteString(Line(ev))
		b.WriteByte('\n')
	}
	return b.String()
}

// Paths lists the steps of a stream without its root, each with those that it is part of and, if they are wanted, with titles. They are
// sorted, as nobody knows which lane is first. Plain takes out of each line what differs between equal streams.
func Paths(evs []events.Event, titles bool, plain func(string) string) []string {
	at := map[events.ID]string{}
	var all []string
	for _, ev := range evs {
		if ev.Phase != events.Begin || ev.Depth == 0 {
			continue
		}
		title := ""
		if p, ok := ev.Payload.(interface{ EventTitle() string }); ok && titles {
			title = p.EventTitle()
		}
		at[ev.ID] = plain(strings.Join([]string{at[ev.Parent], " > ", ev.Kind.String(), ev.Type(), ev.Key(), title}, " "))
		all = append(all, at[ev.ID])
	}
	slices.Sort(all)
	return all
}

// Line is ev's line of an Outline, not indented.
func Line(ev events.Event) string {
	var b strings.Builder
	b.WriteString(ev.Phase.String())
	if ev.Kind != events.Forward {
		b.WriteString(" " + ev.Kind.String())
	}
	b.WriteString(" " + ev.Type())
	if key := ev.Key(); key != "" {
		b.WriteString(" " + key)
	}
	if ev.Phase == events.End {
		b.WriteString(": " + ev.Status.String())
		if ev.Reason != events.NoReason {
			b.WriteString(" (" + ev.Reason.String() + ")")
		}
		if ev.Err != nil && ev.Status == events.Failed {
			fmt.Fprintf(&b, " %v", ev.Err)
		}
		if ev.Status == events.Skipped {
			fmt.Fprintf(&b, " (%s)", strings.TrimPrefix(ev.Err.Error(), "skipped: "))
		}
	}
	if ev.Phase == events.Progress {
		fmt.Fprintf(&b, ": %v", ev.Detail)
	}
	return b.String()
}
