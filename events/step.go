package events

import "context"

// Step is a handle on a pending event. It is valid in its body, on its goroutine, while no child is
// pending; any other use panics with ErrStale. It is a small value: nothing is allocated.
type Step struct {
	l  *lane
	d  int32
	id ID
}

// frame checks that the step is on top of its lane.
func (s Step) frame() *frame {
	l := s.l
	if l == nil || l.laneState == nil || int(s.d) != len(l.stack)-1 {
		panic(ErrStale)
	}
	f := &l.stack[s.d]
	if f.id != s.id || f.closed || f.busy {
		panic(ErrStale)
	}
	return f
}

// ID is the event's.
func (s Step) ID() ID { return s.id }

// Run is the run's identity.
func (s Step) Run() *RunInfo { return &s.l.r.info }

// Context is cancelled when the run is; inside a compensation only by Abort and its timeout.
func (s Step) Context() context.Context { return s.l.context() }

// Do runs body as a child event. Begin and End are yielded whatever body does. The error is body's
// (or a *RollbackError around it); returning it fails s too, not returning it is how a failure is
// handled: the child's effects are gone, s and its earlier children stand. A child that was skipped
// gives no error.
//
// If the run was stopped, Do yields nothing and returns ErrBreak or a *CancelError.
func (s Step) Do(p Payload, body func(Step) error) error {
	s.frame()
	if err := s.l.stopErr(); err != nil {
		return err
	}
	return s.l.step(p, Forward, 0, nil, body)
}

// Progress yields a Progress event with v as its Detail. It returns non-nil if the run was stopped.
func (s Step) Progress(v any) error {
	f := s.frame()
	l := s.l
	if err := l.stopErr(); err != nil {
		return err
	}
	ev := l.rec
	ev.ID, ev.Parent, ev.Of = f.id, f.parent, f.of
	ev.At, ev.Dur = l.r.now(), 0
	ev.Lane, ev.Depth = l.n, uint16(l.depth0+s.d) //nolint:gosec // as in begin
	ev.Phase, ev.Status, ev.Reason, ev.Kind = Progress, Pending, NoReason, f.kind
	ev.Payload, ev.Detail, ev.Err = f.payload, v, nil
	if !l.hand(ev) && l.shield == 0 {
		return l.refusal()
	}
	return nil
}

// Result sets the End event's Detail. v must not change after the End.
func (s Step) Result(v any) { s.frame().detail = v }

// Hold keeps something until all that the run did is final: release is called when the run has
// ended and its log is closed, before the root's End is yielded, newest first. It is how a lock
// outlives the rollback and the deferred actions it guards; a body's own defer runs before them.
func (s Step) Hold(release func()) {
	s.frame()
	s.l.r.hold(release)
}
