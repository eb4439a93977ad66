package events

// Complete runs body as a child event, as Do does, but once it has begun the run's stop does not
// reach it: neither a cancelled context nor a consumer that leaves. It is for what must not be left half
// done and cannot be undone, the release of retained effects above all. Only Abort stops it. What a panic
// interrupts is left to recovery.
//
// If the run was stopped before, nothing is begun. If it was stopped meanwhile, body is not told, and its
// step and those around it fail when it has returned, as ever; so what body did should hold by itself.
func (s Step) Complete(p Payload, body func(Step) error) error {
	return s.Do(p, func(c Step) error {
		l := c.l
		saved := l.ctx
		l.ctx = l.r.undoContext()
		l.shield++
		defer func() {
			l.shield--
			l.ctx = saved
		}()
		return body(c)
	})
}
