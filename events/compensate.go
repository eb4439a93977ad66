package events

import (
	"context"
	"errors"
	"slices"
	"time"
)

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

// label is the payload of an undo that has none of its own: a closure's, or an action's.
type label string

func (l label) EventType() string { return string(l) }

// label makes one of a name. The same few come again and again, so those that the workspace has seen last are not
// made again.
func (l *lane) label(name string) Payload {
	if !l.owner {
		return label(name)
	}
	w := l.w
	for _, p := range w.labels {
		if p == label(name) {
			return p
		}
	}
	p := Payload(label(name))
	copy(w.labels[1:], w.labels[:])
	w.labels[0] = p
	return p
}

// prepare makes ready to run the entry in slot i for the step at depth d; a copy of it, because the
// stack may move while it runs.
func (l *lane) prepare(d, i int) *compensation {
	c := l.spare
	if l.spare = nil; c == nil {
		c = new(compensation)
	}
	c.l, c.depth, c.slot = l, d, i
	if i >= 0 {
		c.e = l.entries[i]
	}
	return c
}

// release lets c be used again.
func (c *compensation) release() {
	l := c.l
	*c = compensation{}
	l.spare = c
}

// conclude records the outcome before the End.
func (c *compensation) conclude(err error) {
	l, e := c.l, &c.e
	if c.over { // a probe panicked
		return
	}
	c.err = err
	byLoop := l.owner && !c.had && l.w.loop != nil && (errors.Is(err, ErrBreak) || errors.Is(err, ErrExited))
	c.interrupted = byLoop || err != nil && errors.Is(err, ErrExited)
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
		c.handUp()
		c.finish()
		l.r.probe("deferred", e.of, c.payload)
	case err == nil:
		l.mark(RecUndone, e, nil)
		c.handUp()
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

// handUp gives what c's deferred actions left behind to the step that c, which has succeeded, runs for.
func (c *compensation) handUp() {
	if left := c.rare.residue; len(left) > 0 {
		up := c.l.stack[c.depth].rarely()
		up.residue = append(up.residue, left...)
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
	c.err, c.interrupted, c.ran, c.had, c.bound = nil, false, false, l.owner && l.w.loop != nil, ctx
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
		p = l.label(c.e.name)
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
