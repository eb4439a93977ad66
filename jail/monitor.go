package jail

import (
	"context"
	"errors"
	"iter"
	"strings"
	"sync"
	"time"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/sandbox"
)

// Clock is what a monitor waits by.
type Clock interface {
	// After gives a channel that gets the time once d has gone by.
	After(d time.Duration) <-chan time.Time
}

// Monitor watches the jails that run: it checks their health, tells of processes that the kernel killed for want of memory,
// starts again what has ended beside a jail, and restarts jails by their policies. What it does are operations like everybody's, and it knows nothing that is not
// in the jails: it can be ended and begun at any time.
type Monitor struct {
	Keeper *Keeper
	Clock  Clock

	// Preset are the options of its operations, and Record makes the sink of one that is worth to be kept; nil: none is.
	Preset []events.Option
	Record func() events.Sink
}

// lookEvery is the time between two looks for jails that were started or configured in another way. It is no delay for
// what becomes of a jail that is watched: a death is seen when it happens.
const lookEvery = 5 * time.Second

// Monitoring is the payload of the beginning of a monitor.
type Monitoring struct{}

// EventType is host.monitor.
func (*Monitoring) EventType() string { return "host.monitor" }

// EventTitle is for people.
func (*Monitoring) EventTitle() string { return "watch the jails" }

// Watch watches until ctx is done or the loop is left; then checks are broken off, and restarts are brought to their end.
// It yields the events of its operations, each of which is a run of its own: of checks only of those that have changed
// something. An error is about a jail that could not be looked at, or, as the first and last, fault.Busy: there is
// another monitor.
func (m *Monitor) Watch(ctx context.Context) iter.Seq2[events.Event, error] {
	return func(yield func(events.Event, error) bool) {
		w := &watch{Monitor: m, out: make(chan told), settled: map[Name]string{}}
		over, err := w.begin(ctx)
		if err != nil {
			yield(events.Event{}, err)
			return
		}
		defer over()
		ctx, cancel := context.WithCancel(ctx)
		var wait sync.WaitGroup
		wait.Go(func() {
			defer close(w.out)
			w.supervise(ctx)
		})
		defer wait.Wait()
		defer func() {
			for range w.out { // who is at work is let finish
			}
		}()
		defer cancel()
		for t := range w.out {
			if !yield(t.ev, t.err) {
				return
			}
		}
	}
}

// told is what a watch yields.
type told struct {
	ev  events.Event
	err error
}

// watch is one run of a monitor.
type watch struct {
	*Monitor
	out chan told

	mu      sync.Mutex
	settled map[Name]string // jails that nothing more is done for, by the start that is over
}

// begin takes the lock that one monitor has.
func (w *watch) begin(ctx context.Context) (release func(), err error) {
	op := events.New(&Monitoring{}, func(s events.Step) (func(), error) {
		return w.Keeper.Locks.Take("monitor", false, "monitor", s.Run())
	})
	release, err = op.With(w.Preset...).Do(ctx)
	if by, ok := errors.AsType[*fault.HeldError](err); ok {
		return nil, fault.InUse("monitor", "", by).WithRemedy("one is enough: it watches all jails of the root")
	}
	return release, err
}

// supervise has somebody attend each jail that is to be watched.
func (w *watch) supervise(ctx context.Context) {
	var wait sync.WaitGroup
	defer wait.Wait()
	ended := make(chan Name)
	attended := map[Name]bool{}
	for {
		names, err := w.started()
		if err != nil {
			w.tell(told{err: err})
		}
		for _, name := range names {
			if attended[name] || !w.concerns(ctx, name) {
				continue
			}
			attended[name] = true
			wait.Go(func() {
				(&nurse{watch: w, name: name}).attend(ctx)
				select {
				case ended <- name:
				case <-ctx.Done():
				}
			})
		}
		for again := w.Clock.After(lookEvery); again != nil; {
			select {
			case <-again:
				again = nil
			case name := <-ended:
				delete(attended, name)
			case <-ctx.Done():
				return
			}
		}
	}
}

// started lists the jails whose start is on record.
func (w *watch) started() (all []Name, err error) {
	keys, err := w.Keeper.Records.Keys()
	for _, key := range keys {
		if name, ok := strings.CutPrefix(key, keyPrefix); ok {
			all = append(all, Name(name))
		}
	}
	return all, err
}

// concerns tells whether there is anything to do for a jail, now or later.
func (w *watch) concerns(ctx context.Context, name Name) bool {
	i, err := w.Keeper.Look(ctx, name)
	if err != nil {
		return false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.settled[name] != i.Sandbox.Run && (i.alive && i.watched() || i.wrong(sandbox.Exit{}) != "")
}

// watched says that a running jail has something that is to be watched.
func (i *Info) watched() bool {
	return i.usable == nil && (len(i.attendants) > 0 || i.value("health") != "" || i.value(restart) != "no" || i.value("memoryuse") != "")
}

// settle notes that nothing more is done for a jail until it is started anew.
func (w *watch) settle(i *Info) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.settled[i.Name] = i.Sandbox.Run
}

func (w *watch) tell(t told) { w.out <- t }

// do runs an operation and tells what happens in it: all of it, or, of a check, only if it has changed something.
func do[T any](ctx context.Context, w *watch, op events.Op[T], all bool) (T, error) {
	shown := &gate{open: all, to: func(ev *events.Event) { w.tell(told{ev: *ev}) }}
	opts := w.Preset
	if w.Record != nil {
		kept := &gate{open: all, to: w.Record()}
		opts = append(opts[:len(opts):len(opts)], events.WithSink(kept.add))
	}
	run := op.With(opts...).Start(ctx)
	for ev := range run.Events() {
		shown.add(&ev)
	}
	return run.Wait()
}

// gate holds back the events of a run until one comes that makes it worth telling.
type gate struct {
	open bool
	held []events.Event
	to   events.Sink
}

func (g *gate) add(ev *events.Event) {
	if !g.open {
		_, marks := events.As[*Mark](*ev)
		if g.open = marks || ev.Parent == 0 && ev.Status == events.Failed; !g.open {
			g.held = append(g.held, *ev)
			return
		}
		for i := range g.held {
			g.to(&g.held[i])
		}
		g.held = nil
	}
	g.to(ev)
}
