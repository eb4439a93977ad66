package view

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/libioc/ioc/events"
)

func step(name string) events.Payload { return &events.Named{Type: name} }

// TestSaid shows an error once, where it happened, however it is introduced further out.
func TestSaid(t *testing.T) {
	cause := errors.New("no such device")
	op := events.New(step("start"), func(s events.Step) (int, error) {
		_ = s.Do(step("tried"), func(events.Step) error { return errors.New("handled") })
		err := s.Do(step("attach"), func(s events.Step) error {
			return fmt.Errorf("mount /dev: %w", s.Do(step("mount"), func(events.Step) error { return cause }))
		})
		return 0, errors.Join(fmt.Errorf("start web: %w", err))
	})
	var tree Tree
	for ev := range op.Events(context.Background()) {
		tree.Add(ev)
	}
	got := map[string]bool{}
	var visit func(*Node)
	visit = func(n *Node) {
		got[n.Type] = n.Said()
		for _, c := range n.Children {
			visit(c)
		}
	}
	visit(tree.Root)
	want := map[string]bool{"start": true, "tried": false, "attach": true, "mount": false}
	for name, said := range want {
		if got[name] != said {
			t.Errorf("%s: said %v, want %v", name, got[name], said)
		}
	}
}

// TestLateJoin makes a tree of a stream whose beginning was not seen.
func TestLateJoin(t *testing.T) {
	op := events.New(step("a"), func(s events.Step) (int, error) {
		return 0, s.Do(step("b"), func(s events.Step) error {
			return s.Do(step("c"), func(events.Step) error { return nil })
		})
	})
	var all []events.Event
	for ev := range op.Events(context.Background()) {
		all = append(all, ev)
	}
	for from := range all {
		var tree Tree
		for _, ev := range all[from:] {
			if n := tree.Add(ev); n == nil || n.Title == "" {
				t.Fatalf("joined at %d: %v gives node %v", from, ev, n)
			}
		}
		if tree.Root == nil {
			t.Errorf("joined at %d: no root", from)
		}
	}
}
