package events

import (
	"context"
	"iter"
	"slices"
)

// Op describes an operation that has not started. It is a value and can be run many times.
type Op[T any] struct {
	payload Payload
	body    func(Step) (T, error)
	preset  []Option
}

// New makes an operation whose root event carries p.
func New[T any](p Payload, body func(Step) (T, error)) Op[T] {
	return Op[T]{payload: p, body: body}
}

// With is o with options that hold for every run of it, before those that the run is given and after
// those that o had: it is how the maker of an operation gives it a journal. They do not hold where o is
// a child of another operation, which has options of its own.
func (o Op[T]) With(opts ...Option) Op[T] {
	o.preset = slices.Concat(o.preset, opts)
	return o
}

// After is o with first run in its root step before o's own body, and instead of it if first fails: it
// is how who composes operations takes the locks that o needs. First may register what is to be undone.
func (o Op[T]) After(first func(Step) error) Op[T] {
	body := o.body
	o.body = func(s Step) (T, error) {
		if err := first(s); err != nil {
			var none T
			return none, err
		}
		return body(s)
	}
	return o
}

// Payload is what the root event carries.
func (o Op[T]) Payload() Payload { return o.payload }

// Events starts a run and yields its events; the sequence is single-use and lazy: nothing happens
// before the first iteration. The outcome is in the last event, the root's End; to ask for the
// result after the loop use Start.
func (o Op[T]) Events(ctx context.Context, opts ...Option) iter.Seq[Event] {
	return o.Start(ctx, opts...).Events()
}

// Start prepares a run whose outcome can be asked for after the loop. Nothing happens before the
// first iteration of Run.Events, or Run.Wait.
func (o Op[T]) Start(ctx context.Context, opts ...Option) *Run[T] {
	r := &Run[T]{payload: o.payload, body: o.body}
	r.r.prepare(ctx, o.preset, opts)
	return r
}

// Do is the synchronous form: it drains the generator and returns the outcome.
func (o Op[T]) Do(ctx context.Context, opts ...Option) (T, error) {
	return o.Start(ctx, opts...).Wait()
}

// Call runs o as a child of s: the generator's "yield from", without a forwarding cost per level.
// The error is as of Step.Do; a skipped operation gives its value and no error.
func Call[T any](s Step, o Op[T]) (T, error) {
	var v T
	err := s.Do(o.payload, func(s Step) (err error) {
		v, err = o.body(s)
		return err
	})
	return v, err
}

// Run is one execution of an Op.
type Run[T any] struct {
	payload Payload
	body    func(Step) (T, error)
	value   T
	r       run
}

// Events may be ranged over once; a second time panics with ErrReused. When the loop ends, for
// whatever reason, the run is over: committed, or rolled back.
func (r *Run[T]) Events() iter.Seq[Event] {
	return func(yield func(Event) bool) {
		if !r.r.claim() {
			panic(ErrReused)
		}
		r.execute(yield)
	}
}

func (r *Run[T]) execute(yield func(Event) bool) {
	r.r.execute(yield, r.payload, func(s Step) (err error) {
		r.value, err = r.body(s)
		return err
	})
}

// Wait drains the run if nobody ranged over it, else waits for its end, and returns the outcome.
// What a run that committed left behind is not an error: see Residue. Wait must not be called in
// the loop over the run's own events.
func (r *Run[T]) Wait() (T, error) {
	if r.r.claim() {
		r.execute(nil)
	}
	r.r.wait()
	return r.value, r.r.err
}

// Err is the root's error; nil before the end. A skipped root has no error.
func (r *Run[T]) Err() error {
	if !r.r.over() {
		return nil
	}
	return r.r.err
}

// Info is the run's identity. It is nil before the first iteration.
func (r *Run[T]) Info() *RunInfo {
	if r.r.state.Load() < isRunning {
		return nil
	}
	return &r.r.info
}

// Cancel fails the run at its next boundary and cancels Step.Context with cause. It may be called
// from any goroutine, before the start and after the end too.
func (r *Run[T]) Cancel(cause error) { r.r.stop(cause) }

// Abort cancels the run and gives up the rollback: the running compensation's context is
// cancelled, the rest is not started and stays in the journal for the next recovery. (The second Ctrl-C.)
func (r *Run[T]) Abort() { r.r.abort() }

// Residue lists compensations and deferred actions that failed or were not run. Empty: the world is
// as it was, or committed.
func (r *Run[T]) Residue() []Residue { return r.r.leftBehind() }
