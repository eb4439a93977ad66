package events

import (
	"context"
	"errors"
	"slices"
	"time"
)

// entry is something to undo if the step that registered it, or an ancestor, fails; or a deferred action.
type entry struct {
	reg      uint64 // number of the registration in the run: the order of undoing
	of       ID
	lsn      uint64 // 0: not in a journal
	name     string
	payload  Payload // of the event of the undo
	run      func(Step) error
	policy   policy
	key      string // retained under
	deferred bool
	volatile bool
	exits    uint8 // how often Goexit interrupted it
}

// policy is how a compensation is run.
type policy struct {
	attempts int
	backoff  time.Duration
	timeout  time.Duration
	barrier  bool
}

// settle brings the step at depth d, whose body returned err, to its End: it decides whether it
// succeeded, undoes what it did if it did not, and yields the End. It is resumed where it was
// interrupted when a panic or Goexit comes out of the consumer or a compensation.
func (l *lane) settle(d int, err error) (out error) {
	had := l.owner && l.r.loop != nil
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
	if root && r.committed { // resumed after the commit
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
	f = &l.stack[d]
	f.cause = err
	switch {
	case root && err == nil:
		l.runDeferred(d)
	case f.conclude != nil && err == nil:
		l.entries = l.entries[:f.base] // an undo that succeeded is never undone
	case err != nil:
		l.unwind(d, err)
	case f.retain != "":
		retain(l.entries[f.base:], f.retain)
	}
	f = &l.stack[d]
	status := Succeeded
	if err != nil {
		status = Failed
		if skip, ok := asSkip(err); ok && len(f.residue) == 0 {
			status, err = Skipped, skip
		} else if len(f.residue) > 0 {
			err = leftBehind(err, f.residue)
		}
	}
	if f.conclude != nil {
		f.conclude(err)
	}
	if root {
		r.close()
		r.letGo()
	}
	out = err
	if status == Skipped {
		out = nil
	}
	if !l.end(d, status, err) && out == nil && l.shield == 0 && !root {
		out = ErrBreak
	}
	return out
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

func retain(es []entry, key string) {
	for i := range es {
		if es[i].key == "" {
			es[i].key = key
		}
	}
}

// unwind undoes what the step at depth d and its finished children registered, newest first.
func (l *lane) unwind(d int, cause error) {
	base := l.stack[d].base
	if len(l.entries) == base {
		return
	}
	r := l.r
	ctx := r.undoContext()
	if r.cfg.rollbackTimeout > 0 && l.shield == 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, r.cfg.rollbackTimeout)
		defer cancel()
	}
	blocked := false
	for len(l.entries) > base {
		e := &l.entries[len(l.entries)-1]
		switch {
		case e.deferred:
			l.append(&Record{Type: RecUndone, Ref: e.lsn, Volatile: e.volatile})
			l.pop()
		case blocked:
			l.giveUp(d, e, ErrBarrier)
			l.pop()
		case ctx.Err() != nil:
			l.giveUp(d, e, ErrAborted)
			l.pop()
		default:
			blocked = !l.undo(ctx, d, cause)
		}
	}
}

func (l *lane) pop() {
	i := len(l.entries) - 1
	l.entries[i] = entry{}
	l.entries = l.entries[:i]
}

// giveUp reports that e is left behind.
func (l *lane) giveUp(d int, e *entry, err error) {
	res := Residue{Of: e.of, Action: e.name, Err: err, LSN: e.lsn}
	l.stack[d].residue = append(l.stack[d].residue, res)
	l.r.leaveBehind(res)
	if e.lsn != 0 && l.log == nil {
		l.r.dirty.Store(true)
	}
}

// undo runs the newest entry's compensation until it succeeded or is given up. false: it was given
// up and is a barrier for what is older.
func (l *lane) undo(ctx context.Context, d int, cause error) (goOn bool) {
	i := len(l.entries) - 1
	e := l.entries[i]
	for attempt := 1; ; attempt++ {
		last := attempt >= e.policy.attempts
		failed := l.compensate(ctx, d, Undo, e.of, e, cause, func(err error, interrupted bool) {
			switch {
			case err == nil:
				l.append(&Record{Type: RecUndone, Ref: e.lsn, Volatile: e.volatile})
				l.r.probe("undone", e.of, e.payload)
				l.pop()
			case interrupted && l.entries[i].exits < 2:
				l.entries[i].exits++
			case interrupted || last || ctx.Err() != nil:
				l.append(&Record{Type: RecFailed, Ref: e.lsn, Volatile: e.volatile, Params: []byte(err.Error())})
				l.giveUp(d, &e, err)
				l.pop()
			}
		})
		if len(l.entries) <= i {
			return !failed || !e.policy.barrier
		}
		if last || pause(ctx, e.policy.backoff) != nil {
			attempt = e.policy.attempts // once more only: it was interrupted, or time is up
		}
	}
}

// compensate runs e as a child of the step at depth d that neither the run's context nor the
// consumer can stop. done is called before its End with the outcome.
func (l *lane) compensate(ctx context.Context, d int, kind Kind, of ID, e entry, cause error, done func(err error, interrupted bool)) (failed bool) {
	r := l.r
	had := l.owner && r.loop != nil
	savedCtx, savedWithin := l.ctx, l.within
	if e.policy.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, e.policy.timeout)
		defer cancel()
	}
	l.ctx, l.within = ctx, e.lsn
	l.shield++
	defer func() {
		l.shield--
		l.ctx, l.within = savedCtx, savedWithin
		if recover() != nil { // done has seen it; a loop body's panic goes on in rethrow
			failed = true
		}
	}()
	p := e.payload
	if p == nil {
		p = &Named{Type: e.name}
	}
	err := l.step(p, kind, of, cause, func(s Step) error {
		l.stack[s.d].conclude = func(err error) {
			done(err, errors.Is(err, ErrExited) || l.owner && !had && r.loop != nil)
		}
		return e.run(s)
	})
	return err != nil
}

// pause waits for d, or until ctx is done.
func pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// append writes rec if what it refers to is in a log. A failure is not the step's: what is to be
// undone is undone in memory, and a recovery will find it done already.
func (l *lane) append(rec *Record) {
	if rec.Ref == 0 {
		return
	}
	log := l.log
	if log == nil {
		log = l.r.currentLog()
	}
	if _, err := log.Append(rec); err != nil {
		l.r.dirty.Store(true)
	}
}

// commit makes the run final. What is left in l.entries are the deferred actions.
func (l *lane) commit(d int) error {
	r := l.r
	f := &l.stack[d]
	if f.retain != "" {
		retain(l.entries, f.retain)
	}
	r.probe("committing", f.id, f.payload)
	if log := r.currentLog(); log != nil {
		if err := log.Commit(retained(l.entries)); err != nil {
			return err
		}
	}
	r.committed = true
	r.probe("committed", f.id, f.payload)
	l.entries = slices.DeleteFunc(l.entries, func(e entry) bool { return !e.deferred })
	return nil
}

// retained groups journaled effects by the key they are kept under.
func retained(es []entry) (keep []Retained) {
	for i := range es {
		e := &es[i]
		if e.key == "" || e.lsn == 0 || e.deferred {
			continue
		}
		k := slices.IndexFunc(keep, func(r Retained) bool { return r.Key == e.key })
		if k < 0 {
			k = len(keep)
			keep = append(keep, Retained{Key: e.key})
		}
		keep[k].LSNs = append(keep[k].LSNs, e.lsn)
	}
	return keep
}

// runDeferred runs the deferred actions of the step at depth d, oldest first. All its other entries
// are gone by then.
func (l *lane) runDeferred(d int) {
	base := l.stack[d].base
	r := l.r
	for len(l.entries) > base {
		e := l.entries[base]
		ctx := r.undoContext()
		remove := func() { l.entries = slices.Delete(l.entries, base, base+1) }
		if ctx.Err() != nil {
			l.giveUp(d, &e, ErrAborted)
			remove()
			continue
		}
		l.compensate(ctx, d, Commit, e.of, e, nil, func(err error, interrupted bool) {
			switch {
			case err == nil:
				l.append(&Record{Type: RecDeferredDone, Ref: e.lsn, Volatile: e.volatile})
				r.probe("deferred", e.of, e.payload)
			case interrupted && l.entries[base].exits < 2:
				l.entries[base].exits++
				return
			default:
				l.append(&Record{Type: RecFailed, Ref: e.lsn, Volatile: e.volatile, Params: []byte(err.Error())})
				l.giveUp(d, &e, err)
			}
			remove()
		})
	}
}

// close ends the run's log.
func (r *run) close() {
	if r.logDone {
		return
	}
	r.logDone = true
	if log := r.currentLog(); log != nil {
		_ = log.Close(!r.dirty.Load()) // not clean, or not closed: a recovery looks at it
		r.probe("ended", 0, r.root)
	}
}
