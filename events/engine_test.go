package events_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/libioc/ioc/events"
)

type p string

func (p p) EventType() string { return string(p) }

func trace(evs []events.Event) string {
	var b strings.Builder
	for _, ev := range evs {
		fmt.Fprintf(&b, "%s%s %s %s %s\n", strings.Repeat(" ", int(ev.Depth)), ev.Kind, ev.Type(), ev.Phase, ev.Status)
	}
	return b.String()
}

func TestSmoke(t *testing.T) {
	op := events.New(p("root"), func(s events.Step) (int, error) {
		s.OnRollback("a", func(events.Step) error { return nil })
		if err := s.Do(p("b"), func(s events.Step) error {
			s.OnRollback("b", func(events.Step) error { return nil })
			return nil
		}); err != nil {
			return 0, err
		}
		err := s.Group(func(g *events.Group) {
			for i := range 3 {
				g.Go(p("lane"), func(s events.Step) error {
					s.OnRollback("lane", func(events.Step) error { panic("x") })
					if i == 2 {
						return errors.New("boom")
					}
					return nil
				})
			}
		})
		return 1, err
	})
	var evs []events.Event
	run := op.Start(context.Background())
	for ev := range run.Events() {
		evs = append(evs, ev)
	}
	t.Log("\n" + trace(evs))
	_, err := run.Wait()
	t.Log(err)
	func() {
		defer func() { t.Log("recovered", recover()) }()
		for ev := range op.Events(context.Background()) {
			if ev.Kind == events.Undo {
				panic("loop")
			}
		}
	}()
}
