package events

import (
	"cmp"
	"slices"
)

// pendingSet holds the Begin of pending steps, in order of ID, which is the order of Seq too.
type pendingSet struct {
	begun []Event // one whose Seq is 0 has ended
	ended int
}

func (p *pendingSet) apply(ev *Event) {
	switch ev.Phase {
	case Begin:
		p.begun = append(p.begun, *ev)
		return
	case Progress:
		return
	case End:
	}
	i := len(p.begun) - 1
	if i < 0 {
		return
	}
	if p.begun[i].ID != ev.ID {
		var found bool
		if i, found = slices.BinarySearchFunc(p.begun, ev.ID, func(e Event, id ID) int { return cmp.Compare(e.ID, id) }); !found {
			return
		}
	}
	p.begun[i] = Event{ID: ev.ID}
	p.ended++
	for i = len(p.begun) - 1; i >= 0 && p.begun[i].Seq == 0; i-- {
		p.begun = p.begun[:i]
		p.ended--
	}
	if p.ended > len(p.begun)/2 {
		p.begun = slices.DeleteFunc(p.begun, func(e Event) bool { return e.Seq == 0 })
		p.ended = 0
	}
}

func (p *pendingSet) appendTo(dst []Event) []Event {
	for i := range p.begun {
		if p.begun[i].Seq != 0 {
			dst = append(dst, p.begun[i])
		}
	}
	return dst
}
