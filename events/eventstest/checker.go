package eventstest

import (
	"errors"
	"fmt"
	"iter"
	"reflect"

	"github.com/libioc/ioc/events"
)

// Checker holds one run's stream against the invariants of the event core. It wants every record, as
// a sink gets them. The zero value is ready to use; it must not be used concurrently.
//
// The first violation is kept: Add and Yielded return it from then on, and so does Close.
type Checker struct {
	// Adopted tells whether ev, a Begin, is the root of a stream that was adopted. What happened in it
	// says nothing about its parent: a foreign panic can be handled. Nil: none is.
	Adopted func(ev events.Event) bool

	err      error
	nodes    map[events.ID]*node
	lanes    map[uint32]*laneState
	records  []record // by Seq - 1
	rootDone bool
	root     *node
	last     events.ID
	open     int
	yielded  uint64 // Seq of the last record the consumer got
	stopped  uint64 // Seq of the last record when the consumer left or cancelled; 0: it did not
	isOut    bool   // the consumer left: nothing may be yielded any more
	tail     uint64 // Seq of the Begin of the first of the root's last Commit children; 0: none
	wantsAll bool   // Yielded was called: the consumer's view is checked
}

// record is what Yielded compares.
type record struct {
	id    events.ID
	phase events.Phase
}

// node is what the Checker remembers of an event.
type node struct {
	begin    events.Event
	parent   *node
	endSeq   uint64 // 0: pending
	status   events.Status
	children int   // pending
	foreign  int   // pending children in other lanes
	undoing  bool  // had a child of Kind Undo
	oldest   *node // of those undone so far in it, the one that ended first
	forced   bool  // a panic below: it may not succeed
	shielded bool  // is, or is below, a compensation or a deferred action
	adopted  bool
}

type laneState struct {
	stack []*node
	at    int64
	used  bool
}

// Check drains seq and returns the first violation of an invariant, nil if the stream is whole.
func Check(seq iter.Seq[events.Event]) error {
	var c Checker
	for ev := range seq {
		if err := c.Add(ev); err != nil {
			return err
		}
	}
	return c.Close()
}

// Sink checks every record; Close tells what was found.
func (c *Checker) Sink() events.Sink {
	return func(ev *events.Event) { _ = c.Add(*ev) } // kept for Close
}

// Add checks the next record.
func (c *Checker) Add(ev events.Event) error {
	if c.err != nil {
		return c.err
	}
	if c.nodes == nil {
		c.nodes, c.lanes = map[events.ID]*node{}, map[uint32]*laneState{}
	}
	if err := c.add(ev); err != nil {
		c.err = fmt.Errorf("record %d (%s %s of event %d %q): %w", ev.Seq, ev.Kind, ev.Phase, ev.ID, ev.Type(), err)
	}
	return c.err
}

func (c *Checker) add(ev events.Event) error {
	if want := uint64(len(c.records)) + 1; ev.Seq != want {
		return fmt.Errorf("I1: seq is %d, want %d", ev.Seq, want)
	}
	c.records = append(c.records, record{ev.ID, ev.Phase})
	if c.rootDone {
		return errors.New("I5: it comes after the root's end")
	}
	if err := c.form(ev); err != nil {
		return err
	}
	lane := c.lanes[ev.Lane]
	if lane == nil {
		lane = &laneState{}
		c.lanes[ev.Lane] = lane
	}
	if int64(ev.At) < lane.at {
		return fmt.Errorf("I4: at is %v, before an earlier record of lane %d", ev.At, ev.Lane)
	}
	lane.at = int64(ev.At)
	if ev.Phase == events.Begin {
		return c.begin(ev, lane)
	}
	n := c.nodes[ev.ID]
	switch {
	case n == nil:
		return errors.New("I2: it never began")
	case n.endSeq != 0:
		return errors.New("I2: it has ended before")
	case !same(n.begin, ev):
		return fmt.Errorf("I2: parent, of, lane, depth, kind or payload differ from its begin %+v", n.begin)
	case len(lane.stack) == 0 || lane.stack[len(lane.stack)-1] != n:
		return fmt.Errorf("I4: it is not on top of lane %d", ev.Lane)
	case n.children > 0:
		return fmt.Errorf("I3: %d children are pending", n.children)
	}
	if ev.Phase == events.End {
		return c.end(ev, n, lane)
	}
	return nil
}

// form checks what one record says by itself.
func (c *Checker) form(ev events.Event) error {
	if ev.Run == nil {
		return errors.New("I6: it is of no run")
	}
	_, isSkip := ev.Err.(*events.SkipError) //nolint:errorlint // the End carries it bare
	switch {
	case ev.Phase != events.Begin && ev.Phase != events.Progress && ev.Phase != events.End:
		return errors.New("I6: unknown phase")
	case (ev.Phase == events.End) == (ev.Status == events.Pending):
		return fmt.Errorf("I6: status is %s", ev.Status)
	case (ev.Status == events.Failed) != (ev.Reason != events.NoReason):
		return fmt.Errorf("I6: status is %s, reason %q", ev.Status, ev.Reason)
	case ev.Status == events.Failed && ev.Err == nil:
		return errors.New("I6: it failed without an error")
	case ev.Status == events.Succeeded && ev.Err != nil:
		return fmt.Errorf("I6: it succeeded with error %w", ev.Err)
	case ev.Status == events.Skipped && !isSkip:
		return fmt.Errorf("I6: it was skipped with error %v", ev.Err) //nolint:errorlint // it may be nil
	case ev.Phase != events.End && ev.Dur != 0, ev.Dur < 0:
		return fmt.Errorf("I6: dur is %v", ev.Dur)
	case ev.Phase == events.Begin && (ev.Err != nil) != (ev.Kind == events.Undo):
		return fmt.Errorf("I7: its cause is %v", ev.Err) //nolint:errorlint // it may be nil
	case ev.Kind == events.Undo && ev.Of == 0, (ev.Kind == events.Forward || ev.Kind == events.Revert) && ev.Of != 0:
		return fmt.Errorf("I7: of is %d", ev.Of)
	}
	return nil
}

// same tells whether later is of the same event as begin.
func same(begin, later events.Event) bool {
	return begin.Run == later.Run && begin.Parent == later.Parent && begin.Of == later.Of && begin.Lane == later.Lane &&
		begin.Depth == later.Depth && begin.Kind == later.Kind && samePayload(begin.Payload, later.Payload)
}

func samePayload(a, b events.Payload) bool {
	if t := reflect.TypeOf(a); t != nil && !t.Comparable() {
		return t == reflect.TypeOf(b)
	}
	return a == b
}
