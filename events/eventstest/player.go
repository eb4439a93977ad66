package eventstest

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"

	"github.com/libioc/ioc/events"
)

// player executes the bodies of a Program and keeps the ledger of what they changed.
type player struct {
	place Place // nil: effects are in the ledger only
	reg   *events.Registry
	acts  map[policyKey]events.Action[ticket]

	mu      sync.Mutex
	clock   int // counts registrations and seals
	seq     uint64
	entries []*entry
	seals   []seal
	bodies  map[events.ID]outcome
	holds   int  // held and not released
	aborted bool // the consumer has called Abort
	faults  []error
}

// entry is an effect, or a deferred action, in the ledger.
type entry struct {
	no       int
	at       int    // on the clock
	seq      uint64 // of the last record before
	holder   events.ID
	kind     ItemKind
	works    Works
	undo     *Undo
	armed    bool // its compensation was registered
	made     bool // the world has it
	learned  int
	runs     int         // of the compensation, or the deferred action
	finished int         // runs that returned nil
	in       []events.ID // events of the runs, as far as they are known
}

// seal is a Seal that succeeded.
type seal struct {
	step events.ID
	at   int
}

// outcome is what a body returned.
type outcome struct {
	returned bool
	err      error
}

type policyKey struct{ retry, barrier bool }

// ticket is the parameters of the program's actions: all that another process needs to run them.
type ticket struct {
	No      int
	Name    string
	Learned int
	Undo    Undo
}

func newPlayer(place Place) *player {
	x := &player{place: place, reg: events.NewRegistry(), acts: map[policyKey]events.Action[ticket]{}, bodies: map[events.ID]outcome{}}
	for _, k := range []policyKey{{}, {retry: true}, {barrier: true}, {true, true}} {
		var opts []events.ActionOption
		if k.retry {
			opts = append(opts, events.Retry(3, 0))
		}
		if k.barrier {
			opts = append(opts, events.Barrier())
		}
		x.acts[k] = events.Define(x.reg, fmt.Sprintf("test.act-%t-%t.v1", k.retry, k.barrier), x.act, opts...)
	}
	events.Register[thing](x.reg, "test.thing.v1", events.Bind(func(e *thing) { e.x = x }))
	events.Register[removal](x.reg, "test.removal.v1", events.Bind(func(e *removal) { e.x = x }))
	return x
}

// enter adds an entry to the ledger.
func (x *player) enter(s events.Step, it *Item) *entry {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.clock++
	e := &entry{no: len(x.entries) + 1, at: x.clock, seq: x.seq, holder: s.ID(), kind: it.Kind, works: it.Works, undo: &it.Undo}
	x.entries = append(x.entries, e)
	return e
}

func (x *player) fault(format string, args ...any) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.faults = append(x.faults, fmt.Errorf(format, args...))
}

// make changes the world: entry no, called name, is there.
func (x *player) make(e *entry, name string) error {
	if x.place != nil {
		if err := x.place.Make(name); err != nil {
			return err
		}
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if e.made {
		x.faults = append(x.faults, fmt.Errorf("entry %d was made twice", e.no))
	}
	e.made = true
	return nil
}

// body is b as the body of a step. path names it among all bodies of the program.
func (x *player) body(b *Body, path string) func(events.Step) error {
	return func(s events.Step) error {
		id := s.ID()
		var o outcome
		defer func() {
			x.mu.Lock()
			defer x.mu.Unlock()
			x.bodies[id] = o
		}()
		o.err = x.play(s, b, path)
		o.returned = true
		return o.err
	}
}

func (x *player) play(s events.Step, b *Body, path string) error {
	for i := range b.Do {
		it := &b.Do[i]
		if err := x.item(s, it, fmt.Sprintf("%s.%d", path, i)); err != nil && !it.Handled {
			return err
		}
	}
	return end(b.End, path)
}

// end does what an Ending says.
func end(e Ending, path string) error {
	switch e {
	case Fail:
		return errors.New("fail in " + path)
	case Skips:
		return events.Skip("skip in " + path)
	case Panics:
		panic("panic in " + path)
	case Exits:
		runtime.Goexit()
	}
	return nil
}

func (x *player) item(s events.Step, it *Item, path string) error {
	switch it.Kind {
	case Informs:
		return s.Progress(path)
	case Holds:
		x.hold(s)
		return nil
	case Seals:
		return x.seal(s)
	case Nests:
		return s.Do(&events.Named{Type: "test.step", Key: path}, x.body(&it.Bodies[0], path))
	case Complete:
		return s.Complete(&events.Named{Type: "test.complete", Key: path}, x.body(&it.Bodies[0], path))
	case Parallel:
		opts := []events.GroupOption{events.Limit(it.Limit)}
		if it.Settle {
			opts = append(opts, events.Settle())
		}
		return s.Group(func(g *events.Group) {
			for i := range it.Bodies {
				p := fmt.Sprintf("%s/%d", path, i)
				g.Go(&events.Named{Type: "test.lane", Key: p}, x.body(&it.Bodies[i], p))
			}
		}, opts...)
	case Closure:
		e := x.enter(s, it)
		s.OnRollback("closure", func(u events.Step) error {
			return x.undo(u, ticket{No: e.no, Undo: it.Undo}, path)
		})
		e.armed = true
		e.made = true // never in the world: it dies with the process
		return nil
	case Acts:
		return x.applyWith(s, it, path)
	case Applies:
		e := x.enter(s, it)
		return s.Apply(&thing{No: e.no, Name: path, Works: it.Works, Learn: it.Learn, Undoes: it.Undo, x: x})
	default:
		return x.later(s, it, path)
	}
}

func (x *player) applyWith(s events.Step, it *Item, path string) error {
	e := x.enter(s, it)
	act := x.acts[policyKey{it.Undo.Retry, it.Undo.Barrier}]
	tk := ticket{No: e.no, Name: path, Undo: it.Undo}
	err := s.ApplyWith(act.With(tk), func(context.Context) error {
		e.armed = true
		return x.make(e, path)
	})
	if err != nil || !it.Learn {
		return err
	}
	e.learned, tk.Learned = e.no, e.no
	return s.Amend(act.With(tk))
}

// later defers an action or an effect.
func (x *player) later(s events.Step, it *Item, path string) (err error) {
	e := x.enter(s, it)
	if it.Learn {
		act := x.acts[policyKey{it.Undo.Retry, it.Undo.Barrier}]
		err = s.AfterCommit(act.With(ticket{No: -e.no, Name: path, Undo: it.Undo}))
	} else {
		err = s.Defer(&removal{No: e.no, Name: path, Ends: it.Undo.Ends, x: x})
	}
	e.armed = err == nil
	return err
}

func (x *player) hold(s events.Step) {
	x.mu.Lock()
	x.holds++
	x.mu.Unlock()
	s.Hold(func() {
		x.mu.Lock()
		defer x.mu.Unlock()
		x.holds--
	})
}

func (x *player) seal(s events.Step) (err error) {
	x.mu.Lock()
	x.clock++
	at := x.clock
	x.mu.Unlock()
	defer func() { // a consumer may leave in the middle: it is sealed all the same
		if err == nil {
			x.mu.Lock()
			defer x.mu.Unlock()
			x.seals = append(x.seals, seal{s.ID(), at})
		}
	}()
	return s.Seal()
}
