package view

import (
	"errors"
	"strings"
	"time"

	"github.com/libioc/ioc/events"
)

// Tree is a stream as far as it was seen. The zero Tree is empty. It is not for concurrent use.
type Tree struct {
	Root  *Node // nil before the first event
	nodes map[events.ID]*Node
}

// Node is a step.
type Node struct {
	ID       events.ID
	Parent   *Node // nil: the root
	Children []*Node
	Of       *Node // Kind Undo: what is undone

	Kind   events.Kind
	Type   string
	Key    string
	Title  string // never empty: the payload's title, or type and key
	Depth  int
	Lane   uint32
	Status events.Status
	Reason events.Reason
	Began  time.Duration // since the run's start
	Dur    time.Duration // of a step that has ended
	Err    error
	Detail any // the last progress, then the result
}

// Add folds ev in and returns its step. A stream that was joined late, or lost events, gives nodes
// whose parent is the root, or nil for an End whose Begin was not seen and that has no payload.
func (t *Tree) Add(ev events.Event) *Node {
	n := t.nodes[ev.ID]
	if n == nil {
		n = t.begin(ev)
	}
	switch ev.Phase {
	case events.Progress:
		n.Detail = ev.Detail
	case events.End:
		n.Status, n.Reason, n.Err, n.Dur = ev.Status, ev.Reason, ev.Err, ev.Dur
		n.Detail = ev.Detail
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
		ID: ev.ID, Kind: ev.Kind, Type: ev.Type(), Key: ev.Key(), Title: ev.Title(),
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
	} else {
		n.Parent.Children = append(n.Parent.Children, n)
	}
	return n
}

// Said tells whether one of n's children failed with the same error, perhaps without the words that n
// introduces it with, so that it has been shown.
func (n *Node) Said() bool {
	if n.Err == nil {
		return true
	}
	for _, c := range n.Children {
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
