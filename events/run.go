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
	over    atomic.Bool
	err     error // the root's, valid once over is set

	parent context.Context       //nolint:containedctx // a run is what a context belongs to
	self   runContext            // parent, telling that it is of this run
	cause  atomic.Pointer[error] // why the run was stopped

	yield      func(Event) bool
	inYield    bool // yield was called and has not returned
	sinkFailed bool
	loop       *loopEnd
	gone       bool  // nothing is yielded any more
	ev         Event // the record being delivered; sinks see its address
	seq        uint64
	lastID     ID
	left       atomic.Bool // the consumer left the loop
	aborted    atomic.Bool
	posts      chan *post // records of other lanes
	lanes      atomic.Uint32
	reg        atomic.Uint64
	root       Payload
	committed  bool        // the owner's: nothing is undone any more
	dirty      atomic.Bool // a recovery has something left to do
	logDone    bool

	lane0    lane
	borrowed *stacks

	mu       sync.Mutex
	holding  atomic.Bool   // holds has had something
	logging  atomic.Bool   // log is set
	waiters  chan struct{} // closed at the end; nil: nobody waits
	residue  []Residue
	holds    []func()
	extends  []string // keys under which others have retained effects
	log      Log
	logErr   error
	ctx      context.Context //nolint:containedctx // made when somebody asks: most steps do not
	cancel   context.CancelCauseFunc
	undoCtx  context.Context //nolint:containedctx // compensations outlive the cancelled context
	stopUndo context.CancelFunc
}

// loopEnd is how the consumer left other than by break.
type loopEnd struct {
	value any // of the panic in the loop body
	exit  bool
}

func (r *run) prepare(ctx context.Context, preset, opts []Option) {
	for _, o := range preset {
		o(&r.cfg)
	}
	for _, o := range opts {
		o(&r.cfg)
	}
	r.parent = ctx
	r.self = runContext{ctx, r}
}

func (r *run) execute(yield func(Event) bool, p Payload, body func(Step) error) {
	start := time.Now() //nolint:forbidigo // RunInfo.Started; all else comes from now
	r.info = RunInfo{ID: newRunID(start), Started: start, Host: r.cfg.host, PID: r.cfg.pid}
	r.ev.Run = &r.info
	r.infoPtr.Store(&r.info)
	r.root = p
	r.yield, r.gone = yield, yield == nil
	l, b := &r.lane0, stacksPool.Get().(*stacks) //nolint:forcetypeassert // New gives it
	r.borrowed = b
	*l = lane{r: r, owner: true, rec: &r.ev, stack: b.frames[:0], entries: b.entries[:0], spare: &b.comp}
	defer r.finish() // also while the goroutine panics or exits
	_ = l.step(p, Forward, 0, nil, func(s Step) error {
		if err := l.stopErr(); err != nil {
			return err
		}
		return body(s)
	})
}

// stacks are what a run of usual size works with. They are most of what a short run would allocate,
// so they are used again. Nothing of a run but its lane 0 knows them.
type stacks struct {
	frames  [8]frame
	entries [4]entry
	comp    compensation
}

//nolint:gochecknoglobals // a free list: what is in it cannot be seen
var stacksPool = sync.Pool{New: func() any { return new(stacks) }}

// giveBack returns the stacks, cleared; a frame is cleared when it is popped, and all are by then.
func (r *run) giveBack() {
	l, b := &r.lane0, r.borrowed
	l.stack, l.entries, l.spare, r.borrowed = nil, nil, nil, nil // a Step that is kept is stale
	clear(b.entries[:])
	b.comp = compensation{}
	stacksPool.Put(b)
}

// finish lets those go who wait for the run.
func (r *run) finish() {
	r.giveBack()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cancel != nil {
		r.cancel(nil)
	}
	if r.stopUndo != nil {
		r.stopUndo()
	}
	r.over.Store(true)
	if r.waiters != nil {
		close(r.waiters)
	}
}

func (r *run) wait() {
	r.mu.Lock()
	if r.over.Load() {
		r.mu.Unlock()
		return
	}
	if r.waiters == nil {
		r.waiters = make(chan struct{})
	}
	ch := r.waiters
	r.mu.Unlock()
	<-ch
}

// now is the time since the run began.
func (r *run) now() time.Duration {
	if !r.cfg.hasClock {
		return time.Since(r.info.Started)
	}
	if r.cfg.clock == nil {
		return 0
	}
	return r.cfg.clock()
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
	if len(r.cfg.sinks) > 0 {
		r.toSinks(ev, 0)
	}
	if r.gone || !r.toLoop(ev) {
		return !r.left.Load() && !r.sinkFailed
	}
	return !r.sinkFailed
}

// toLoop yields ev. How the loop body ends is noted here, where no body of a step can hide it.
func (r *run) toLoop(ev *Event) bool {
	r.inYield = true
	defer func() {
		if r.inYield {
			r.inYield = false
			v := recover()
			r.loop = &loopEnd{value: v, exit: v == nil}
			r.leave()
			if v != nil {
				panic(v)
			}
		}
	}()
	ok := r.yield(*ev)
	r.inYield = false
	if !ok {
		r.leave()
	}
	return ok
}

// toSinks calls the sinks from number i on. One that panics fails the run and is not called again; the
// others see all.
func (r *run) toSinks(ev *Event, i int) {
	defer func() {
		if i == len(r.cfg.sinks) {
			return
		}
		v := recover()
		r.cfg.sinks = slices.Delete(slices.Clone(r.cfg.sinks), i, i+1)
		r.sinkFailed = true
		if v == nil { // Goexit: the consumer's goroutine dies
			r.leave()
		} else if l := &r.lane0; l.fatal == nil {
			l.fatal = asPanic(v)
			r.stop(l.fatal)
		}
		r.toSinks(ev, i)
	}()
	for ; i < len(r.cfg.sinks); i++ {
		r.cfg.sinks[i](ev)
	}
}

// leave notes that the consumer is gone.
func (r *run) leave() {
	r.gone = true
	r.left.Store(true)
	r.stop(ErrBreak)
}

// stop stops the run at its next boundary. The first cause counts.
func (r *run) stop(cause error) {
	if cause == nil {
		cause = context.Canceled
	}
	if !r.cause.CompareAndSwap(nil, &cause) {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cancel != nil {
		r.cancel(cause)
	}
}

// stopped is why the run was stopped, nil if it was not.
func (r *run) stopped() error {
	if cause := r.cause.Load(); cause != nil {
		return *cause
	}
	if r.parent.Err() != nil {
		return context.Cause(r.parent)
	}
	return nil
}

func (r *run) abort() {
	r.stop(ErrAborted)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.aborted.Store(true)
	if r.stopUndo != nil {
		r.stopUndo()
	}
}

// context is the one that the run's end, Cancel and a break cancel.
func (r *run) context() context.Context {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ctx == nil {
		r.ctx, r.cancel = context.WithCancelCause(&r.self)
		if cause := r.cause.Load(); cause != nil {
			r.cancel(*cause)
		}
	}
	return r.ctx
}

// runContext tells whose context it is.
type runContext struct {
	context.Context //nolint:containedctx // it is a context
	run             *run
}

type runKey struct{}

func (c *runContext) Value(key any) any {
	if key == (runKey{}) {
		return c.run
	}
	return c.Context.Value(key)
}

// RunOf is the run whose Step.Context ctx is, or whose effect was given ctx; nil if it is of none. A
// guard asks it whether the lock it needs is held by its own run already.
func RunOf(ctx context.Context) *RunInfo {
	if s, ok := ctx.Value(stepKey{}).(Step); ok {
		return &s.l.r.info
	}
	if r, ok := ctx.Value(runKey{}).(*run); ok {
		return &r.info
	}
	return nil
}

// undoContext is what compensations run under: the values of the run's context, but cancelled by Abort only.
func (r *run) undoContext() context.Context {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.undoCtx == nil {
		r.undoCtx, r.stopUndo = context.WithCancel(context.WithoutCancel(&r.self))
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
	r.holding.Store(true)
}

// letGo releases what was held, newest first, even if one of them panics.
func (r *run) letGo() {
	if !r.holding.Load() {
		return
	}
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
		r.logging.Store(r.logErr == nil)
	}
	return r.log, r.logErr
}

func (r *run) currentLog() Log {
	if !r.logging.Load() {
		return nil
	}
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
