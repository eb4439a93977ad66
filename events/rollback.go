package events

import (
	"context"
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
	lazy     bool
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
	if e.lsn != 0 && l.foreign == nil {
		l.w.dirty.Store(true)
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
	c.release()
}
