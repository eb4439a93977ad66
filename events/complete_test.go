package events_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/libioc/ioc/events"
)

func completed(did *[]string) events.Op[int] {
	note := func(what string) error {
		*did = append(*did, what)
		return nil
	}
	return events.New(&events.Named{Type: "root"}, func(s events.Step) (int, error) {
		err := s.Complete(&events.Named{Type: "whole"}, func(s events.Step) error {
			return errors.Join(
				s.Do(&events.Named{Type: "a"}, func(s events.Step) error { return errors.Join(s.Context().Err(), note("a")) }),
				s.Do(&events.Named{Type: "b"}, func(s events.Step) error { return errors.Join(s.Context().Err(), note("b")) }),
			)
		})
		return 0, errors.Join(err, s.Do(&events.Named{Type: "next"}, func(events.Step) error { return note("next") }))
	})
}

// TestComplete leaves, and cancels, at every event.
func TestComplete(t *testing.T) {
	for _, cancels := range []bool{false, true} {
		for at := uint64(1); at <= 10; at++ {
			var did []string
			ctx, cancel := context.WithCancel(t.Context())
			run := completed(&did).Start(ctx)
			for ev := range run.Events() {
				if ev.Seq != at {
					continue
				}
				if cancels {
					cancel()
					continue
				}
				break
			}
			cancel()
			var want []string
			if whole := cancels && at == 2 || at >= 3; whole { // 2 is the Begin of the whole: who leaves there refuses it
				want = []string{"a", "b"}
			}
			if cancels && at == 8 || at >= 9 {
				want = append(want, "next")
			}
			if !slices.Equal(did, want) {
				t.Errorf("stopped at %d (cancel %v): did %q, want %q", at, cancels, did, want)
			}
			if at < 10 && run.Err() == nil {
				t.Errorf("stopped at %d (cancel %v): no error", at, cancels)
			}
		}
	}
}

func TestCompletePanics(t *testing.T) {
	did := ""
	op := events.New(&events.Named{Type: "root"}, func(s events.Step) (int, error) {
		err := s.Complete(&events.Named{Type: "whole"}, func(s events.Step) error {
			return s.Do(&events.Named{Type: "a"}, func(events.Step) error { panic("no") })
		})
		did += "handled"
		return 0, err
	})
	_, err := op.Do(t.Context(), events.PanicsAsErrors())
	if pe, ok := errors.AsType[*events.PanicError](err); !ok || pe.Value != "no" || did != "" {
		t.Errorf("got %v, %q", err, did)
	}
}

func TestCompleteAborts(t *testing.T) {
	var run *events.Run[int]
	op := events.New(&events.Named{Type: "root"}, func(s events.Step) (int, error) {
		return 0, s.Complete(&events.Named{Type: "whole"}, func(s events.Step) error {
			run.Abort()
			return s.Do(&events.Named{Type: "a"}, func(events.Step) error { return nil })
		})
	})
	run = op.Start(t.Context())
	if _, err := run.Wait(); !errors.Is(err, events.ErrAborted) {
		t.Errorf("got %v, want %v", err, events.ErrAborted)
	}
}
