package events

import (
	"context"
	"iter"
	"sync"
	"sync/atomic"
)

// Hub passes the events of one run to any number of subscribers, which may come late, be slow and
// leave; they never make the operation wait for them. It keeps the last events and knows which steps
// are pending, so that a subscriber that missed something gets the present state instead.
//
// A Hub serves one run: the first whose event its Sink sees. Events of any other run are ignored, and
// so is what comes after the root's End.
type Hub struct {
	// The ring. Only the sink writes to the chunks and to ring; readers pin a chunk while they copy
	// from it, and the sink replaces a pinned chunk rather than writing to it.
	ring []atomic.Pointer[chunk]
	size uint64 // of a chunk
	run  atomic.Pointer[RunInfo]

	_   line
	cur part // the sink's: what it fills
	_   line

	count atomic.Uint64 // events published; position i holds the event with Seq i+1
	over  atomic.Bool   // the root's End is published; set after count
	_     line

	mu   sync.Mutex // guards base and old; the sink takes it once per chunk
	base uint64     // position of the oldest event in the ring
	old  pendingSet // the steps that were pending before base

	bell bell
}

// line keeps apart what the sink writes at every event, what it reads then and what readers write: a processor that
// writes to a cache line takes it from all others.
type line [64]byte

// part is what the sink needs of a chunk at every event.
type part struct {
	events []Event
	first  uint64
	used   uint64
}

// chunk is a part of the ring.
type chunk struct {
	pins   atomic.Int32 // readers in it; -1: the sink makes it another part of the ring
	first  uint64       // position of events[0]; stable while pinned
	events []Event
}

// pin keeps the sink from reusing c; false: it is doing so already.
func (c *chunk) pin() bool {
	for {
		n := c.pins.Load()
		if n < 0 {
			return false
		}
		if c.pins.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

func (c *chunk) unpin() { c.pins.Add(-1) }

// NewHub makes a hub that keeps at least the last n events.
func NewHub(n int) *Hub {
	n = max(n, 1)
	size := min(max(n/8, 1), 128)
	h := &Hub{ring: make([]atomic.Pointer[chunk], (n+size-1)/size+1), size: uint64(size)} //nolint:gosec // positive
	h.bell.rung = make(chan struct{}, 1)
	for i := range h.ring {
		h.ring[i].Store(h.chunk(uint64(i) * h.size)) //nolint:gosec // not negative
	}
	h.cur.events = h.ring[0].Load().events
	return h
}

func (h *Hub) chunk(first uint64) *chunk { return &chunk{first: first, events: make([]Event, h.size)} }

// Run is the identity of the run that the hub serves, nil before its first event.
func (h *Hub) Run() *RunInfo { return h.run.Load() }

// Sink is what a run is given with WithSink. It never waits for a subscriber to do anything but copy.
func (h *Hub) Sink() Sink { return h.publish }

func (h *Hub) publish(ev *Event) {
	if ev.Run != h.run.Load() && !h.run.CompareAndSwap(nil, ev.Run) || h.over.Load() {
		return
	}
	c := &h.cur
	if c.used == h.size {
		h.turn()
	}
	c.events[c.used] = *ev
	c.used++
	h.count.Store(c.first + c.used)
	if ev.Phase == End && ev.Parent == 0 {
		h.over.Store(true)
	}
	if h.bell.armed.Load() {
		h.bell.ring()
	}
}

// turn makes the next part of the ring the current one. What was in it is remembered as far as it is
// pending.
func (h *Hub) turn() {
	pos := h.cur.first + h.size
	slot := &h.ring[pos/h.size%uint64(len(h.ring))]
	next := slot.Load()
	if next.first != pos { // else it is new
		h.mu.Lock()
		for i := range next.events {
			h.old.apply(&next.events[i])
		}
		h.base = next.first + h.size
		h.mu.Unlock()
		if next.pins.CompareAndSwap(0, -1) {
			next.first = pos
			next.pins.Store(0)
		} else {
			next = h.chunk(pos)
			slot.Store(next)
		}
	}
	h.cur = part{events: next.events, first: pos}
}

// Subscribe yields batches of the events whose Seq is greater than after, in order; 0 is from the
// start on. The number beside a batch is how many events the subscriber missed before it, because it
// was slow or came late. If it is not 0, the batch begins with a snapshot: the Begin of every step
// that was pending where it goes on, in order of Seq; forget what was known before and go on from
// there.
//
// It ends when the root's End was yielded, or ctx is done. A batch is valid until the next one.
func (h *Hub) Subscribe(ctx context.Context, after uint64) iter.Seq2[[]Event, uint64] {
	return func(yield func([]Event, uint64) bool) {
		var batch []Event
		for pos := after; ; {
			over := h.over.Load()
			count := h.count.Load()
			switch {
			case ctx.Err() != nil:
				return
			case pos < count:
				var lost uint64
				batch, pos, lost = h.read(batch[:0], pos)
				if !yield(batch, lost) {
					return
				}
			case over:
				return
			default:
				h.bell.wait(ctx, func() bool { return h.count.Load() > pos || h.over.Load() })
			}
		}
	}
}

// read appends all events from position pos on, which is published. It gives the position after
// them, and how many it could not have.
func (h *Hub) read(dst []Event, pos uint64) (batch []Event, next, lost uint64) {
	c := h.at(pos)
	if c == nil {
		h.mu.Lock()
		dst = h.old.appendTo(dst)
		lost, pos = h.base-pos, h.base
		c = h.at(pos) // it is not reused before mu is free
		h.mu.Unlock()
	}
	limit := h.count.Load() // not to run after the operation for ever
	for c != nil {
		end := min(limit, c.first+h.size)
		dst = append(dst, c.events[pos-c.first:end-c.first]...)
		pos = end
		c.unpin()
		if pos >= limit {
			break
		}
		c = h.at(pos) // nil: overtaken meanwhile; the next batch says so
	}
	return dst, pos, lost
}

// at gives the chunk that holds position pos, pinned; nil if it is not in the ring any more.
func (h *Hub) at(pos uint64) *chunk {
	c := h.ring[pos/h.size%uint64(len(h.ring))].Load()
	if !c.pin() {
		return nil
	}
	if c.first != pos/h.size*h.size {
		c.unpin()
		return nil
	}
	return c
}
