package events

import (
	"context"
	"sync"
	"sync/atomic"
)

// bell wakes those who wait for an event, at a cost to the operation that does not grow with their
// number: of all who wait only one, the leader, is woken by the operation; it wakes the others. While
// nobody waits, an event costs the operation the reading of one flag.
type bell struct {
	_     line
	armed atomic.Bool // a leader waits and has not been rung
	_     line
	rung  chan struct{}

	mu      sync.Mutex
	leader  bool
	waiting chan struct{} // closed by the leader when it was woken or leaves; nil: nobody else waits
}

// ring wakes the leader.
func (b *bell) ring() {
	if b.armed.CompareAndSwap(true, false) {
		b.rung <- struct{}{} // has room: there is one leader, and it takes what was sent before it goes
	}
}

// wait returns when ready may hold or ctx is done. Whoever makes ready hold must look at armed after it.
func (b *bell) wait(ctx context.Context, ready func() bool) {
	b.mu.Lock()
	if b.leader {
		if b.waiting == nil {
			b.waiting = make(chan struct{})
		}
		others := b.waiting
		b.mu.Unlock()
		select {
		case <-others:
		case <-ctx.Done():
		}
		return
	}
	b.leader = true
	b.mu.Unlock()
	b.armed.Store(true)
	taken := false
	if !ready() {
		select {
		case <-b.rung:
			taken = true
		case <-ctx.Done():
		}
	}
	if !taken && !b.armed.CompareAndSwap(true, false) {
		<-b.rung
	}
	b.mu.Lock()
	b.leader = false
	if b.waiting != nil {
		close(b.waiting)
		b.waiting = nil
	}
	b.mu.Unlock()
}
