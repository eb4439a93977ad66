package events

import (
	"errors"
	"iter"
)

// ErrCut is the error of adopted steps whose stream ended before they did.
var ErrCut = errors.New("the stream ended before the step did")

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
	defer func() {
		if cut := a.close(); cut != nil && err == nil {
			err = cut
		}
	}()
	for ev := range seq {
		if !a.forward(ev) {
			return l.stopErr()
		}
		if err := l.stopErr(); err != nil {
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

func (a *adoption) forward(ev Event) bool {
	l := a.step.l
	foreign, root := ev.ID, ev.Parent == 0
	ev.Parent = a.ids[ev.Parent]
	if root {
		ev.Parent = a.step.id
	}
	ev.ID, ev.Of = a.ids[foreign], a.ids[ev.Of]
	ev.Depth += uint16(l.depth0) + uint16(a.step.d) + 1 //nolint:gosec // as in begin
	n, ok := a.lanes[ev.Lane]
	if !ok {
		n = l.r.lanes.Add(1)
		a.lanes[ev.Lane] = n
	}
	ev.Lane = n
	ev.Run = &l.r.info
	ev.At = l.r.now()
	if ev.Phase == End {
		a.remove(ev.ID)
		if root {
			a.err = ev.Err
			if ev.Skipped() {
				a.err = nil
			}
		}
	}
	stored := a.hand(&ev)
	if ev.Phase == Begin {
		a.ids[foreign] = ev.ID
		a.open = append(a.open, ev)
	}
	return stored
}

func (a *adoption) remove(id ID) {
	for i := range a.open {
		if a.open[i].ID == id {
			a.open = append(a.open[:i], a.open[i+1:]...)
			return
		}
	}
}

// close ends what is still open, newest first.
func (a *adoption) close() error {
	var err error
	for len(a.open) > 0 {
		ev := a.open[len(a.open)-1]
		a.open = a.open[:len(a.open)-1]
		began := ev.At
		ev.At = a.step.l.r.now()
		ev.Dur = ev.At - began
		ev.Phase, ev.Status, ev.Reason, ev.Err = End, Failed, Errored, ErrCut
		a.hand(&ev)
		err = ErrCut
	}
	return err
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
