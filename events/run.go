package events

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// run is the state of one execution. What is not atomic or behind mu belongs to the owner: the
// goroutine that ranges over the events, which is also the goroutine of lane 0.
type run struct {
	cfg     config
	info    RunInfo
	infoPtr atomic.Pointer[RunInfo]
	started atomic.Bool
	over    chan struct{}
	err     error // the root's, valid once over is closed

	//nolint:containedctx // a run is what a context belongs to
	ctx    context.Context
	cancel context.CancelCauseFunc

	yield     func(Event) bool
	inYield   bool // yield was called and has not returned
	inSink    int  // 1 + index of the sink that was called and has not returned
	loop      *loopEnd
	gone      bool  // nothing is yielded any more
	ev        Event // the record being delivered; sinks see its address
	seq       uint64
	lastID    ID
	left      atomic.Bool // the consumer left the loop
	aborted   atomic.Bool
	posts     chan *lane // records of other lanes
	lanes     atomic.Uint32
	reg       atomic.Uint64
	root      Payload
	committed bool        // the owner's: nothing is undone any more
	dirty     atomic.Bool // a recovery has something left to do
	logDone   bool

	mu       sync.Mutex
	residue  []Residue
	holds    []func()
	log      Log
	logErr   error
	undoCtx  context.Context //nolint:containedctx // compensations outlive the cancelled context
	stopUndo context.CancelFunc
}

// loopEnd is how the consumer left other than by break.
type loopEnd struct {
	value any // of the panic in the loop body
	exit  bool
}

func newRun(ctx context.Context, opts []Option) *run {
	r := &run{over: make(chan struct{})}
	for _, o := range opts {
		o(&r.cfg)
	}
	r.ctx, r.cancel = context.WithCancelCause(ctx)
	return r
}

func (r *run) execute(yield func(Event) bool, p Payload, body func(Step) error) {
	start := time.Now() //nolint:forbidigo // RunInfo.Started; all else comes from the clock option
	r.info = RunInfo{ID: newRunID(start), Started: start, Host: r.cfg.host, PID: r.cfg.pid}
	if !r.cfg.hasClock {
		r.cfg.clock = func() time.Duration { return time.Since(start) }
	}
	r.ev.Run = &r.info
	r.infoPtr.Store(&r.info)
	r.root = p
	r.yield, r.gone = yield, yield == nil
	l := &lane{r: r, ctx: r.ctx, owner: true}
	defer func() { // also while the goroutine panics or exits
		r.cancel(nil)
		close(r.over)
	}()
	r.err = l.step(p, Forward, 0, nil, func(s Step) error {
		if err := l.stopErr(); err != nil {
			return err
		}
		return body(s)
	})
}

// deliver gives ev its number and hands it to sinks and consumer. It runs on the owner only. false:
// the consumer does not want more.
func (r *run) deliver(ev *Event) bool {
	r.seq++
	ev.Seq = r.seq
	if ev.Phase == Begin {
		r.lastID++
		ev.ID = r.lastID
	}
	for i, s := range r.cfg.sinks {
		r.inSink = i + 1
		s(ev)
	}
	r.inSink = 0
	if r.gone {
		return !r.left.Load()
	}
	r.inYield = true
	ok := r.yield(*ev)
	r.inYield = false
	if !ok {
		r.leave()
	}
	return ok
}

// leave notes that the consumer is gone.
func (r *run) leave() {
	r.gone = true
	r.left.Store(true)
	r.cancel(ErrBreak)
}

func (r *run) cancelRun(cause error) {
	if cause == nil {
		cause = context.Canceled
	}
	r.cancel(cause)
}

func (r *run) abort() {
	r.cancel(ErrAborted)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.aborted.Store(true)
	if r.stopUndo != nil {
		r.stopUndo()
	}
}

// undoContext is what compensations run under: the values of the run's context, but cancelled by Abort only.
func (r *run) undoContext() context.Context {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.undoCtx == nil {
		r.undoCtx, r.stopUndo = context.WithCancel(context.WithoutCancel(r.ctx))
		if r.aborted.Load() {
			r.stopUndo()
		}
	}
	return r.undoCtx
}

func (r *run) leaveBehind(res Residue) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.residue = append(r.residue, res)
}

func (r *run) leftBehind() []Residue {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.residue)
}

func (r *run) hold(release func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.holds = append(r.holds, release)
}

// letGo releases what was held, newest first, even if one of them panics.
func (r *run) letGo() {
	r.mu.Lock()
	n := len(r.holds)
	if n == 0 {
		r.mu.Unlock()
		return
	}
	f := r.holds[n-1]
	r.holds = r.holds[:n-1]
	r.mu.Unlock()
	defer r.letGo()
	f()
}

// openLog opens the run's log with its first record.
func (r *run) openLog() (Log, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.log == nil && r.logErr == nil {
		r.log, r.logErr = r.cfg.journal.Open(&r.info, r.root)
	}
	return r.log, r.logErr
}

func (r *run) currentLog() Log {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.log
}

func (r *run) probe(point string, id ID, p Payload) {
	if r.cfg.probe != nil {
		typ := ""
		if p != nil {
			typ = p.EventType()
		}
		r.cfg.probe(Probe{point, id, typ})
	}
}
