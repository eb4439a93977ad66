package events

import "slices"

// settle brings the step at depth d, whose body returned err, to its End: it decides whether it
// succeeded, undoes what it did if it did not, and yields the End. It is resumed where it was
// interrupted when a panic or Goexit comes out of the consumer or a compensation.
func (l *lane) settle(d int, err error) (out error) {
	had := l.owner && l.w.loop != nil
	complete := false
	defer func() {
		if complete {
			return
		}
		_ = l.note(recover(), had) // the panic goes on in rethrow
		if len(l.stack) > d {
			out = l.settle(d, l.stack[d].cause)
		}
	}()
	out = l.conclude(d, err)
	complete = true
	return out
}

// conclude is settle without its safety net. Its progress is in the frame and in l.entries.
func (l *lane) conclude(d int, err error) (out error) {
	r, root := l.r, d == 0 && l.owner
	f := &l.stack[d]
	f.closed = true
	if err == nil && f.rare == nil && !root && l.forced() == nil { // most steps: there is nothing to decide
		if !l.end(d, Succeeded, nil) && l.shield == 0 {
			return l.refusal()
		}
		return nil
	}
	if root && l.w.committed { // resumed after the commit
		err = nil
	} else {
		if err == nil || isSkip(err) {
			if forced := l.forced(); forced != nil {
				err = forced
			}
		}
		if root && err == nil {
			if err = l.stopErr(); err == nil {
				err = l.commit(d)
			}
		}
	}
	c := f.comp()
	if c != nil && c.over { // resumed: its own entry is gone, too
		c = nil
	}
	if c != nil && err == nil && (l.defers(d) || l.retains(d)) { // its success is a commit of that
		err = l.seal(d)
	}
	f = &l.stack[d]
	f.cause = err
	switch {
	case root && err == nil:
		l.runDeferred(d)
	case err != nil:
		l.unwind(d, err)
	case c != nil && l.defers(d):
		l.runDeferred(d)
	case c != nil:
		l.forget(d)
	case f.comp() != nil:
	default:
		retain(l.entries[f.base:], f.retain())
	}
	f = &l.stack[d]
	status := Succeeded
	if err != nil {
		status, err = failure(err, f.residue())
	}
	if c != nil {
		if status == Skipped { // there was nothing to undo
			c.conclude(nil)
		} else {
			c.conclude(err)
		}
	}
	if root {
		l.close()
		r.letGo()
	}
	out = err
	if status == Skipped {
		out = nil
	}
	if root {
		r.err = out // here, because a panic or Goexit may keep step from returning
	}
	if !l.end(d, status, err) && out == nil && l.shield == 0 && !root {
		out = l.refusal()
	}
	return out
}

// defers tells whether the step at depth d, or a finished child of it, has deferred something.
func (l *lane) defers(d int) bool {
	return slices.ContainsFunc(l.entries[l.stack[d].base:], func(e entry) bool { return e.deferred })
}

// retains tells whether the step at depth d, or a finished child of it, keeps something under a key.
func (l *lane) retains(d int) bool {
	f := &l.stack[d]
	retain(l.entries[f.base:], f.retain())
	return slices.ContainsFunc(l.entries[f.base:], func(e entry) bool { return e.key != "" })
}

// forget drops what the compensation at depth d registered: an undo that succeeded is never undone. That
// it succeeded says so in the log, too, unless it is a closure, which is not there.
func (l *lane) forget(d int) {
	f := &l.stack[d]
	if f.comp().e.lsn == 0 {
		for i := range l.entries[f.base:] {
			l.mark(RecUndone, &l.entries[int(f.base)+i], nil)
		}
	}
	clear(l.entries[f.base:])
	l.entries = l.entries[:f.base]
}

// failure is how a step ends whose body returned err and whose rollback left residue.
func failure(err error, residue []Residue) (Status, error) {
	if len(residue) > 0 {
		return Failed, leftBehind(err, residue)
	}
	if skip, ok := asSkip(err); ok {
		return Skipped, skip
	}
	return Failed, err
}

// leftBehind adds what a rollback left to why it was needed.
func leftBehind(cause error, residue []Residue) error {
	if rb, ok := cause.(*RollbackError); ok { //nolint:errorlint // only the outermost is merged
		return &RollbackError{Cause: rb.Cause, Residue: slices.Concat(rb.Residue, residue)}
	}
	return &RollbackError{Cause: cause, Residue: residue}
}

func isSkip(err error) bool {
	_, ok := asSkip(err)
	return ok
}
