package eventstest

import (
	"errors"
	"fmt"

	"github.com/libioc/ioc/events"
)

// begin places a new event in the tree and on its lane.
func (c *Checker) begin(ev events.Event, lane *laneState) error {
	if ev.ID != c.last+1 {
		return fmt.Errorf("I2: its id follows %d", c.last)
	}
	c.last = ev.ID
	n := &node{begin: ev, shielded: ev.Kind != events.Forward}
	c.nodes[ev.ID] = n
	if ev.Parent == 0 {
		if ev.Seq != 1 || ev.Depth != 0 || ev.Lane != 0 || ev.Kind != events.Forward {
			return errors.New("I5: it is a second root, or its seq, depth, lane or kind is not a root's")
		}
		c.root = n
		lane.stack, lane.used, c.open = append(lane.stack, n), true, 1
		return nil
	}
	p := c.nodes[ev.Parent]
	switch {
	case p == nil:
		return fmt.Errorf("I3: its parent %d never began", ev.Parent)
	case p.endSeq != 0:
		return fmt.Errorf("I3: its parent %d has ended", ev.Parent)
	case ev.Depth != p.begin.Depth+1:
		return fmt.Errorf("I10: its depth is %d, its parent's %d", ev.Depth, p.begin.Depth)
	case p.undoing && (ev.Kind == events.Forward || ev.Kind == events.Revert): // a Commit may be a Seal's that was interrupted
		return errors.New("I9: its parent is rolling back")
	}
	n.parent, n.shielded = p, n.shielded || p.shielded
	n.adopted = c.Adopted != nil && c.Adopted(ev)
	if err := c.push(n, p, lane); err != nil {
		return err
	}
	switch ev.Kind {
	case events.Undo:
		if err := c.undo(n, p); err != nil {
			return err
		}
	case events.Commit:
		if ev.Of != 0 {
			if err := c.covers(ev.Of, p); err != nil {
				return err
			}
		}
		if p == c.root && c.tail == 0 {
			c.tail = ev.Seq
		}
	}
	if p == c.root && ev.Kind != events.Commit {
		c.tail = 0
	}
	return nil
}

// push checks that n begins on top of its lane, or that its lane is new.
func (c *Checker) push(n, p *node, lane *laneState) error {
	if n.begin.Lane == p.begin.Lane {
		if top := lane.stack[len(lane.stack)-1]; top != p {
			return fmt.Errorf("I4: event %d is on top of lane %d, not its parent", top.begin.ID, n.begin.Lane)
		}
		if p.foreign > 0 {
			return errors.New("I4: a group of its parent is running")
		}
	} else {
		if lane.used {
			return fmt.Errorf("I4: lane %d has had its event", n.begin.Lane)
		}
		if n.begin.Kind == events.Undo {
			return errors.New("I4: an undo does not run in another lane than its step")
		}
		p.foreign++
	}
	lane.stack, lane.used = append(lane.stack, n), true
	p.children++
	c.open++
	return nil
}

// undo checks a compensation against what it says it undoes and against the ones before it.
func (c *Checker) undo(n, p *node) error {
	p.undoing = true
	of := c.nodes[n.begin.Of]
	if of == nil {
		return fmt.Errorf("I7: event %d, which it undoes, never began", n.begin.Of)
	}
	if err := c.covers(n.begin.Of, p); err != nil {
		return err
	}
	// Registration numbers are not in the stream, but what an event registered it did between its Begin and
	// its End: if one ended before the other began, the order is known.
	if o := p.oldest; o != nil && o.endSeq != 0 && o.endSeq < of.begin.Seq {
		return fmt.Errorf("I8: event %d, which had ended when event %d began, was undone before it", o.begin.ID, of.begin.ID)
	}
	if o := p.oldest; of.endSeq != 0 && (o == nil || o.endSeq == 0 || of.endSeq < o.endSeq) {
		p.oldest = of
	}
	return nil
}

// covers checks that what event id registered is p's business: id is p, or below it and everything in
// between succeeded.
func (c *Checker) covers(id events.ID, p *node) error {
	n := c.nodes[id]
	if n == nil {
		return fmt.Errorf("I7: event %d, which it is about, never began", id)
	}
	for ; n != p; n = n.parent {
		switch {
		case n == nil:
			return fmt.Errorf("I7: event %d, which it is about, is not its parent nor below it", id)
		case n.endSeq == 0:
			return fmt.Errorf("I7: event %d, at or above the one it is about, is pending", n.begin.ID)
		case n.status != events.Succeeded:
			return fmt.Errorf("I16: event %d ended %s and has undone what it did", n.begin.ID, n.status)
		case n.begin.Kind != events.Forward:
			return fmt.Errorf("I16: what event %d did, a %s, is never undone", n.begin.ID, n.begin.Kind)
		}
	}
	return nil
}

// end takes an event off its lane.
func (c *Checker) end(ev events.Event, n *node, lane *laneState) error {
	n.endSeq, n.status = ev.Seq, ev.Status
	lane.stack = lane.stack[:len(lane.stack)-1]
	c.open--
	p := n.parent
	switch {
	case n.undoing && ev.Status == events.Succeeded:
		return errors.New("I9: it succeeded although it was undone")
	case n.forced && ev.Status != events.Failed:
		return fmt.Errorf("I11: it ended %s although there was a panic below", ev.Status)
	}
	if p == nil {
		c.rootDone = true
		return c.outcome(ev)
	}
	p.children--
	if ev.Lane != p.begin.Lane {
		p.foreign--
	}
	if (ev.Reason == events.Panicked || n.forced) && !n.shielded && !n.adopted {
		p.forced = true
	}
	return nil
}

// outcome checks the root's End against when the consumer stopped the run.
func (c *Checker) outcome(ev events.Event) error {
	if c.open != 0 {
		return fmt.Errorf("I5: %d events are pending", c.open)
	}
	point := ev.Seq // the commit was before it
	if c.tail != 0 {
		point = c.tail
	}
	if c.stopped != 0 && c.stopped < point && ev.Status == events.Succeeded {
		return fmt.Errorf("I13: it succeeded although it was stopped at record %d", c.stopped)
	}
	return nil
}

// Yielded checks a record that the consumer got: it is the one that Add, the sink, saw last.
func (c *Checker) Yielded(ev events.Event) error {
	if c.err != nil {
		return c.err
	}
	c.wantsAll = true
	switch {
	case c.isOut:
		c.err = fmt.Errorf("record %d: I12: it was yielded after the consumer had left", ev.Seq)
	case ev.Seq != c.yielded+1:
		c.err = fmt.Errorf("record %d: I12: it was yielded after %d", ev.Seq, c.yielded)
	case ev.Seq > uint64(len(c.records)) || c.records[ev.Seq-1] != record{ev.ID, ev.Phase}:
		c.err = fmt.Errorf("record %d: I12: it is not what the sinks saw", ev.Seq)
	}
	c.yielded = ev.Seq
	return c.err
}

// Stopped notes that the run was cancelled after the last record that was added.
func (c *Checker) Stopped() {
	if c.stopped == 0 {
		c.stopped = max(1, uint64(len(c.records)))
	}
}

// Left notes that the consumer left the loop at the last record it got.
func (c *Checker) Left() {
	if c.stopped == 0 {
		c.stopped = max(1, c.yielded)
	}
	c.isOut = true
}

// Close checks that the stream is whole: everything that began has ended, and the consumer got all of
// it unless it left.
func (c *Checker) Close() error {
	switch {
	case c.err != nil:
	case !c.rootDone:
		c.err = fmt.Errorf("I5: the root has not ended; %d events are pending", c.open)
	case c.wantsAll && !c.isOut && c.yielded != uint64(len(c.records)):
		c.err = fmt.Errorf("I12: the consumer got %d of %d records and did not leave", c.yielded, len(c.records))
	}
	return c.err
}
