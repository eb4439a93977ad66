package events

import (
	"slices"
	"sync"
	"sync/atomic"
)

// workspace is what a run works with while it lasts, and nobody after it: all of it belongs to the owner,
// the goroutine that ranges over the events, which is also the goroutine of lane 0; but for what is atomic,
// posts and root. It is most of what a short run would allocate, so it is used again.
type workspace struct {
	state

	// Lane 0, and what it begins with.
	lane    laneState
	frames  [8]frame
	entries [4]entry
	comp    compensation

	labels [4]Payload // of undos, newest first; they stay for the next run
}

// state is of one run.
type state struct {
	r     *run
	sinks []Sink
	root  Payload

	yield      func(Event) bool
	inYield    bool // yield was called and has not returned
	sinkFailed bool
	gone       bool // nothing is yielded any more
	committed  bool // nothing is undone any more
	logDone    bool
	loop       *loopEnd
	ev         Event // the record being delivered; sinks see its address
	seq        uint64
	lastID     ID
	posts      chan *post // records of other lanes

	left  atomic.Bool // the consumer left the loop
	dirty atomic.Bool // a recovery has something left to do
	lanes atomic.Uint32
	reg   atomic.Uint64
}

// loopEnd is how the consumer left other than by break.
type loopEnd struct {
	value any // of the panic in the loop body
	exit  bool
}

//nolint:gochecknoglobals // a free list: what is in it cannot be seen
var workspaces = sync.Pool{New: func() any { return new(workspace) }}

// borrow gives l, the first lane of r, its workspace.
func (l *lane) borrow(r *run, yield func(Event) bool, root Payload) {
	w := workspaces.Get().(*workspace) //nolint:forcetypeassert // New gives it
	w.r, w.sinks, w.root = r, r.cfg.sinks, root
	w.yield, w.gone = yield, yield == nil
	w.ev.Run = &r.info
	l.r, l.laneState = r, &w.lane
	l.w, l.rec, l.owner = w, &w.ev, true
	l.stack, l.entries, l.spare = w.frames[:0], w.entries[:0], &w.comp
}

// giveBack returns the workspace, cleared; a Step that is kept is stale then. All lanes have ended.
func (l *lane) giveBack() {
	w := l.w
	clear(l.stack)                    // there is nothing in it, unless a clock panicked
	if cap(l.stack) > len(w.frames) { // it has grown out of these; else they were cleared one by one
		clear(w.frames[:])
	}
	if cap(l.entries) > len(w.entries) {
		clear(w.entries[:])
	}
	if l.spare != &w.comp {
		w.comp = compensation{}
	}
	l.laneState = nil
	w.state, w.lane = state{}, laneState{}
	workspaces.Put(w)
}

// number gives ev its place in the stream. It runs on the owner only, as deliver does.
func (w *workspace) number(ev *Event) {
	w.seq++
	ev.Seq = w.seq
	if ev.Phase == Begin {
		w.lastID++
		ev.ID = w.lastID
	}
}

// deliver hands ev to sinks and consumer. false: the consumer does not want more.
func (w *workspace) deliver(ev *Event) bool {
	if len(w.sinks) > 0 {
		w.toSinks(ev, 0)
	}
	if w.gone || !w.toLoop(ev) {
		return !w.left.Load() && !w.sinkFailed
	}
	return !w.sinkFailed
}

// toLoop yields ev. How the loop body ends is noted here, where no body of a step can hide it.
func (w *workspace) toLoop(ev *Event) bool {
	w.inYield = true
	defer func() {
		if w.inYield {
			w.inYield = false
			v := recover()
			w.loop = &loopEnd{value: v, exit: v == nil}
			w.leave()
			if v != nil {
				panic(v)
			}
		}
	}()
	ok := w.yield(*ev)
	w.inYield = false
	if !ok {
		w.leave()
	}
	return ok
}

// toSinks calls the sinks from number i on. One that panics fails the run and is not called again; the
// others see all.
func (w *workspace) toSinks(ev *Event, i int) {
	defer func() {
		if i == len(w.sinks) {
			return
		}
		v := recover()
		w.sinks = slices.Delete(slices.Clone(w.sinks), i, i+1)
		w.sinkFailed = true
		if v == nil { // Goexit: the consumer's goroutine dies
			w.leave()
		} else if l := &w.r.lane0; l.fatal == nil {
			l.fatal = asPanic(v)
			w.r.stop(l.fatal)
		}
		w.toSinks(ev, i)
	}()
	for ; i < len(w.sinks); i++ {
		w.sinks[i](ev)
	}
}

// leave notes that the consumer is gone.
func (w *workspace) leave() {
	w.gone = true
	w.left.Store(true)
	w.r.stop(ErrBreak)
}
