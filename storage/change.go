package storage

import (
	"context"

	"github.com/libioc/ioc/events"
)

// Change is one change as effects. A change without effects is one whose goal already holds.
type Change struct {
	Do    []events.Effect // applied in this order; undone in the opposite one
	After []events.Effect // what cannot be undone: done in this order after the commit, idempotent
}

// Apply applies the effects of c as children of s, and defers those that cannot be undone.
func (c Change) Apply(s events.Step) error {
	for _, e := range c.Do {
		if err := s.Apply(e); err != nil {
			return err
		}
	}
	for _, e := range c.After {
		if err := s.Defer(e); err != nil {
			return err
		}
	}
	return nil
}

// Promoter is implemented by drivers whose clones depend on their origin and can change places with it.
type Promoter interface {
	// Promote plans that d takes over what it shares with its origin, which then depends on d.
	Promote(ctx context.Context, d Dataset) (Change, error)
}
