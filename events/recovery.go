package events

// IsBarrier reports whether name was registered with the option Barrier: recovery and release do not
// try older records of a run if this one's compensation fails.
func (r *Registry) IsBarrier(name string) bool {
	act, ok := r.lookup(name)
	return ok && act.policy.barrier
}
