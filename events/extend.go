package events

import "slices"

// Extend is Retain for what joins the effects that another run has retained under key: a mount that
// is added to a running jail. They are released together, newest first. The run cannot commit if
// nothing is retained under key by then.
func (s Step) Extend(key string) error {
	if err := s.Retain(key); err != nil {
		return err
	}
	r := s.l.r
	r.mu.Lock()
	defer r.mu.Unlock()
	if x := r.extra(); !slices.Contains(x.extends, key) {
		x.extends = append(x.extends, key)
	}
	return nil
}

// keep is what a Commit or Seal of es publishes.
func (r *run) keep(es []entry) []Retained {
	keep := retained(es)
	r.mu.Lock()
	defer r.mu.Unlock()
	x := r.extra()
	for i := range keep {
		keep[i].Extend = slices.Contains(x.extends, keep[i].Key)
	}
	return keep
}
