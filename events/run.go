package events

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// run is the state of one execution that outlives it: the caller keeps the Run, a body its Step, a consumer
// the RunInfo. So it is not used again, and small; what else a run works with is in the workspace.
type run struct {
	info    RunInfo
	cfg     *config
	parent  context.Context       //nolint:containedctx // a run is what a context belongs to
	cause   atomic.Pointer[error] // why the run was stopped
	err     error                 // the root's, valid once the run is over
	state   atomic.Uint32
	aborted atomic.Bool
	mu      sync.Mutex
	more    atomic.Pointer[extra]
	lane0   lane
}

// States of a run, in this order.
const (
	isNew     uint32 = iota
	isClaimed        // somebody drains it
	isRunning        // info is set
	isOver
)

// extra is what a run has only if somebody asks: contexts, a log, what is held and what is left. It is
// made and used under run.mu; that there is none can be seen without.
type extra struct {
	waiters  chan struct{} // closed at the end; nil: nobody waits
	residue  []Residue
	holds    []func()
	extends  []string // keys under which others have retained effects
	log      Log
	logErr   error
	self     runContext      // parent, telling that it is of this run
	ctx      context.Context //nolint:containedctx // made when somebody asks: most steps do not
	cancel   context.CancelCauseFunc
	undoCtx  context.Context //nolint:containedctx // compensations outlive the cancelled context
	stopUndo context.CancelFunc
}

// extra is called with r.mu held.
func (r *run) extra() *extra {
	x := r.more.Load()
	if x == nil {
		x = &extra{self: runContext{r.parent, r}}
		r.more.Store(x)
	}
	return x
}

// plain is the configuration of a run without options. It is only read.
//
//nolint:gochecknoglobals // a constant, but for the language
var plain config

func (r *run) prepare(ctx context.Context, preset, opts []Option) {
	r.parent, r.cfg = ctx, &plain
	if len(preset)+len(opts) == 0 {
		return
	}
	r.cfg = new(config)
	for _, o := range preset {
		o(r.cfg)
	}
	for _, o := range opts {
		o(r.cfg)
	}
}

// claim tells whether the caller is the one who drains the run.
func (r *run) claim() bool { return r.state.CompareAndSwap(isNew, isClaimed) }

func (r *run) over() bool { return r.state.Load() == isOver }

func (r *run) execute(yield func(Event) bool, p Payload, body func(Step) error) {
	start := time.Now() //nolint:forbidigo // RunInfo.Started; all else comes from now
	r.info = RunInfo{ID: newRunID(start), Started: start, Host: r.cfg.host, PID: r.cfg.pid}
	r.state.Store(isRunning)
	l := &r.lane0
	l.borrow(r, yield, p)
	defer r.finish() // also while the goroutine panics or exits
	_ = l.step(p, Forward, 0, nil, func(s Step) error {
		if err := l.stopErr(); err != nil {
			return err
		}
		return body(s)
	})
}

// finish lets those go who wait for the run.
func (r *run) finish() {
	r.lane0.giveBack()
	r.state.Store(isOver)
	if r.more.Load() == nil { // who makes it from now on sees that the run is over
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	x := r.extra()
	if x.cancel != nil {
		x.cancel(nil)
	}
	if x.stopUndo != nil {
		x.stopUndo()
	}
	if x.waiters != nil {
		close(x.waiters)
	}
}

func (r *run) wait() {
	if r.over() {
		return
	}
	r.mu.Lock()
	x := r.extra()
	if r.over() { // after extra: finish looks the other way round
		r.mu.Unlock()
		return
	}
	if x.waiters == nil {
		x.waiters = make(chan struct{})
	}
	ch := x.waiters
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
	if x := r.more.Load(); x != nil && x.cancel != nil {
		x.cancel(cause)
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
	if x := r.more.Load(); x != nil && x.stopUndo != nil {
		x.stopUndo()
	}
}

// context is the one that the run's end, Cancel and a break cancel.
func (r *run) context() context.Context {
	r.mu.Lock()
	defer r.mu.Unlock()
	x := r.extra()
	if x.ctx == nil {
		x.ctx, x.cancel = context.WithCancelCause(&x.self)
		if cause := r.cause.Load(); cause != nil {
			x.cancel(*cause)
		}
		if r.over() { // asked of a Step that was kept
			x.cancel(nil)
		}
	}
	return x.ctx
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
	x := r.extra()
	if x.undoCtx == nil {
		x.undoCtx, x.stopUndo = context.WithCancel(context.WithoutCancel(&x.self))
		if r.aborted.Load() {
			x.stopUndo()
		}
	}
	return x.undoCtx
}

func (r *run) leaveBehind(res Residue) {
	r.mu.Lock()
	defer r.mu.Unlock()
	x := r.extra()
	x.residue = append(x.residue, res)
}

func (r *run) leftBehind() []Residue {
	x := r.more.Load()
	if x == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(x.residue)
}

func (r *run) hold(release func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	x := r.extra()
	x.holds = append(x.holds, release)
}

// letGo releases what was held, newest first, even if one of them panics.
func (r *run) letGo() {
	x := r.more.Load()
	if x == nil {
		return
	}
	r.mu.Lock()
	n := len(x.holds)
	if n == 0 {
		r.mu.Unlock()
		return
	}
	f := x.holds[n-1]
	x.holds = x.holds[:n-1]
	r.mu.Unlock()
	defer r.letGo()
	f()
}

// openLog opens the run's log with its first record.
func (r *run) openLog(root Payload) (Log, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	x := r.extra()
	if x.log == nil && x.logErr == nil {
		x.log, x.logErr = r.cfg.journal.Open(&r.info, root)
	}
	return x.log, x.logErr
}

// currentLog is the run's log, nil if it has none (yet).
func (r *run) currentLog() Log {
	x := r.more.Load()
	if x == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if x.logErr != nil {
		return nil
	}
	return x.log
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
