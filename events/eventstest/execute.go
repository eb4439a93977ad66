package eventstest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"time"

	"github.com/libioc/ioc/events"
)

// thrown is the value that a consumer panics with.
type thrown struct{ at int }

// execution is one run of a program and all that was seen of it.
type execution struct {
	p         *Program
	x         *player
	run       *events.Run[int]
	memory    *Memory
	checker   Checker
	all       []events.Event // what sinks saw
	fired     bool           // the consumer did what it does at record At
	value     *thrown
	recovered any
	exited    bool
	fates     []fate
}

// Operation is p's operation on place.
func (p *Program) Operation(place Place) (events.Op[int], *events.Registry) {
	x := newPlayer(place)
	return x.operation(p), x.reg
}

func (x *player) operation(p *Program) events.Op[int] {
	return events.New(&events.Named{Type: "test.program"}, func(s events.Step) (int, error) {
		if p.Retain != "" {
			if err := s.Retain(p.Retain); err != nil {
				return 0, err
			}
		}
		return 42, x.body(&p.Root, "0")(s)
	})
}

// Run runs p, whose effects are entries in a ledger, and returns the first thing that is wrong: with the
// stream, with what was left of the effects, with the errors, with the residue. The events are returned to
// be shown.
func (p *Program) Run() ([]events.Event, error) {
	e := &execution{p: p, x: newPlayer(nil)}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	opts := []events.Option{events.WithSink(e.sink), events.WithRegistry(e.x.reg)}
	if p.Memory {
		e.memory = &Memory{FailAt: p.FailAt}
		opts = append(opts, events.WithJournal(e.memory))
	}
	if p.Soft {
		opts = append(opts, events.PanicsAsErrors())
	}
	e.run = e.x.operation(p).Start(ctx, opts...)
	done := make(chan struct{})
	go func() { // of its own: it may be told to exit
		defer close(done)
		returned := false
		defer func() {
			e.recovered = recover()
			e.exited = e.recovered == nil && !returned
		}()
		e.consume(cancel)
		returned = true
	}()
	select {
	case <-done:
	case <-time.After(time.Minute):
		return nil, fmt.Errorf("the run hangs\n%s", stacks())
	}
	if err := e.checker.Close(); err != nil {
		return e.all, err
	}
	return e.all, e.judge()
}

func stacks() []byte {
	buf := make([]byte, 1<<20)
	return buf[:runtime.Stack(buf, true)]
}

func (e *execution) sink(ev *events.Event) {
	_ = e.checker.Add(*ev) // kept for Close
	e.all = append(e.all, *ev)
	e.x.mu.Lock()
	defer e.x.mu.Unlock()
	e.x.seq = ev.Seq
}

// consume takes the events as the program says.
func (e *execution) consume(cancel context.CancelFunc) {
	switch e.p.Consumer.How {
	case Drains:
		_, _ = e.run.Wait() // judge looks at the outcome
	case Pulls:
		next, stop := iter.Pull(e.run.Events())
		defer stop()
		for {
			ev, ok := next()
			if !ok {
				return
			}
			_ = e.checker.Yielded(ev)
			if int(ev.Seq) == e.p.Consumer.At { //nolint:gosec // small
				e.fired = true
				e.checker.Left()
				return
			}
		}
	default:
		for ev := range e.run.Events() {
			_ = e.checker.Yielded(ev)
			if int(ev.Seq) != e.p.Consumer.At { //nolint:gosec // small
				continue
			}
			if e.act(cancel) {
				break
			}
		}
	}
}

// act does what the consumer does at record At; true: leave the loop.
func (e *execution) act(cancel context.CancelFunc) bool {
	if e.p.Consumer.How == All {
		return false
	}
	e.fired = true
	switch e.p.Consumer.How {
	case Breaks:
		e.checker.Left()
		return true
	case Cancels:
		e.checker.Stopped()
		e.run.Cancel(errors.New("cancelled by the program"))
	case CtxCancel:
		e.checker.Stopped()
		cancel()
	case Aborts:
		e.checker.Stopped()
		e.x.mu.Lock()
		e.x.aborted = true
		e.x.mu.Unlock()
		e.run.Abort()
	case Throws:
		e.checker.Left()
		e.value = &thrown{e.p.Consumer.At}
		panic(e.value)
	case Quits:
		e.checker.Left()
		runtime.Goexit()
	}
	return false
}
