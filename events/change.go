package events

// Change is one change of the world as several effects. The zero Change is one whose goal already holds.
type Change struct {
	Do    []Effect // applied in this order; undone in the opposite one
	After []Effect // what cannot be undone: done in this order after the commit, idempotent
}

// Apply applies the effects of c as children of s, and defers those that cannot be undone.
func (c Change) Apply(s Step) error {
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
