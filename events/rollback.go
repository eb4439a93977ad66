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
	policy   *policy // nil: the zero policy
	key      string  // retained under
	deferred bool
	sealed   bool // and deferred: it has to run
	volatile bool
	tries    int32 // how often its compensation failed
	exits    int32 // how often Goexit interrupted it
}

// policy is how a compensation is run.
type policy struct {
	attempts int
	backoff  time.Duration
	timeout  time.Duration
	barrier  bool
}

func (e *entry) attempts() int {
	if e.policy == nil {
		return 1
	}
	return e.policy.attempts
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
	case err != nil:
		l.unwind(d, err)
	case f.comp() != nil:
		l.forget(d)
	default:
		retain(l.entries[f.base:], f.retain())
	}
	f = &l.stack[d]
	status := Succeeded
	if err != nil {
		status, err = failure(err, f.residue())
	}
	if c := f.comp(); c != nil {
		if status == Skipped { // there was nothing to undo
			c.conclude(nil)
		} else {
			c.conclude(err)
		}
	}
	if root {
		r.close()
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

// forget drops what the compensation at depth d registered: an undo that succeeded is never undone. That
// it succeeded says so in the log, too, unless it is a closure, which is not there.
func (l *lane) forget(d int) {
	f := &l.stack[d]
	if f.comp().over { // resumed: its own entry is gone, too
		return
	}
	if f.comp().e.lsn == 0 {
		for i := range l.entries[f.base:] {
			l.mark(RecUndone, &l.entries[int(f.base)+i], nil)
		}
	}
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

// retain marks es to be kept under key, but for those that a child chose another key for.
func retain(es []entry, key string) {
	if key == "" {
		return
	}
	for i := range es {
		if es[i].key == "" {
			es[i].key = key
		}
	}
}

// unwind undoes what the step at depth d and its finished children registered, newest first.
func (l *lane) unwind(d int, cause error) {
	base := int(l.stack[d].base)
	if len(l.entries) == base {
		return
	}
	var ctx context.Context // nil: only Abort stops it
	if timeout := l.r.cfg.rollbackTimeout; timeout > 0 && l.shield == 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(l.r.undoContext(), timeout)
		defer cancel()
	}
	for len(l.entries) > base {
		e := &l.entries[len(l.entries)-1]
		switch {
		case e.deferred && e.sealed: // Goexit interrupted Seal
			l.forward(d, base+slices.IndexFunc(l.entries[base:], func(e entry) bool { return e.sealed }))
		case e.deferred:
			l.mark(RecUndone, e, nil)
			l.pop()
		case l.stack[d].blocked():
			l.giveUp(d, e, ErrBarrier)
			l.pop()
		case l.timeUp(ctx):
			l.giveUp(d, e, ErrAborted)
			l.pop()
		default:
			l.undo(ctx, d, cause)
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
	rare := l.stack[d].rarely()
	rare.residue = append(rare.residue, res)
	if e.policy != nil && e.policy.barrier && !e.deferred { // noted here: Goexit may come before the next undo
		rare.blocked = true
	}
	l.r.leaveBehind(res)
	if e.lsn != 0 && l.log == nil {
		l.r.dirty.Store(true)
	}
}

// timeUp tells whether a rollback has to stop: ctx is its own bound, or nil.
func (l *lane) timeUp(ctx context.Context) bool {
	return l.r.aborted.Load() || ctx != nil && ctx.Err() != nil
}

// undo runs the newest entry's compensation until it succeeded or is given up.
func (l *lane) undo(ctx context.Context, d int, cause error) {
	c := l.prepare(d, len(l.entries)-1)
	l.attempt(ctx, c, Undo, cause)
	l.spare = c
}

// attempt runs c until it succeeded or is given up: as often as its policy says, and again if it was
// interrupted.
func (l *lane) attempt(ctx context.Context, c *compensation, kind Kind, cause error) {
	of := c.e.of
	if c.slot < 0 {
		of = 0 // an event of another run
	}
	for {
		c.last = int(c.e.tries)+1 >= c.e.attempts()
		l.compensate(ctx, c, kind, of, cause)
		switch {
		case c.over:
			return
		case c.interrupted:
		case l.pause(ctx, c.e.policy.backoff):
			c.giveUp(c.err)
			return
		}
	}
}

// compensation is a compensation, or a deferred action, that runs.
type compensation struct {
	e           entry
	rare        rarity
	l           *lane
	err         error
	payload     Payload         // of its event
	bound       context.Context //nolint:containedctx // of the whole rollback, nil if it has none
	depth       int             // of the step it runs for
	slot        int             // of e in l.entries; -1: it is another run's
	last        bool            // the last attempt
	ran         bool            // it returned nil
	had         bool            // the consumer was gone before
	interrupted bool            // by Goexit or by the consumer
	over        bool            // it succeeded or was given up
}

// prepare makes ready to run the entry in slot i for the step at depth d; a copy of it, because the
// stack may move while it runs.
func (l *lane) prepare(d, i int) *compensation {
	c := l.spare
	if l.spare = nil; c == nil {
		c = new(compensation)
	}
	*c = compensation{l: l, depth: d, slot: i}
	if i >= 0 {
		c.e = l.entries[i]
	}
	return c
}

// conclude records the outcome before the End.
func (c *compensation) conclude(err error) {
	l, e := c.l, &c.e
	if c.over { // a probe panicked
		return
	}
	c.err = err
	byLoop := l.owner && !c.had && l.r.loop != nil && (errors.Is(err, ErrBreak) || errors.Is(err, ErrExited))
	c.interrupted = byLoop || errors.Is(err, ErrExited)
	if byLoop { // this happens once in a run
		return
	}
	if c.interrupted && e.exits == 0 { // it called Goexit itself; once more
		e.exits++
		if c.slot >= 0 {
			l.entries[c.slot].exits++ // Goexit comes back with a new c
		}
		return
	}
	if err == nil && !c.ran {
		c.ran = true
		l.r.probe("ran", e.of, c.payload)
	}
	switch {
	case err == nil && e.deferred:
		l.mark(RecDeferredDone, e, nil)
		c.finish()
		l.r.probe("deferred", e.of, c.payload)
	case err == nil:
		l.mark(RecUndone, e, nil)
		c.finish()
		l.r.probe("undone", e.of, c.payload)
	case c.last || c.interrupted || l.timeUp(c.bound):
		c.giveUp(err)
	default:
		e.tries++
		if c.slot >= 0 {
			l.entries[c.slot].tries++
		}
	}
}

// giveUp leaves c's effect behind.
func (c *compensation) giveUp(err error) {
	c.l.mark(RecFailed, &c.e, err)
	c.l.giveUp(c.depth, &c.e, err)
	c.finish()
}

// finish forgets c's entry, here and not in the caller, which Goexit may keep from it: it is not run again.
func (c *compensation) finish() {
	c.over = true
	switch l := c.l; {
	case c.slot < 0:
	case c.slot == len(l.entries)-1:
		l.pop()
	default:
		l.entries = slices.Delete(l.entries, c.slot, c.slot+1)
	}
}

// compensate runs c as a child of the step at the top, which neither the run's context nor the
// consumer can stop.
func (l *lane) compensate(ctx context.Context, c *compensation, kind Kind, of ID, cause error) {
	c.err, c.interrupted, c.ran, c.had, c.bound = nil, false, false, l.owner && l.r.loop != nil, ctx
	c.rare = rarity{comp: c}
	savedCtx, savedWithin := l.ctx, l.within
	if c.e.policy != nil && c.e.policy.timeout > 0 {
		if ctx == nil {
			ctx = l.r.undoContext()
		}
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.e.policy.timeout)
		defer cancel()
	}
	l.ctx = ctx
	if c.e.lsn != 0 { // a closure is not in the log: what it registers is the enclosing one's
		l.within = c.e.lsn
	}
	l.shield++
	defer func() {
		l.shield--
		l.ctx, l.within = savedCtx, savedWithin
		if v := recover(); v != nil && c.err == nil && !c.over { // a loop body's panic goes on in rethrow
			c.err, c.interrupted = ErrBreak, true
		}
	}()
	p := c.e.payload
	if p == nil {
		p = &Named{Type: c.e.name}
	}
	c.payload = p
	_ = l.step(p, kind, of, cause, func(s Step) error { // conclude has the outcome
		l.stack[s.d].rare = &c.rare
		return c.e.run(s)
	})
}

// pause waits for d. true: there is no more time.
func (l *lane) pause(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return l.timeUp(ctx)
	}
	if ctx == nil {
		ctx = l.r.undoContext()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return l.timeUp(ctx)
	case <-ctx.Done():
		return true
	}
}

// mark writes to the log what became of e, if e is in it. A failure is not the step's: what is to be
// undone is undone in memory, and a recovery will find it done already.
func (l *lane) mark(typ RecordType, e *entry, failure error) {
	if e.lsn == 0 {
		return
	}
	log := l.log
	if log == nil {
		log = l.r.currentLog()
	}
	rec := Record{Type: typ, Ref: e.lsn, Volatile: e.volatile}
	if failure != nil {
		rec.Params = []byte(failure.Error())
	}
	if !written(log, &rec) {
		l.r.dirty.Store(true)
	}
}

// written appends rec and tells whether that went well. A log that panics here, where a step is brought
// to its end, has failed like any other.
func written(log Log, rec *Record) (ok bool) {
	defer func() {
		if v := recover(); v != nil {
			ok = false
		}
	}()
	_, err := log.Append(rec)
	return err == nil
}

// commit makes the run final. What is left in l.entries are the deferred actions.
func (l *lane) commit(d int) error {
	r := l.r
	f := &l.stack[d]
	retain(l.entries, f.retain())
	r.probe("committing", f.id, f.payload)
	if log := r.currentLog(); log != nil {
		if err := log.Commit(r.keep(l.entries)); err != nil {
			r.dirty.Store(true) // what the log says now is for a recovery to find out
			return err
		}
	}
	r.committed = true
	l.entries = slices.DeleteFunc(l.entries, func(e entry) bool { return !e.deferred })
	r.probe("committed", f.id, f.payload)
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
	for base := int(l.stack[d].base); len(l.entries) > base; {
		l.forward(d, base)
	}
}

// forward runs the deferred action in slot i for the step at depth d.
func (l *lane) forward(d, i int) {
	if l.timeUp(nil) {
		l.giveUp(d, &l.entries[i], ErrAborted)
		l.entries = slices.Delete(l.entries, i, i+1)
		return
	}
	c := l.prepare(d, i)
	l.attempt(nil, c, Commit, nil)
	l.spare = c
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
