package events

import (
	"context"
	"errors"
	"runtime"
	"slices"
)

// Group collects children that run in parallel.
type Group struct {
	step   Step
	tasks  []task
	limit  int
	settle bool
	closed bool
}

type task struct {
	payload Payload
	body    func(Step) error
}

// GroupOption configures Step.Group.
type GroupOption func(*Group)

// Limit runs at most n children at once.
func Limit(n int) GroupOption { return func(g *Group) { g.limit = n } }

// Settle lets the others go on when a child fails.
func Settle() GroupOption { return func(g *Group) { g.settle = true } }

// Go adds a child with a lane of its own; it starts when add has returned. It must not be called
// after that.
func (g *Group) Go(p Payload, body func(Step) error) {
	if g.closed {
		panic(ErrStale)
	}
	g.tasks = append(g.tasks, task{p, body})
}

// Group runs the children that add gives it in parallel and returns when all have ended. By default
// the first failure cancels the others. The error joins the failures that were not caused by that
// cancellation, in the order of Go.
//
// A child that fails undoes what it did at once, in its lane; what the others finished stands until
// s fails. A panic or Goexit in a child goes on in the caller of Group when all have ended.
func (s Step) Group(add func(*Group), opts ...GroupOption) error {
	s.frame()
	l := s.l
	if err := l.stopErr(); err != nil {
		return err
	}
	g := &Group{step: s}
	for _, o := range opts {
		o(g)
	}
	add(g)
	g.closed = true
	if len(g.tasks) == 0 {
		return nil
	}
	return l.parallel(s, g)
}

// child is a lane of a group and what became of it.
type child struct {
	lane    *lane
	err     error
	fatal   *PanicError
	exited  bool
	skipped bool // never started
}

// parallel runs a group below the step at the top of l.
func (l *lane) parallel(s Step, g *Group) error {
	if l.owner && l.w.posts == nil {
		l.w.posts = make(chan *post)
	}
	ctx, cancel := context.WithCancelCause(l.context())
	defer cancel(nil)
	p := &pump{l: l, g: g, step: s, ctx: ctx, cancel: cancel, ended: make(chan *child), children: make([]child, len(g.tasks))}
	l.stack[s.d].busy = true
	had := l.owner && l.w.loop != nil
	l.gather(s, p)
	l.rethrow(had, nil, nil) // a panic of the loop body while the lanes ran
	return l.groupErr(p)
}

// gather runs the lanes and takes over what they registered, also when Goexit goes through.
func (l *lane) gather(s Step, p *pump) {
	defer func() {
		l.stack[s.d].busy = false
		l.merge(p.children)
	}()
	p.run()
}

// pump starts a group's lanes and, on the owner, delivers their records.
type pump struct {
	l        *lane
	g        *Group
	step     Step
	ctx      context.Context //nolint:containedctx // lives for one call
	cancel   context.CancelCauseFunc
	ended    chan *child
	children []child
	next     int // task to start
	running  int
	serving  *post  // whose record is being delivered
	first    *child // the failure that cancelled the others
}

// run returns when every lane has ended, also if the consumer panics or exits meanwhile.
func (p *pump) run() {
	complete := false
	had := p.l.owner && p.l.w.loop != nil
	defer func() {
		if complete {
			return
		}
		_ = p.l.note(recover(), had) // the loop body's panic goes on in rethrow
		if p.serving != nil {
			p.answer(false)
		}
		p.run()
	}()
	for p.start(); p.running > 0; p.start() {
		var posts chan *post
		if p.l.owner {
			posts = p.l.w.posts
		}
		select {
		case p.serving = <-posts:
			p.l.w.number(&p.serving.ev)
			p.answer(p.l.w.deliver(&p.serving.ev))
		case c := <-p.ended:
			p.running--
			if c.err != nil && !p.g.settle || c.fatal != nil || c.exited {
				if p.first == nil {
					p.first = c
				}
				p.cancel(errGroupFailed)
			}
		}
	}
	complete = true
}

func (p *pump) answer(ok bool) {
	post := p.serving
	p.serving = nil
	post.ok = ok
	post.reply <- struct{}{}
}

// start starts tasks up to the limit. After a cancellation the rest is not started.
func (p *pump) start() {
	for p.next < len(p.children) && (p.g.limit <= 0 || p.running < p.g.limit) {
		c := &p.children[p.next]
		t := p.g.tasks[p.next]
		p.next++
		if p.ctx.Err() != nil && (p.l.shield == 0 || context.Cause(p.ctx) == errGroupFailed) { //nolint:errorlint // identity
			c.skipped = true
			continue
		}
		l := p.l
		c.lane = &lane{l.r, &laneState{
			w: l.w, n: l.w.lanes.Add(1), depth0: l.depth0 + p.step.d + 1, parent0: p.step.id,
			ctx: p.ctx, shield: l.shield, foreign: l.foreign, within: l.within,
			post: &post{ev: Event{Run: &l.r.info}, reply: make(chan struct{})},
		}}
		c.lane.rec = &c.lane.post.ev
		p.running++
		go func() {
			returned := false
			defer func() {
				v := recover()
				if pe, ok := v.(*PanicError); ok {
					c.fatal, c.err = pe, pe
				}
				c.exited = v == nil && !returned
				p.ended <- c
			}()
			c.err = c.lane.step(t.payload, Forward, 0, nil, t.body)
			returned = true
		}()
	}
}

// merge gives the parent what its lanes registered, in the order of registration over all lanes.
func (l *lane) merge(children []child) {
	n := len(l.entries)
	for i := range children {
		if c := &children[i]; c.lane != nil {
			l.entries = append(l.entries, c.lane.entries...)
		}
	}
	slices.SortFunc(l.entries[n:], func(a, b entry) int {
		if a.reg < b.reg {
			return -1
		}
		return 1
	})
}

// groupErr is the outcome of a group; a panic or Goexit of a lane goes on here.
func (l *lane) groupErr(p *pump) error {
	failFast := context.Cause(p.ctx) == errGroupFailed //nolint:errorlint // identity
	exited := false
	var errs []error
	var left []Residue
	for i := range p.children {
		c := &p.children[i]
		if c.fatal != nil {
			panic(c.fatal)
		}
		exited = exited || c.exited
		if c.err == nil {
			continue
		}
		// A body may give back the bare context's error.
		if failFast && c != p.first && errors.Is(c.err, context.Canceled) {
			if rb, ok := errors.AsType[*RollbackError](c.err); ok {
				left = append(left, rb.Residue...)
			}
			continue
		}
		errs = append(errs, c.err)
	}
	if exited {
		runtime.Goexit()
	}
	if len(errs) == 0 {
		return l.stopErr()
	}
	err := errs[0]
	if len(errs) > 1 {
		err = errors.Join(errs...)
	}
	if len(left) > 0 {
		err = &RollbackError{Cause: err, Residue: left}
	}
	return err
}
