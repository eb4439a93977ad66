package events_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/events/eventstest"
)

func lane(g *events.Group, name string, body func(events.Step) error) {
	g.Go(&events.Named{Type: name}, body)
}

// TestGroupOneFails: the failing lane undoes its own at once, the others are cancelled and undo what is
// pending; what a lane finished stands until the parent fails.
func TestGroupOneFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &shelf{}
		op := rootOp(func(s events.Step) error {
			_ = s.Group(func(g *events.Group) { // handled
				lane(g, "done", func(s events.Step) error { return w.put(s, "d") })
				lane(g, "fails", func(s events.Step) error {
					_ = w.put(s, "f")
					time.Sleep(time.Second)
					return errBoom
				})
				lane(g, "waits", func(s events.Step) error {
					_ = w.put(s, "w")
					<-s.Context().Done()
					return act(s, "never", nil)
				})
			})
			onShelf(t, w, "d")
			return errors.New("later")
		})
		evs, _, err := eventstest.Record(t, op)
		if text(err) != "later" {
			t.Errorf("the outcome is %v", err)
		}
		onShelf(t, w, "")
		for _, ev := range evs {
			if ev.Kind == events.Undo && ev.Phase == events.Begin && ev.Key() == "d" && ev.Parent != 1 {
				t.Errorf("what the finished lane did was undone in event %d", ev.Parent)
			}
			if is(ev, events.End, "waits") && ev.Reason != events.Cancelled {
				t.Errorf("the other lane ended: %s", eventstest.Line(ev))
			}
		}
	})
}

// TestGroupUndoneByRegistration: lanes' effects are undone in the reverse order of all of them.
func TestGroupUndoneByRegistration(t *testing.T) {
	w := &shelf{}
	turn := make(chan struct{})
	op := rootOp(func(s events.Step) error {
		_ = w.put(s, "0")
		err := s.Group(func(g *events.Group) {
			lane(g, "x", func(s events.Step) error {
				_ = w.put(s, "1")
				turn <- struct{}{}
				<-turn
				err := w.put(s, "3")
				turn <- struct{}{}
				return err
			})
			lane(g, "y", func(s events.Step) error {
				<-turn
				_ = w.put(s, "2")
				turn <- struct{}{}
				<-turn
				return w.put(s, "4")
			})
		})
		_ = w.put(s, "5")
		return errors.Join(err, errBoom)
	})
	_, _ = eventstest.Verify(t, op)
	if got, want := w.history(), "+0 +1 +2 +3 +4 +5 -5 -4 -3 -2 -1 -0"; got != want {
		t.Errorf("history %s, want %s", got, want)
	}
}

func TestGroupErrors(t *testing.T) {
	e1, e2 := errors.New("one"), errors.New("two")
	fail := func(err error) func(events.Step) error { return func(events.Step) error { return err } }
	wait := func(s events.Step) error { <-s.Context().Done(); return s.Context().Err() }
	for _, tc := range []struct {
		name   string
		lanes  []func(events.Step) error
		opts   []events.GroupOption
		want   string
		reason events.Reason
	}{
		{name: "none", want: ""},
		{name: "all-succeed", lanes: []func(events.Step) error{fail(nil), fail(nil)}},
		{name: "skips-are-no-errors", lanes: []func(events.Step) error{fail(events.Skip("x")), fail(nil)}},
		{name: "one-fails", lanes: []func(events.Step) error{wait, fail(e1), wait}, want: "one", reason: events.Errored},
		{name: "settle-joins-in-the-order-of-go", lanes: []func(events.Step) error{fail(e1), fail(nil), fail(e2)}, opts: []events.GroupOption{events.Settle()}, want: "one\ntwo", reason: events.Errored},
		{name: "a-lane-that-fails-with-its-own-cancellation", lanes: []func(events.Step) error{fail(context.Canceled), wait}, want: "context canceled", reason: events.Cancelled},
		{name: "settled-own-cancellation", lanes: []func(events.Step) error{fail(context.Canceled), fail(nil)}, opts: []events.GroupOption{events.Settle()}, want: "context canceled", reason: events.Cancelled},
		{name: "limit-one-stops-at-the-first", lanes: []func(events.Step) error{fail(e1), fail(e2)}, opts: []events.GroupOption{events.Limit(1)}, want: "one", reason: events.Errored},
	} {
		t.Run(tc.name, func(t *testing.T) {
			evs, _, err := eventstest.Record(t, rootOp(func(s events.Step) error {
				return s.Group(func(g *events.Group) {
					for _, f := range tc.lanes {
						lane(g, "lane", f)
					}
				}, tc.opts...)
			}))
			if text(err) != tc.want || rootEnd(evs).Reason != tc.reason {
				t.Errorf("outcome %q (%s), want %q (%s)", text(err), rootEnd(evs).Reason, tc.want, tc.reason)
			}
		})
	}
}

func TestGroupLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var running, most atomic.Int32
		_, err := eventstest.Verify(t, rootOp(func(s events.Step) error {
			return s.Group(func(g *events.Group) {
				for range 10 {
					lane(g, "lane", func(events.Step) error {
						most.Store(max(most.Load(), running.Add(1)))
						time.Sleep(time.Second)
						running.Add(-1)
						return nil
					})
				}
			}, events.Limit(3))
		}))
		if err != nil || most.Load() != 3 {
			t.Errorf("%d at once, %v", most.Load(), err)
		}
	})
}

func TestGroupPanic(t *testing.T) {
	w := &shelf{}
	run := rootOp(func(s events.Step) error {
		_ = s.Group(func(g *events.Group) {
			lane(g, "x", func(s events.Step) error { _ = w.put(s, "x"); panic("oh") })
			lane(g, "y", func(s events.Step) error { return w.put(s, "y") })
		}, events.Settle())
		t.Error("the caller of the group goes on")
		return nil
	}).Start(t.Context(), eventstest.Watch(t))
	v := panicOf(func() { _, _ = run.Wait() })
	if pe, ok := v.(*events.PanicError); !ok || pe.Value != "oh" || !strings.Contains(string(pe.Stack), "TestGroupPanic") {
		t.Errorf("the panic that went on is %v", v)
	}
	onShelf(t, w, "")
}

func TestGroupGoexit(t *testing.T) {
	w := &shelf{}
	run := rootOp(func(s events.Step) error {
		_ = w.put(s, "a")
		_ = s.Group(func(g *events.Group) {
			lane(g, "x", func(s events.Step) error { _ = w.put(s, "x"); runtime.Goexit(); return nil })
			lane(g, "y", func(s events.Step) error { return w.put(s, "y") })
		})
		return nil
	}).Start(t.Context(), eventstest.Watch(t))
	if !inGoroutine(func() { _, _ = run.Wait() }) {
		t.Error("the goroutine went on")
	}
	if !errors.Is(run.Err(), events.ErrExited) {
		t.Errorf("Err is %v", run.Err())
	}
	onShelf(t, w, "")
}

// TestGroupBreak: leaving at any record of a group stops all lanes and undoes everything.
func TestGroupBreak(t *testing.T) {
	for seq := range uint64(20) {
		w := &shelf{}
		op := rootOp(func(s events.Step) error {
			return s.Group(func(g *events.Group) {
				for _, name := range []string{"a", "b", "c"} {
					lane(g, "lane-"+name, func(s events.Step) error { return w.put(s, name) })
				}
			})
		})
		n := 0
		_, evs := consume(t, op, func(*events.Run[int], events.Event) bool { n++; return uint64(n) <= seq }) //nolint:gosec // small
		if rootEnd(evs).Status == events.Succeeded {
			continue // it had not that many
		}
		reasonIs(t, evs, events.Failed, events.Broke)
		onShelf(t, w, "")
	}
}

func TestGroupNested(t *testing.T) {
	w := &shelf{}
	_, err := eventstest.Verify(t, rootOp(func(s events.Step) error {
		return s.Group(func(g *events.Group) {
			for _, a := range []string{"1", "2"} {
				lane(g, "outer", func(s events.Step) error {
					return s.Group(func(g *events.Group) {
						for _, b := range []string{"x", "y"} {
							lane(g, "inner", func(s events.Step) error {
								return errors.Join(w.put(s, a+b), act(s, "deep", func(s events.Step) error { return s.Progress(a + b) }))
							})
						}
					})
				})
			}
		})
	}))
	if err != nil || len(w.on) != 4 {
		t.Errorf("%v; on the shelf %s", err, w)
	}
}

// TestGroupInACompensation: it is not stopped with the run.
func TestGroupInACompensation(t *testing.T) {
	w := &shelf{}
	op := rootOp(func(s events.Step) error {
		s.OnRollback("c", func(u events.Step) error {
			return u.Group(func(g *events.Group) {
				lane(g, "x", func(s events.Step) error { return w.put(s, "x") })
				lane(g, "y", func(s events.Step) error { return act(s, "z", func(s events.Step) error { return w.put(s, "y") }) })
			}, events.Limit(1))
		})
		return act(s, "A", func(events.Step) error { return nil })
	})
	_, evs := consume(t, op, func(_ *events.Run[int], ev events.Event) bool { return !is(ev, events.End, "A") })
	reasonIs(t, evs, events.Failed, events.Broke)
	onShelf(t, w, "x y")
}

// TestGroupResidueOfTheCancelled: what a cancelled lane could not undo is not lost with its error.
func TestGroupResidueOfTheCancelled(t *testing.T) {
	w := &shelf{}
	ready := make(chan struct{})
	run := rootOp(func(s events.Step) error {
		return s.Group(func(g *events.Group) {
			lane(g, "x", func(s events.Step) error {
				_ = w.stuck(s, "x")
				close(ready)
				<-s.Context().Done()
				return s.Context().Err()
			})
			lane(g, "y", func(events.Step) error { <-ready; return errBoom })
		})
	}).Start(t.Context(), eventstest.Watch(t))
	_, err := run.Wait()
	rb, ok := errors.AsType[*events.RollbackError](err)
	if !ok || len(rb.Residue) != 1 || !errors.Is(err, errBoom) || errors.Is(err, context.Canceled) {
		t.Errorf("the outcome is %v", err)
	}
}
