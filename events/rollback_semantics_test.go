package events_test

import (
	"context"
	"errors"
	"testing"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/events/eventstest"
)

// TestWhatIsRolledBack has one row for each row of the design's table that needs nothing of the consumer.
func TestWhatIsRolledBack(t *testing.T) {
	for _, tc := range []struct {
		name string
		body func(w *shelf, s events.Step) error
		want string // outline
		left string // on the shelf
		err  string
	}{
		{
			name: "child-fails-and-is-returned",
			body: func(w *shelf, s events.Step) error {
				return errors.Join(w.put(s, "a1"), act(s, "B", func(s events.Step) error { return w.put(s, "b") }), w.put(s, "a2"),
					act(s, "C", func(s events.Step) error { return errors.Join(w.put(s, "c"), errBoom) }))
			},
			want: `
			begin root
				begin put a1
				end put a1: succeeded
				begin B
					begin put b
					end put b: succeeded
				end B: succeeded
				begin put a2
				end put a2: succeeded
				begin C
					begin put c
					end put c: succeeded
					begin undo put c
					end undo put c: succeeded
				end C: failed (errored) boom
				begin undo put a2
				end undo put a2: succeeded
				begin undo put b
				end undo put b: succeeded
				begin undo put a1
				end undo put a1: succeeded
			end root: failed (errored) boom`,
			err: "boom",
		},
		{
			name: "child-fails-and-is-handled",
			body: func(w *shelf, s events.Step) error {
				_ = w.put(s, "a")
				_ = act(s, "B", func(s events.Step) error { return w.put(s, "b") })
				_ = act(s, "C", func(s events.Step) error { return errors.Join(w.put(s, "c"), errBoom) }) // handled
				return w.put(s, "d")
			},
			want: `
			begin root
				begin put a
				end put a: succeeded
				begin B
					begin put b
					end put b: succeeded
				end B: succeeded
				begin C
					begin put c
					end put c: succeeded
					begin undo put c
					end undo put c: succeeded
				end C: failed (errored) boom
				begin put d
				end put d: succeeded
			end root: succeeded`,
			left: "a b d",
		},
		{
			name: "handled-and-failing-later",
			body: func(w *shelf, s events.Step) error {
				_ = act(s, "B", func(s events.Step) error { return w.put(s, "b") })
				_ = act(s, "C", func(s events.Step) error { return errors.Join(w.put(s, "c"), errBoom) }) // handled
				return errors.New("later")
			},
			want: `
			begin root
				begin B
					begin put b
					end put b: succeeded
				end B: succeeded
				begin C
					begin put c
					end put c: succeeded
					begin undo put c
					end undo put c: succeeded
				end C: failed (errored) boom
				begin undo put b
				end undo put b: succeeded
			end root: failed (errored) later`,
			err: "later",
		},
		{
			name: "three-levels-down",
			body: func(w *shelf, s events.Step) error {
				_ = w.put(s, "a")
				return act(s, "B", func(s events.Step) error {
					_ = w.put(s, "b")
					return act(s, "C", func(s events.Step) error {
						_ = w.put(s, "c")
						return errBoom
					})
				})
			},
			want: `
			begin root
				begin put a
				end put a: succeeded
				begin B
					begin put b
					end put b: succeeded
					begin C
						begin put c
						end put c: succeeded
						begin undo put c
						end undo put c: succeeded
					end C: failed (errored) boom
					begin undo put b
					end undo put b: succeeded
				end B: failed (errored) boom
				begin undo put a
				end undo put a: succeeded
			end root: failed (errored) boom`,
			err: "boom",
		},
		{
			name: "parent-fails-after-its-children",
			body: func(w *shelf, s events.Step) error {
				return act(s, "A", func(s events.Step) error {
					_ = act(s, "B", func(s events.Step) error { return w.put(s, "b") })
					_ = act(s, "C", func(s events.Step) error { return w.put(s, "c") })
					return errBoom
				})
			},
			want: `
			begin root
				begin A
					begin B
						begin put b
						end put b: succeeded
					end B: succeeded
					begin C
						begin put c
						end put c: succeeded
					end C: succeeded
					begin undo put c
					end undo put c: succeeded
					begin undo put b
					end undo put b: succeeded
				end A: failed (errored) boom
			end root: failed (errored) boom`,
			err: "boom",
		},
		{
			name: "skip-undoes-what-was-done",
			body: func(w *shelf, s events.Step) error {
				_ = w.put(s, "a")
				return act(s, "A", func(s events.Step) error {
					_ = w.put(s, "x")
					_ = act(s, "B", func(s events.Step) error { return w.put(s, "y") })
					return events.Skip("is so")
				})
			},
			want: `
			begin root
				begin put a
				end put a: succeeded
				begin A
					begin put x
					end put x: succeeded
					begin B
						begin put y
						end put y: succeeded
					end B: succeeded
					begin undo put y
					end undo put y: succeeded
					begin undo put x
					end undo put x: succeeded
				end A: skipped (is so)
			end root: succeeded`,
			left: "a",
		},
		{
			name: "skip-whose-undo-fails",
			body: func(w *shelf, s events.Step) error {
				return act(s, "A", func(s events.Step) error {
					_ = w.stuck(s, "x")
					return events.Skip("is so")
				})
			},
			want: `
			begin root
				begin A
					begin put x
					end put x: succeeded
					begin undo put x
					end undo put x: failed (errored) stuck
				end A: failed (errored) skipped: is so (left behind: put: stuck)
			end root: failed (errored) skipped: is so (left behind: put: stuck)`,
			left: "x",
			err:  "skipped: is so (left behind: put: stuck)",
		},
		{
			name: "root-skips",
			body: func(w *shelf, s events.Step) error {
				_ = w.put(s, "a")
				return events.Skip("is so")
			},
			want: `
			begin root
				begin put a
				end put a: succeeded
				begin undo put a
				end undo put a: succeeded
			end root: skipped (is so)`,
		},
		{
			name: "compensation-fails-and-the-rest-runs",
			body: func(w *shelf, s events.Step) error {
				_, _, _ = w.put(s, "a"), w.stuck(s, "b"), w.put(s, "c")
				return errBoom
			},
			want: `
			begin root
				begin put a
				end put a: succeeded
				begin put b
				end put b: succeeded
				begin put c
				end put c: succeeded
				begin undo put c
				end undo put c: succeeded
				begin undo put b
				end undo put b: failed (errored) stuck
				begin undo put a
				end undo put a: succeeded
			end root: failed (errored) boom (left behind: put: stuck)`,
			left: "b",
			err:  "boom (left behind: put: stuck)",
		},
		{
			name: "compensation-panics-and-the-rest-runs",
			body: func(w *shelf, s events.Step) error {
				_ = w.put(s, "a")
				_ = s.Apply(&put{Name: "b", w: w, undo: func(context.Context) error { panic("oh") }})
				return errBoom
			},
			want: `
			begin root
				begin put a
				end put a: succeeded
				begin put b
				end put b: succeeded
				begin undo put b
				end undo put b: failed (panicked) panic: oh
				begin undo put a
				end undo put a: succeeded
			end root: failed (errored) boom (left behind: put: panic: oh)`,
			left: "b",
			err:  "boom (left behind: put: panic: oh)",
		},
		{
			name: "compensation-that-says-skip-has-nothing-to-undo",
			body: func(w *shelf, s events.Step) error {
				s.OnRollback("c", func(events.Step) error { return events.Skip("gone") })
				return errBoom
			},
			want: `
			begin root
				begin undo c
				end undo c: skipped (gone)
			end root: failed (errored) boom`,
			err: "boom",
		},
		{
			name: "nested-in-a-compensation-succeeds",
			body: func(w *shelf, s events.Step) error {
				s.OnRollback("c", func(u events.Step) error {
					return act(u, "repair", func(s events.Step) error { return w.put(s, "r") })
				})
				_ = w.put(s, "a")
				return errBoom
			},
			want: `
			begin root
				begin put a
				end put a: succeeded
				begin undo put a
				end undo put a: succeeded
				begin undo c
					begin repair
						begin put r
						end put r: succeeded
					end repair: succeeded
				end undo c: succeeded
			end root: failed (errored) boom`,
			left: "r",
			err:  "boom",
		},
		{
			name: "deferred-in-a-compensation-that-succeeds",
			body: func(w *shelf, s events.Step) error {
				s.OnRollback("c", func(u events.Step) error {
					return act(u, "destroy", func(s events.Step) error { return errors.Join(w.put(s, "trash"), w.burn(s, "x"), w.burn(s, "y")) })
				})
				_ = w.put(s, "a")
				return errBoom
			},
			want: `
			begin root
				begin put a
				end put a: succeeded
				begin undo put a
				end undo put a: succeeded
				begin undo c
					begin destroy
						begin put trash
						end put trash: succeeded
					end destroy: succeeded
					begin commit burn x
					end commit burn x: succeeded
					begin commit burn y
					end commit burn y: succeeded
				end undo c: succeeded
			end root: failed (errored) boom`,
			left: "trash burnt-x burnt-y",
			err:  "boom",
		},
		{
			name: "deferred-in-a-compensation-fails-alone",
			body: func(w *shelf, s events.Step) error {
				s.OnRollback("c", func(u events.Step) error {
					return errors.Join(w.put(u, "trash"), u.Defer(&burn{Name: "x", w: w, fail: errors.New("stuck")}))
				})
				return errBoom
			},
			want: `
			begin root
				begin undo c
					begin put trash
					end put trash: succeeded
					begin commit burn x
					end commit burn x: failed (errored) stuck
				end undo c: succeeded
			end root: failed (errored) boom (left behind: burn: stuck)`,
			left: "trash burnt-x",
			err:  "boom (left behind: burn: stuck)",
		},
		{
			name: "deferred-in-a-compensation-that-fails",
			body: func(w *shelf, s events.Step) error {
				s.OnRollback("c", func(u events.Step) error {
					return errors.Join(w.put(u, "trash"), w.burn(u, "x"), errors.New("stuck"))
				})
				return errBoom
			},
			want: `
			begin root
				begin undo c
					begin put trash
					end put trash: succeeded
					begin undo put trash
					end undo put trash: succeeded
				end undo c: failed (errored) stuck
			end root: failed (errored) boom (left behind: c: stuck)`,
			err: "boom (left behind: c: stuck)",
		},
		{
			name: "nested-in-a-compensation-fails-and-is-handled",
			body: func(w *shelf, s events.Step) error {
				s.OnRollback("c", func(u events.Step) error {
					_ = act(u, "repair", func(s events.Step) error { return errors.Join(w.put(s, "r"), errBoom) }) // handled
					return nil
				})
				return errBoom
			},
			want: `
			begin root
				begin undo c
					begin repair
						begin put r
						end put r: succeeded
						begin undo put r
						end undo put r: succeeded
					end repair: failed (errored) boom
				end undo c: succeeded
			end root: failed (errored) boom`,
			err: "boom",
		},
		{
			name: "nested-in-a-compensation-fails-it",
			body: func(w *shelf, s events.Step) error {
				s.OnRollback("c", func(u events.Step) error {
					_ = w.put(u, "q")
					return act(u, "repair", func(s events.Step) error { return errors.Join(w.put(s, "r"), errors.New("no")) })
				})
				return errBoom
			},
			want: `
			begin root
				begin undo c
					begin put q
					end put q: succeeded
					begin repair
						begin put r
						end put r: succeeded
						begin undo put r
						end undo put r: succeeded
					end repair: failed (errored) no
					begin undo put q
					end undo put q: succeeded
				end undo c: failed (errored) no
			end root: failed (errored) boom (left behind: c: no)`,
			err: "boom (left behind: c: no)",
		},
		{
			name: "handled-failure-with-residue",
			body: func(w *shelf, s events.Step) error {
				err := act(s, "A", func(s events.Step) error { return errors.Join(w.stuck(s, "x"), errBoom) })
				if rb, ok := errors.AsType[*events.RollbackError](err); !ok || len(rb.Residue) != 1 || !errors.Is(err, errBoom) {
					return errors.New("the parent does not see what was left")
				}
				return w.put(s, "a")
			},
			want: `
			begin root
				begin A
					begin put x
					end put x: succeeded
					begin undo put x
					end undo put x: failed (errored) stuck
				end A: failed (errored) boom (left behind: put: stuck)
				begin put a
				end put a: succeeded
			end root: succeeded`,
			left: "x a",
		},
		{
			name: "seal",
			body: func(w *shelf, s events.Step) error {
				return act(s, "A", func(s events.Step) error {
					_, _ = w.put(s, "a"), act(s, "B", func(s events.Step) error { return w.put(s, "b") })
					if err := s.Seal(); err != nil {
						return err
					}
					_ = w.put(s, "c")
					return errBoom
				})
			},
			want: `
			begin root
				begin A
					begin put a
					end put a: succeeded
					begin B
						begin put b
						end put b: succeeded
					end B: succeeded
					begin put c
					end put c: succeeded
					begin undo put c
					end undo put c: succeeded
				end A: failed (errored) boom
			end root: failed (errored) boom`,
			left: "a b",
			err:  "boom",
		},
		{
			name: "seal-runs-what-was-deferred",
			body: func(w *shelf, s events.Step) error {
				_ = w.burn(s, "outer")
				err := act(s, "A", func(s events.Step) error {
					_, _ = w.burn(s, "x"), w.burn(s, "y")
					return s.Seal()
				})
				return errors.Join(err, errBoom)
			},
			want: `
			begin root
				begin A
					begin commit burn x
					end commit burn x: succeeded
					begin commit burn y
					end commit burn y: succeeded
				end A: succeeded
			end root: failed (errored) boom`,
			left: "burnt-x burnt-y",
			err:  "boom",
		},
		{
			name: "deferred-runs-after-the-commit-oldest-first",
			body: func(w *shelf, s events.Step) error {
				_ = w.burn(s, "x")
				_ = act(s, "A", func(s events.Step) error { return w.burn(s, "y") })
				_ = act(s, "B", func(s events.Step) error { return errors.Join(w.burn(s, "z"), errBoom) }) // handled
				return w.put(s, "a")
			},
			want: `
			begin root
				begin A
				end A: succeeded
				begin B
				end B: failed (errored) boom
				begin put a
				end put a: succeeded
				begin commit burn x
				end commit burn x: succeeded
				begin commit burn y
				end commit burn y: succeeded
			end root: succeeded`,
			left: "a burnt-x burnt-y",
		},
		{
			name: "deferred-is-dropped-when-the-root-fails",
			body: func(w *shelf, s events.Step) error {
				_ = w.burn(s, "x")
				return errBoom
			},
			want: `
			begin root
			end root: failed (errored) boom`,
			err: "boom",
		},
		{
			name: "deferred-that-fails-is-residue-of-a-success",
			body: func(w *shelf, s events.Step) error {
				_ = s.Defer(&burn{Name: "x", w: w, fail: errBoom})
				return w.burn(s, "y")
			},
			want: `
			begin root
				begin commit burn x
				end commit burn x: failed (errored) boom
				begin commit burn y
				end commit burn y: succeeded
			end root: succeeded`,
			left: "burnt-x burnt-y",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := &shelf{}
			evs, _, err := eventstest.Record(t, rootOp(func(s events.Step) error { return tc.body(w, s) }))
			outline(t, evs, tc.want)
			onShelf(t, w, tc.left)
			if got := text(err); got != tc.err {
				t.Errorf("outcome: %q, want %q", got, tc.err)
			}
		})
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
