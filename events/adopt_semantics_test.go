package events_test

import (
	"errors"
	"iter"
	"runtime"
	"slices"
	"testing"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/events/eventstest"
)

// foreign is another host's operation: root{a, group{x, y}, fails}.
func foreign(t *testing.T, err error) []events.Event {
	t.Helper()
	w := &shelf{}
	op := events.New(&events.Named{Type: "foreign"}, func(s events.Step) (int, error) {
		_ = w.put(s, "a")
		_ = s.Group(func(g *events.Group) {
			lane(g, "x", func(s events.Step) error { return w.put(s, "x") })
			lane(g, "y", func(s events.Step) error { return s.Progress("half") })
		}, events.Limit(1))
		return 1, err
	})
	evs, _, _ := eventstest.Record(t, op)
	return evs
}

// adopting runs body{adopt(seq)} and checks the stream, in which "foreign" is adopted.
func adopting(t *testing.T, seq iter.Seq[events.Event], at func(ev events.Event) bool, opts ...events.Option) ([]events.Event, error) {
	t.Helper()
	c := eventstest.Checker{Adopted: func(ev events.Event) bool { return ev.Type() == "foreign" }}
	var evs []events.Event
	sink := func(ev *events.Event) {
		_ = c.Add(*ev) // kept for Close
		evs = append(evs, *ev)
	}
	w := &shelf{}
	run := rootOp(func(s events.Step) error {
		return errors.Join(w.put(s, "before"), act(s, "A", func(s events.Step) error { return s.Adopt(seq) }), w.put(s, "after"))
	}).Start(t.Context(), append(opts, events.WithSink(sink))...)
	inGoroutine(func() {
		_ = panicOf(func() {
			defer c.Left() // at(ev) may panic or exit
			for ev := range run.Events() {
				_ = c.Yielded(ev) // kept for Close
				if !at(ev) {
					break
				}
			}
		})
	})
	if err := c.Close(); err != nil {
		t.Errorf("%v\n%s", err, eventstest.Outline(evs))
	}
	if rootEnd(evs).Status != events.Succeeded {
		onShelf(t, w, "")
	}
	return evs, run.Err()
}

func takeAll(events.Event) bool { return true }

func TestAdopt(t *testing.T) {
	evs, err := adopting(t, slices.Values(foreign(t, nil)), takeAll)
	if err != nil {
		t.Error(err)
	}
	outline(t, evs, `
			begin root
				begin put before
				end put before: succeeded
				begin A
					begin foreign
						begin put a
						end put a: succeeded
						begin x
							begin put x
							end put x: succeeded
						end x: succeeded
						begin y
						progress y: half
						end y: succeeded
					end foreign: succeeded
				end A: succeeded
				begin put after
				end put after: succeeded
			end root: succeeded`)
	lanes := map[uint32]bool{}
	for _, ev := range evs {
		lanes[ev.Lane] = true
		if ev.Run != evs[0].Run {
			t.Errorf("record %d is of another run", ev.Seq)
		}
	}
	if len(lanes) != 3 {
		t.Errorf("%d lanes, want 3", len(lanes))
	}
}

func TestAdoptFailure(t *testing.T) {
	evs, err := adopting(t, slices.Values(foreign(t, errBoom)), takeAll)
	if !errors.Is(err, errBoom) {
		t.Errorf("the outcome is %v", err)
	}
	reasonIs(t, evs, events.Failed, events.Errored)
	if _, err := adopting(t, slices.Values(foreign(t, events.Skip("so"))), takeAll); err != nil {
		t.Errorf("a foreign skip gives %v", err)
	}
}

// TestAdoptHandlesAForeignPanic: it is another's, and may be handled.
func TestAdoptHandlesAForeignPanic(t *testing.T) {
	var evs []events.Event
	op := events.New(&events.Named{Type: "foreign"}, func(events.Step) (int, error) { panic("oh") })
	for ev := range op.Events(t.Context(), events.PanicsAsErrors()) {
		evs = append(evs, ev)
	}
	c := eventstest.Checker{Adopted: func(ev events.Event) bool { return ev.Type() == "foreign" }}
	_, err := rootOp(func(s events.Step) error {
		if err := s.Adopt(slices.Values(evs)); err == nil {
			t.Error("no error")
		}
		return nil
	}).Do(t.Context(), events.WithSink(c.Sink()))
	if err := errors.Join(err, c.Close()); err != nil {
		t.Error(err)
	}
}

// TestAdoptCut: a stream that ends anywhere leaves nothing pending.
func TestAdoptCut(t *testing.T) {
	all := foreign(t, nil)
	for n := range len(all) {
		_, err := adopting(t, slices.Values(all[:n]), takeAll)
		if n == 0 {
			continue // an empty stream has no error
		}
		if !errors.Is(err, events.ErrCut) {
			t.Errorf("cut after %d: %v", n, err)
		}
	}
}

// TestAdoptLeft: the consumer leaves at any record, in any way; the foreign operation is left too.
func TestAdoptLeft(t *testing.T) {
	all, _ := adopting(t, slices.Values(foreign(t, nil)), takeAll)
	for how, leave := range map[string]func() bool{
		"break": func() bool { return false },
		"panic": func() bool { panic("loop") },
		"exit":  func() bool { runtime.Goexit(); return false },
	} {
		for n := range uint64(len(all) - 1) {
			w := &shelf{}
			op := events.New(&events.Named{Type: "foreign"}, func(s events.Step) (int, error) {
				return 1, errors.Join(w.put(s, "a"), act(s, "B", func(s events.Step) error { return w.put(s, "b") }))
			})
			left := false
			evs, err := adopting(t, op.Events(t.Context()), func(ev events.Event) bool {
				if ev.Seq == n+1 {
					left = true
					return leave()
				}
				return true
			})
			if left && n+1 < uint64(len(evs)) && (err == nil || rootEnd(evs).Status == events.Succeeded) {
				t.Errorf("%s at %d: %v\n%s", how, n+1, err, eventstest.Outline(evs))
			}
		}
	}
}

func TestAdoptDisorder(t *testing.T) {
	all := foreign(t, nil)
	edit := func(f func(evs []events.Event) []events.Event) []events.Event { return f(slices.Clone(all)) }
	for name, evs := range map[string][]events.Event{
		"an-end-that-never-began": all[2:],
		"an-end-with-a-pending-child": edit(func(evs []events.Event) []events.Event {
			return append(evs[:2], evs[len(evs)-1])
		}),
		"twice":           slices.Concat(all, all),
		"begun-twice":     edit(func(evs []events.Event) []events.Event { return slices.Insert(evs, 2, evs[1]) }),
		"unknown-parent":  edit(func(evs []events.Event) []events.Event { evs[1].Parent = 99; return evs }),
		"second-root":     edit(func(evs []events.Event) []events.Event { evs[1].Parent = 0; return evs }),
		"without-an-id":   edit(func(evs []events.Event) []events.Event { evs[1].ID = 0; return evs }),
		"unknown-of-step": edit(func(evs []events.Event) []events.Event { evs[2].ID = 77; return evs }),
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := adopting(t, slices.Values(evs), takeAll); !errors.Is(err, events.ErrDisorder) {
				t.Errorf("the outcome is %v", err)
			}
		})
	}
}

// TestAdoptInACompensation: the run's stop does not count there.
func TestAdoptInACompensation(t *testing.T) {
	all := foreign(t, nil)
	op := rootOp(func(s events.Step) error {
		s.OnRollback("c", func(u events.Step) error { return u.Adopt(slices.Values(all)) })
		return s.Progress("now")
	})
	run, evs := consume(t, op, func(_ *events.Run[int], ev events.Event) bool { return ev.Phase != events.Progress })
	if len(run.Residue()) != 0 || len(evs) != len(all)+5 {
		t.Errorf("residue %v of\n%s", run.Residue(), eventstest.Outline(evs))
	}
}

func TestAdoptInALane(t *testing.T) {
	all := foreign(t, nil)
	_, err := eventstest.Verify(t, rootOp(func(s events.Step) error {
		return s.Group(func(g *events.Group) {
			for range 3 {
				lane(g, "lane", func(s events.Step) error { return s.Adopt(slices.Values(all)) })
			}
		})
	}))
	if err != nil {
		t.Error(err)
	}
}
