package events

import (
	"context"
	"errors"
	"runtime/debug"
	"time"
)

// lane is a goroutine that runs steps: the operation's own, or a child of a Group. It is a stack of
// pending steps and, in parallel, a stack of what is to be undone: a step owns all entries from its
// base upward, so success costs nothing and failure pops down to the base.
type lane struct {
	r          *run
	*laneState // nil when the run is over
}

// laneState is what a lane works with while the run lasts. That of lane 0 is in the run's workspace, so that a run,
// which may be kept, is small.
type laneState struct {
	w       *workspace
	n       uint32
	shield  int32 // > 0: inside a compensation or a deferred action, where the run's stop does not count
	depth0  int32
	owner   bool
	exited  bool            // runtime.Goexit went through the lane
	parent0 ID              // parent of the lane's first step
	ctx     context.Context //nolint:containedctx // a group's, or a compensation's with a timeout; else nil
	stack   []frame
	entries []entry
	fatal   *PanicError // a panic went through the lane
	foreign *foreign    // inside Replay
	within  uint64      // LSN of the enclosing compensation

	spare *compensation // to be used again

	rec  *Event // where the lane writes its records: the run's own, or post's
	post *post  // nil for the owner
}

// post is how a lane that is not the owner's hands over a record.
type post struct {
	ev    Event
	ok    bool
	reply chan struct{}
}

// foreign is another run, whose records a lane replays.
type foreign struct {
	log Log
	reg *Registry // nil: the run's own
}

// frame is a pending step.
type frame struct {
	id      ID
	parent  ID
	of      ID
	payload Payload
	detail  any
	began   time.Duration
	cause   error // why the step fails, once known
	rare    *rarity
	base    int32 // entries[base:] are the step's and its finished children's
	kind    Kind
	closed  bool // the body has returned
	busy    bool // a group runs
}

// rarity is what few steps have.
type rarity struct {
	last    int           // 1 + index of the step's last Undo, for Amend
	retain  string        // key to keep the entries under
	residue []Residue     // what its rollback left
	blocked bool          // by a barrier: what is older is not undone
	comp    *compensation // of an event that runs a compensation or a deferred action
}

func (f *frame) rarely() *rarity {
	if f.rare == nil {
		f.rare = new(rarity)
	}
	return f.rare
}

func (f *frame) retain() string {
	if f.rare == nil {
		return ""
	}
	return f.rare.retain
}

func (f *frame) comp() *compensation {
	if f.rare == nil {
		return nil
	}
	return f.rare.comp
}

func (f *frame) blocked() bool { return f.rare != nil && f.rare.blocked }

func (f *frame) residue() []Residue {
	if f.rare == nil {
		return nil
	}
	return f.rare.residue
}

// step runs body as a new step on top of the stack, and brings it to its End whatever body, its
// compensations or the consumer do.
func (l *lane) step(p Payload, kind Kind, of ID, cause error, body func(Step) error) (err error) {
	d := len(l.stack)
	had := l.owner && l.w.loop != nil
	settled := false
	defer func() {
		if settled {
			return
		}
		v := recover()
		err = l.note(v, had)
		if len(l.stack) > d { // else it was interrupted after its End
			if f := &l.stack[d]; f.id == 0 { // at its Begin
				f.id = l.rec.ID
			}
			err = l.settle(d, err)
		}
		l.rethrow(had, err, v)
	}()
	if s, ok := l.begin(p, kind, of, cause); ok || l.shield > 0 {
		err = body(s)
	} else {
		err = l.refusal()
	}
	err = l.settle(d, err)
	settled = true
	l.rethrow(had, nil, nil)
	return err
}

// rethrow lets a panic go on that step or settle had to stop. v is what was recovered in this step.
func (l *lane) rethrow(had bool, err error, v any) {
	if l.owner && !had { // the loop is nobody else's to look at
		if loop := l.w.loop; loop != nil && !loop.exit {
			panic(loop.value) // the same value: the language demands it of a loop body's panic
		}
	}
	if l.shield == 0 {
		if l.fatal != nil && !(l.owner && len(l.stack) == 0 && l.r.cfg.panicsAsErrors && l.r.err != nil) {
			panic(l.fatal)
		}
		return
	}
	if v != nil {
		if pe, ok := errors.AsType[*PanicError](err); ok {
			panic(pe)
		}
		panic(v)
	}
}

// note classifies why a body, or the delivery of an event, did not return: v is what recover gave,
// had tells whether the consumer was gone before.
func (l *lane) note(v any, had bool) error {
	r := l.r
	if l.owner && l.w.loop != nil && (l.shield == 0 || !had) {
		if l.w.loop.exit {
			return ErrExited
		}
		return ErrBreak
	}
	if v == nil {
		if l.shield == 0 {
			l.exited = true
			r.stop(ErrExited)
		}
		return ErrExited
	}
	pe := asPanic(v)
	if l.shield == 0 && l.fatal == nil {
		l.fatal = pe
		r.stop(pe)
	}
	return pe
}

func asPanic(v any) *PanicError {
	if pe, ok := v.(*PanicError); ok {
		return pe
	}
	return &PanicError{Value: v, Stack: debug.Stack()}
}

// context is what Step.Context gives.
func (l *lane) context() context.Context {
	switch {
	case l.laneState == nil: // asked of a Step that was kept
		return l.r.context()
	case l.ctx != nil:
		return l.ctx
	case l.shield > 0:
		return l.r.undoContext()
	default:
		return l.r.context()
	}
}

// stopErr is why the lane may not begin anything new; nil if it may.
func (l *lane) stopErr() error {
	if l.shield > 0 {
		if l.r.aborted.Load() {
			return ErrAborted
		}
		return nil
	}
	cause := l.r.stopped()
	if cause == nil && l.ctx != nil && l.ctx.Err() != nil {
		cause = context.Cause(l.ctx)
	}
	if cause == nil {
		return nil
	}
	if err := l.forced(); err != nil {
		return err
	}
	return &CancelError{cause}
}

// refusal is why a record was not wanted.
func (l *lane) refusal() error {
	if err := l.stopErr(); err != nil {
		return err
	}
	return ErrBreak
}

// forced is why a step fails whatever its body returned; nil if the body's word counts.
func (l *lane) forced() error {
	if l.shield > 0 {
		return nil
	}
	w := l.w
	switch {
	case l.fatal != nil:
		return l.fatal
	case l.exited, l.owner && w.loop != nil && w.loop.exit:
		return ErrExited
	case w.left.Load():
		return ErrBreak
	}
	return nil
}

// begin pushes a step and yields its Begin. false: the consumer refused it, the body must not run.
func (l *lane) begin(p Payload, kind Kind, of ID, cause error) (Step, bool) {
	d := len(l.stack)
	parent := l.parent0
	if d > 0 {
		parent = l.stack[d-1].id
	}
	// Frame and record are written field by field, and the clock is read in between: to copy what was written a moment
	// ago in other pieces makes a processor wait until it has left the store buffer.
	f := l.push()
	f.parent, f.of, f.kind, f.payload, f.base = parent, of, kind, p, int32(len(l.entries)) //nolint:gosec // as below
	ev := l.rec
	ev.ID, ev.Parent, ev.Of = 0, parent, of
	ev.Lane, ev.Depth = l.n, uint16(int(l.depth0)+d) //nolint:gosec // a stack of 65536 pending steps does not exist
	ev.Phase, ev.Status, ev.Reason, ev.Kind = Begin, Pending, NoReason, kind
	ev.Payload, ev.Detail, ev.Err = p, nil, cause
	l.number(ev)
	var now time.Duration                          // the root begins when the run does
	if l.depth0+int32(d) > 0 || l.r.cfg.hasClock { //nolint:gosec // as below
		now = l.r.now()
	}
	f.began = now
	ev.At, ev.Dur = now, 0
	ok := l.deliver(ev)
	l.stack[d].id = ev.ID
	return Step{l, int32(d), ev.ID}, ok //nolint:gosec // as above
}

// push grows the stack by a frame that is empty, as those above the top are.
func (l *lane) push() *frame {
	d := len(l.stack)
	if d == cap(l.stack) {
		l.stack = append(l.stack, frame{})
	} else {
		l.stack = l.stack[:d+1]
	}
	return &l.stack[d]
}

// end pops the step at the top and yields its End.
func (l *lane) end(d int, status Status, err error) bool {
	f := &l.stack[d]
	ev := l.rec
	ev.ID, ev.Parent, ev.Of = f.id, f.parent, f.of
	ev.Lane, ev.Depth = l.n, uint16(int(l.depth0)+d) //nolint:gosec // as in begin
	ev.Phase, ev.Status, ev.Reason, ev.Kind = End, status, NoReason, f.kind
	if status == Failed {
		ev.Reason = reasonOf(err)
	}
	ev.Payload, ev.Detail, ev.Err = f.payload, f.detail, err
	began := f.began
	*f = frame{}
	l.stack = l.stack[:d]
	l.number(ev)
	now := l.r.now()
	ev.At, ev.Dur = now, now-began
	return l.deliver(ev)
}

// hand numbers and delivers ev.
func (l *lane) hand(ev *Event) bool {
	l.number(ev)
	return l.deliver(ev)
}

// number gives ev its place in the stream; of what another lane hands over the owner does it.
func (l *lane) number(ev *Event) {
	if l.owner {
		l.w.number(ev)
	}
}

// deliver delivers ev on the owner's goroutine. A lane waits for the answer, so that a Begin is seen,
// and can be refused, before the work, as with one goroutine.
func (l *lane) deliver(ev *Event) bool {
	if l.owner {
		return l.w.deliver(ev)
	}
	l.w.posts <- l.post
	<-l.post.reply
	return l.post.ok
}
