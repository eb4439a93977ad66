package events

import (
	"errors"
	"iter"
	"slices"
)

// Errors of an adopted stream.
var (
	// ErrCut is the error of adopted steps whose stream ended before they did.
	ErrCut = errors.New("the stream ended before the step did")
	// ErrDisorder is returned by Adopt for a stream that is none: what ends never began, or the like.
	ErrDisorder = errors.New("the stream is out of order")
)

// Adopt forwards a foreign event stream (of a helper process, of another host) below s: IDs, lanes
// and depths are mapped, its root becomes a child of s. It returns the error of the foreign root. An
// adopted stream cannot be rolled back by this run. When the run is stopped, Adopt leaves the stream
// and returns why.
//
// What the stream left pending when it ended, or was left, ends as Failed.
func (s Step) Adopt(seq iter.Seq[Event]) (err error) {
	s.frame()
	l := s.l
	if err := l.stopErr(); err != nil {
		return err
	}
	a := adoption{step: s, ids: map[ID]ID{}, lanes: map[uint32]uint32{0: l.n}}
	defer func() { // also if the consumer panics or exits
		if cut := a.close(); cut != nil && err == nil {
			err = cut
		}
	}()
	for ev := range seq {
		if err := a.forward(ev); err != nil {
			return err
		}
	}
	return a.err
}

// adoption maps one foreign stream.
type adoption struct {
	step  Step
	ids   map[ID]ID
	lanes map[uint32]uint32
	open  []Event // as forwarded, in order of Begin
	err   error   // of the foreign root
}

// forward maps ev and delivers it. An error is why the stream is to be left.
func (a *adoption) forward(ev Event) error {
	l := a.step.l
	foreign := ev.ID
	ev.Run, ev.At = &l.r.info, l.r.now()
	at := a.find(a.ids[foreign])
	switch {
	case ev.Phase == Begin && !a.place(&ev), ev.Phase != Begin && at < 0:
		return ErrDisorder
	case ev.Phase == Begin:
		ev.ID = 0
		a.open = append(a.open, ev) // now, because the consumer may panic
	default:
		ev.ID, ev.Parent, ev.Depth, ev.Lane = a.open[at].ID, a.open[at].Parent, a.open[at].Depth, a.open[at].Lane
		ev.Of = a.ids[ev.Of]
	}
	if ev.Phase == End {
		if slices.ContainsFunc(a.open, func(c Event) bool { return c.Parent == ev.ID }) {
			return ErrDisorder // a child is pending
		}
		a.open = slices.Delete(a.open, at, at+1)
		if ev.Parent == a.step.id && !ev.Skipped() {
			a.err = ev.Err
		}
	}
	wanted := a.hand(&ev)
	if ev.Phase == Begin {
		a.ids[foreign] = ev.ID
		a.open[len(a.open)-1].ID = ev.ID
	}
	if err := l.stopErr(); err != nil || wanted || l.shield > 0 {
		return err
	}
	return l.refusal()
}

// place gives a Begin its parent, depth and lane here. false: it has none.
func (a *adoption) place(ev *Event) bool {
	if _, twice := a.ids[ev.ID]; twice || ev.ID == 0 {
		return false
	}
	l := a.step.l
	switch parent := a.find(a.ids[ev.Parent]); {
	case parent >= 0:
		ev.Parent, ev.Depth = a.open[parent].ID, a.open[parent].Depth+1
	case ev.Parent == 0 && len(a.ids) == 0:
		ev.Parent, ev.Depth = a.step.id, uint16(l.depth0)+uint16(a.step.d)+1 //nolint:gosec // as in begin
	default:
		return false
	}
	n, ok := a.lanes[ev.Lane]
	if !ok {
		n = l.w.lanes.Add(1)
		a.lanes[ev.Lane] = n
	}
	ev.Lane, ev.Of = n, a.ids[ev.Of]
	return true
}

// find is the index of the pending event id, -1 if there is none.
func (a *adoption) find(id ID) int {
	if id == 0 {
		return -1
	}
	return slices.IndexFunc(a.open, func(ev Event) bool { return ev.ID == id })
}

// close ends what is still open, newest first.
func (a *adoption) close() error {
	if len(a.open) == 0 {
		return nil
	}
	if last := &a.open[len(a.open)-1]; last.ID == 0 { // the consumer left at its Begin
		last.ID = a.step.l.rec.ID
	}
	for len(a.open) > 0 {
		ev := a.open[len(a.open)-1]
		a.open = a.open[:len(a.open)-1]
		began := ev.At
		ev.At = a.step.l.r.now()
		ev.Dur, ev.Detail = ev.At-began, nil
		ev.Phase, ev.Status, ev.Reason, ev.Err = End, Failed, Errored, ErrCut
		a.hand(&ev)
	}
	return ErrCut
}

// hand delivers ev through the lane's own record, so that ev need not escape.
func (a *adoption) hand(ev *Event) bool {
	l := a.step.l
	out := l.rec
	*out = *ev
	ok := l.hand(out)
	ev.ID, ev.Seq = out.ID, out.Seq
	return ok
}
