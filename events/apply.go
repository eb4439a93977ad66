package events

import (
	"bytes"
	"context"
	"fmt"
	"reflect"
	"slices"
)

// Apply makes e happen as a child event whose payload is e: Begin, the journal's record, e.Do, what
// Do learned, End. If the step, or an ancestor, fails later, e.Undo runs as an Undo event.
//
// The payload is a copy of *e as it was at Begin, so that consumers never see it change; what Do
// learned is in a second copy, the End's Detail. With a journal e's type must be registered.
func (s Step) Apply(e Effect) error {
	s.frame()
	l := s.l
	if err := l.stopErr(); err != nil {
		return err
	}
	frozen := freeze(e)
	return l.step(frozen, Forward, 0, nil, func(c Step) error { return c.apply(e, frozen) })
}

func (s Step) apply(e, frozen Effect) error {
	l, r := s.l, s.l.r
	act, params, err := l.encode(e)
	if err != nil {
		return err
	}
	en := newEntry(e, act, frozen)
	en.run = func(u Step) error { return e.Undo(withStep(u)) }
	if err := l.register(s, &en, RecUndo, params, l.durable()); err != nil {
		return err
	}
	r.probe("journaled", s.id, frozen)
	err = e.Do(withStep(s))
	r.probe("done", s.id, frozen)
	err, untouched := takeUntouched(err)
	if untouched || isSkip(err) {
		l.mark(RecUndone, &en, nil)
		l.pop()
		return err
	}
	if learned := freeze(e); !reflect.DeepEqual(learned, frozen) {
		l.stack[s.d].detail = learned
	}
	if en.lsn == 0 {
		return err
	}
	// The copy is shallow: what Do changed behind a pointer shows in the encoding only.
	amended, failure := l.amend(act, &en, e, params)
	if amended {
		r.probe("amended", s.id, frozen)
	}
	if err == nil {
		return failure
	}
	return err // failure is the log's, which undoing will meet again
}

// amend journals what Do learned, if it did.
func (l *lane) amend(act *action, en *entry, params any, before []byte) (bool, error) {
	after, err := act.encode(params)
	if err != nil || before != nil && bytes.Equal(before, after) {
		return false, err
	}
	log, err := l.openLog()
	if err == nil {
		_, err = log.Append(&Record{Type: RecAmend, Ref: en.lsn, Volatile: en.volatile, Params: after})
	}
	return err == nil, err
}

// newEntry is what e registers, but for what it runs.
func newEntry(e Effect, act *action, frozen Effect) entry {
	en := entry{name: frozen.EventType(), payload: frozen, volatile: isVolatile(e), lazy: isLazy(e)}
	if act != nil {
		en.name, en.policy, en.volatile = act.name, &act.policy, en.volatile || act.volatile
	}
	return en
}

// durable tells whether there is a log to register in.
func (l *lane) durable() bool { return l.r.cfg.journal != nil || l.foreign != nil }

// encode gives e's registered action, nil if it has none, and, if the lane has a log, its parameters.
func (l *lane) encode(e Effect) (*action, []byte, error) {
	reg := l.r.cfg.registry
	if l.foreign != nil && l.foreign.reg != nil {
		reg = l.foreign.reg
	}
	act, known := reg.effect(reflect.TypeOf(e))
	if !l.durable() {
		return act, nil, nil
	}
	if !known {
		return nil, nil, fmt.Errorf("effect %s (%T): %w", e.EventType(), e, ErrUnregistered)
	}
	params, err := act.encode(e)
	return act, params, err
}

func isVolatile(e any) bool {
	v, ok := e.(Volatile)
	return ok && v.Volatile()
}

func isLazy(e any) bool {
	v, ok := e.(Lazy)
	return ok && v.Lazy()
}

// freeze is a shallow copy of what e points to.
func freeze(e Effect) Effect {
	v := reflect.ValueOf(e)
	if v.Kind() != reflect.Pointer || v.IsNil() || v.Elem().Kind() != reflect.Struct {
		return e
	}
	c := reflect.New(v.Type().Elem())
	c.Elem().Set(v.Elem())
	return c.Interface().(Effect) //nolint:forcetypeassert // the same type as e
}

// Defer lets e.Do run after the root has committed (or after Seal): for what cannot be undone,
// destroy and delete. It is journaled like an effect; after a crash recovery carries it forward, so
// Do must be idempotent. e.Undo is never called. If the step or an ancestor fails, e is dropped. In a
// compensation, or a deferred action, it runs when that has succeeded, which is its commit.
func (s Step) Defer(e Effect) error {
	s.frame()
	l := s.l
	if err := l.stopErr(); err != nil {
		return err
	}
	act, params, err := l.encode(e)
	if err != nil {
		return err
	}
	en := newEntry(e, act, freeze(e))
	en.deferred = true
	en.run = func(u Step) error { return e.Do(withStep(u)) }
	return l.register(s, &en, RecDefer, params, l.durable())
}

// OnRollback registers a closure: for things that die with the process (descriptors, goroutines).
// The journal does not know it.
func (s Step) OnRollback(name string, fn func(Step) error) {
	s.frame()
	e := s.l.enter()
	e.of, e.name, e.run = s.id, name, fn
}

// Undo registers a compensation, durably if the run has a journal. Call it BEFORE the effect; do
// the effect only if it returned nil.
func (s Step) Undo(c Compensation) error {
	f := s.frame()
	l := s.l
	if err := l.stopErr(); err != nil {
		return err
	}
	if err := l.compensation(s, c, RecUndo); err != nil {
		return err
	}
	f.rarely().last = len(l.entries)
	return nil
}

// AfterCommit defers an action that cannot be undone (destroy, delete) until the root has
// committed, until Seal, or until the compensation that s is part of has succeeded. Durable like Undo: after a
// crash recovery runs it forward.
func (s Step) AfterCommit(c Compensation) error {
	s.frame()
	if err := s.l.stopErr(); err != nil {
		return err
	}
	return s.l.compensation(s, c, RecDefer)
}

func (l *lane) compensation(s Step, c Compensation, typ RecordType) error {
	var params []byte
	if l.durable() {
		var err error
		if params, err = c.act.encode(c.params); err != nil {
			return err
		}
	}
	en := entry{name: c.act.name, policy: &c.act.policy, volatile: c.act.volatile, deferred: typ == RecDefer}
	en.run = func(u Step) error { return c.act.run(u, c.params) }
	return l.register(s, &en, typ, params, l.durable())
}

// ApplyWith is Undo, then effect: the order cannot be got wrong. It registers with s itself and
// yields no event.
func (s Step) ApplyWith(c Compensation, effect func(context.Context) error) error {
	if err := s.Undo(c); err != nil {
		return err
	}
	return effect(s.l.context())
}

// Amend replaces the parameters of the last Undo of this step, when the effect told something new
// (an ID a server chose). Until then recovery works with the old ones. c must be of the same action.
func (s Step) Amend(c Compensation) error {
	f := s.frame()
	l := s.l
	last := 0
	if f.rare != nil {
		last = f.rare.last
	}
	if last == 0 || last > len(l.entries) || l.entries[last-1].name != c.act.name {
		return fmt.Errorf("amend %s: the step's last undo is another one", c.act.name)
	}
	en := &l.entries[last-1]
	en.run = func(u Step) error { return c.act.run(u, c.params) }
	if en.lsn == 0 {
		return nil
	}
	_, err := l.amend(c.act, en, c.params, nil)
	return err
}

// register journals en, if durable, and pushes it.
func (l *lane) register(s Step, en *entry, typ RecordType, params []byte, durable bool) error {
	en.of = s.id
	if durable {
		log, err := l.openLog()
		if err != nil {
			return err
		}
		rec := Record{
			Type: typ, Volatile: en.volatile, Lazy: en.lazy, Event: s.id, Ref: l.within, Name: en.name, Params: params,
		}
		if en.lsn, err = log.Append(&rec); err != nil {
			l.w.dirty.Store(true)
			return err
		}
	}
	e := l.enter()
	en.reg = e.reg
	*e = *en
	return nil
}

// enter adds an entry that is empty but for its number.
func (l *lane) enter() *entry {
	n := len(l.entries)
	if n == cap(l.entries) {
		l.entries = append(l.entries, entry{})
	} else {
		l.entries = l.entries[:n+1]
	}
	e := &l.entries[n]
	*e = entry{reg: l.w.reg.Add(1)}
	return e
}

func (l *lane) openLog() (Log, error) {
	if l.foreign != nil {
		return l.foreign.log, nil
	}
	return l.r.openLog(l.w.root)
}

// Retain makes the run, when it commits, keep the effects of s and its children under key (jail/web)
// instead of forgetting them; releasing the key undoes them. In a compensation they are kept when it has
// succeeded. A key that a child chose for its own stays. Closures and deferred actions are not kept. It needs
// a journal.
func (s Step) Retain(key string) error {
	f := s.frame()
	if s.l.r.cfg.journal == nil && s.l.foreign == nil {
		return ErrNoJournal
	}
	f.rarely().retain = key
	return nil
}

// Seal makes what s and its finished children did final: it is not undone any more, what they
// retain is published, and what they deferred runs now. Needed for long runs (the undo stack and the
// journal would grow) and before an irreversible effect. An error means that nothing was sealed.
func (s Step) Seal() error {
	s.frame()
	l := s.l
	if err := l.stopErr(); err != nil {
		return err
	}
	had := l.owner && l.w.loop != nil
	if err := l.seal(int(s.d)); err != nil {
		return err
	}
	l.runDeferred(int(s.d))
	l.rethrow(had, nil, nil)
	return nil // also if the run was stopped meanwhile: it is sealed
}

// seal makes what the step at depth d registered final, and leaves it the deferred actions, which have to
// run now.
func (l *lane) seal(d int) error {
	f := &l.stack[d]
	base := int(f.base)
	retain(l.entries[base:], f.retain())
	var lsns []uint64
	for _, e := range l.entries[base:] {
		if e.lsn != 0 && !e.sealed {
			lsns = append(lsns, e.lsn)
		}
	}
	if len(lsns) > 0 {
		log, err := l.openLog()
		if err != nil {
			return err
		}
		if err := log.Seal(lsns, l.r.keep(l.entries[base:])); err != nil {
			return err
		}
	}
	if f.rare != nil {
		f.rare.last = 0
	}
	deferred := slices.DeleteFunc(l.entries[base:], func(e entry) bool { return !e.deferred })
	l.entries = l.entries[:base+len(deferred)]
	for i := range deferred {
		deferred[i].sealed = true
	}
	return nil
}

// stepContext lets an effect's Do report progress through its context.
type stepContext struct {
	context.Context //nolint:containedctx // it is a context
	step            Step
}

type stepKey struct{}

func (c *stepContext) Value(key any) any {
	if key == (stepKey{}) {
		return c.step
	}
	return c.Context.Value(key)
}

func withStep(s Step) context.Context { return &stepContext{s.l.context(), s} }

// Report yields a Progress event with v as its Detail for the effect whose Do or Undo was given ctx.
// It must be called on the goroutine of that Do. It returns non-nil if the run was stopped, and nil
// without an event if ctx is of no effect.
func Report(ctx context.Context, v any) error {
	if s, ok := StepOf(ctx); ok {
		return s.Progress(v)
	}
	return nil
}

// StepOf gives the step of the effect whose Do or Undo was given ctx: for an effect with steps of its own. A child that fails
// does not fail the effect, if its error is not returned. It must be used on the goroutine of that Do. False: ctx is of no effect.
func StepOf(ctx context.Context) (Step, bool) {
	s, ok := ctx.Value(stepKey{}).(Step)
	return s, ok
}

// LogOf gives the log of the run whose effect was given ctx, nil if it has none (yet). A driver asks
// it for what a child process must inherit so that recovery does not start before the child is gone;
// see package journal.
func LogOf(ctx context.Context) Log {
	s, ok := StepOf(ctx)
	if !ok {
		return nil
	}
	return s.l.currentLog()
}
