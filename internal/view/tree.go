package view

import (
	"errors"
	"strings"
	"time"

	"github.com/libioc/ioc/events"
)

// Tree is a stream as far as it was seen. The zero Tree is empty. It is not for concurrent use.
//
// Adding an event costs as much as it is deep, however many steps there are, and so does asking a node for
// what is below it: who paints a tree of thousands of steps looks at those few that it paints.
type Tree struct {
	Root  *Node // nil before the first event
	nodes map[events.ID]*Node
}

// Recent is how many of a step's children are kept in the order in which they ended.
const Recent = 8

// Node is a step.
type Node struct {
	ID       events.ID
	Parent   *Node // nil: the root
	Children []*Node
	Of       *Node // Kind Undo: what is undone

	Kind    events.Kind
	Payload events.Payload
	Type    string
	Key     string
	Title   string // never empty: the payload's title, or type and key
	Depth   int
	Lane    uint32
	Status  events.Status
	Reason  events.Reason
	Began   time.Duration // since the run's start
	Dur     time.Duration // of a step that has ended
	Err     error
	Detail  any   // the last progress but output, then the result
	Pace    *Pace // how fast it is; nil: it has not said how much it does
	Output  *Tail // the last it has said; nil: nothing

	Ended Tally // children that have ended
	Below Tally // all steps below that have ended
	Open  int   // steps below that are pending

	first, last, next, prev *Node // pending children, and the place among the parent's
	recent, bad             []*Node
}

// Tally counts steps that have ended.
type Tally struct {
	Done, Skipped, Undone int
	Failed                int // work that failed, and what could not be undone
	Cancelled             int // of Failed: only because the whole, or a sibling, was broken off
}

// All is how many have ended.
func (t Tally) All() int { return t.Done + t.Skipped + t.Undone + t.Failed }

func (t *Tally) count(n *Node) {
	switch {
	case n.Status == events.Failed:
		t.Failed++
		if n.Reason == events.Cancelled && !n.Undoing() {
			t.Cancelled++
		}
	case n.Status == events.Skipped:
		t.Skipped++
	case n.Undoing():
		t.Undone++
	default:
		t.Done++
	}
}

// Add folds ev in and returns its step. A stream that was joined late, or lost events, gives nodes
// whose parent is the root, or nil for an End whose Begin was not seen and that has no payload. After a
// stream's end another one may begin; the tree is then the new one's.
func (t *Tree) Add(ev events.Event) *Node {
	if ev.Phase == events.Begin && ev.Parent == 0 && t.Root != nil && !t.Root.Pending() {
		*t = Tree{}
	}
	n := t.nodes[ev.ID]
	if n == nil {
		n = t.begin(ev)
	}
	switch ev.Phase {
	case events.Progress:
		n.progress(ev)
	case events.End:
		n.end(ev)
	case events.Begin:
		n.Err = ev.Err
	}
	return n
}

func (t *Tree) begin(ev events.Event) *Node {
	if t.nodes == nil {
		t.nodes = map[events.ID]*Node{}
	}
	n := &Node{
		ID: ev.ID, Kind: ev.Kind, Payload: ev.Payload, Type: ev.Type(), Key: ev.Key(), Title: ev.Title(),
		Depth: int(ev.Depth), Lane: ev.Lane, Began: ev.At, Of: t.nodes[ev.Of],
	}
	if n.Title == "" {
		n.Title = n.Type
		if n.Key != "" {
			n.Title += " " + n.Key
		}
	}
	t.nodes[ev.ID] = n
	if n.Parent = t.nodes[ev.Parent]; n.Parent == nil && t.Root != nil {
		n.Parent = t.Root
	}
	if n.Parent == nil {
		t.Root = n
		return n
	}
	n.Parent.Children = append(n.Parent.Children, n)
	n.Parent.opened(n)
	return n
}

// opened adds c to n's pending children.
func (n *Node) opened(c *Node) {
	if c.prev = n.last; c.prev == nil {
		n.first = c
	} else {
		c.prev.next = c
	}
	n.last = c
	for up := n; up != nil; up = up.Parent {
		up.Open++
	}
}

// closed takes c from n's pending children.
func (n *Node) closed(c *Node) {
	if c.prev == nil {
		n.first = c.next
	} else {
		c.prev.next = c.next
	}
	if c.next == nil {
		n.last = c.prev
	} else {
		c.next.prev = c.prev
	}
	c.next, c.prev = nil, nil
	n.Ended.count(c)
	if len(n.recent) == Recent {
		n.recent = append(n.recent[:0], n.recent[1:]...)
	}
	n.recent = append(n.recent, c)
	if c.Bad() {
		n.bad = append(n.bad, c)
	}
	for up := n; up != nil; up = up.Parent {
		up.Open--
		up.Below.count(c)
	}
}

func (n *Node) end(ev events.Event) {
	pending := n.Pending()
	n.Status, n.Reason, n.Err, n.Dur = ev.Status, ev.Reason, ev.Err, ev.Dur
	n.Detail = ev.Detail
	if pending && n.Parent != nil {
		n.Parent.closed(n)
	}
}

func (n *Node) progress(ev events.Event) {
	switch d := ev.Detail.(type) {
	case events.Output:
		if n.Output == nil {
			n.Output = &Tail{}
		}
		n.Output.add(d)
		return
	case events.Amount:
		if n.Pace == nil {
			n.Pace = newPace(n.Began)
		}
		n.Pace.add(ev.At, d)
	}
	n.Detail = ev.Detail
}

// Pending says that n has not ended.
func (n *Node) Pending() bool { return n.Status == events.Pending }

// Undoing says that n takes something back.
func (n *Node) Undoing() bool { return n.Kind == events.Undo || n.Kind == events.Revert }

// Bad says that n, or something below it, has failed.
func (n *Node) Bad() bool { return n.Status == events.Failed || n.Below.Failed > 0 }

// Pendings are up to most of n's pending children, those that began first.
func (n *Node) Pendings(most int) []*Node {
	var all []*Node
	for c := n.first; c != nil && len(all) < most; c = c.next {
		all = append(all, c)
	}
	return all
}

// Newest are up to most of n's children that ended last and are not Bad, the last of them at the end;
// more than Recent are not known.
func (n *Node) Newest(most int) []*Node {
	var all []*Node
	for i := len(n.recent) - 1; i >= 0 && len(all) < most; i-- {
		if !n.recent[i].Bad() {
			all = append(all, n.recent[i])
		}
	}
	for i, j := 0, len(all)-1; i < j; i, j = i+1, j-1 {
		all[i], all[j] = all[j], all[i]
	}
	return all
}

// Troubles are up to most of n's children that have ended and are Bad, the last of them at the end.
func (n *Node) Troubles(most int) []*Node { return n.bad[max(0, len(n.bad)-most):] }

// Said tells whether one of n's children failed with the same error, perhaps without the words that n
// introduces it with, so that it has been shown.
func (n *Node) Said() bool {
	if n.Err == nil {
		return true
	}
	for _, c := range n.bad {
		if c.Kind != events.Undo && c.Err != nil && c.Status == events.Failed && repeats(n.Err, c.Err) {
			return true
		}
	}
	return false
}

// repeats tells whether outer is inner, introduced or not, each with or without what a rollback left.
func repeats(outer, inner error) bool {
	long, short := story(outer), story(inner)
	return long == short || strings.HasSuffix(long, ": "+short)
}

// story is what an error says of its cause.
func story(err error) string {
	if rb, ok := errors.AsType[*events.RollbackError](err); ok && strings.HasPrefix(err.Error(), rb.Cause.Error()) {
		return rb.Cause.Error()
	}
	return err.Error()
}
