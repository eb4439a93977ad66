package events

import (
	"context"
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"time"
)

// Registry knows actions and effects by name, so that another process can undo what this one did.
// A program has one; tests make their own. It may be used concurrently.
type Registry struct {
	mu     sync.RWMutex
	byName map[string]*action
	byType map[reflect.Type]*action
}

// NewRegistry is an empty registry.
func NewRegistry() *Registry {
	return &Registry{byName: map[string]*action{}, byType: map[reflect.Type]*action{}}
}

// Names lists the registered names, sorted.
func (r *Registry) Names() []string {
	r.mu.RLock()
	defer r.mu.RUnlock()
	names := make([]string, 0, len(r.byName))
	for n := range r.byName {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

// Decode gives the effect that was registered under name, as params encode it. It is how the
// effects kept under a key are looked at without undoing them.
func (r *Registry) Decode(name string, params []byte) (Effect, error) {
	act, ok := r.lookup(name)
	if !ok {
		return nil, fmt.Errorf("%s: %w", name, ErrUnregistered)
	}
	v, err := act.parse(params)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	e, ok := v.(Effect)
	if !ok {
		return nil, fmt.Errorf("%s is an action, not an effect", name)
	}
	return e, nil
}

// Guard takes what the action or effect name wants held while recovery undoes the run it is in; see
// the option Guard. Without one it takes nothing, nor for params that cannot be decoded: then nothing is
// undone under them either.
func (r *Registry) Guard(ctx context.Context, name string, params []byte) (release func(), err error) {
	act, ok := r.lookup(name)
	if !ok || act.guard == nil {
		return func() {}, nil
	}
	v, err := act.parse(params)
	if err != nil {
		return func() {}, nil //nolint:nilerr // the compensation will say so
	}
	return act.guard(ctx, v)
}

// Knows reports whether something is registered under name.
func (r *Registry) Knows(name string) bool {
	_, ok := r.lookup(name)
	return ok
}

func (r *Registry) lookup(name string) (*action, bool) {
	if r == nil {
		return nil, false
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	a, ok := r.byName[name]
	return a, ok
}

func (r *Registry) effect(t reflect.Type) (*action, bool) {
	if r == nil {
		return nil, false
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	a, ok := r.byType[t]
	return a, ok
}

func (r *Registry) add(a *action, t reflect.Type) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, dup := r.byName[a.name]; dup {
		panic("events: " + a.name + " is registered twice")
	}
	r.byName[a.name] = a
	if t != nil {
		if old, dup := r.byType[t]; dup {
			panic("events: " + t.String() + " is registered as " + old.name + " and " + a.name)
		}
		r.byType[t] = a
	}
}

// action is what a name stands for.
type action struct {
	name     string
	policy   policy
	volatile bool
	encode   func(any) ([]byte, error)
	decode   func([]byte) (any, error)
	run      func(Step, any) error // undo; or the deferred action itself
	guard    func(context.Context, any) (func(), error)
	bind     func(any)
}

// parse decodes params, which may be of another version of the program, or rot: that a decoder panics
// is no more than an error of this record.
func (a *action) parse(params []byte) (v any, err error) {
	defer func() {
		if p := recover(); p != nil {
			v, err = nil, fmt.Errorf("decoding: %s", panicText(p))
		}
	}()
	return a.decode(params)
}

// Register makes effects of type *T durable under name ("mount.bind.v1": the version is part of the
// name, an old name is never given another meaning and stays registered as long as a journal may hold it).
// Parameters are encoded by *T's AppendBinary and UnmarshalBinary if it has them, else as JSON.
// It panics if name or T is taken.
func Register[T any, E interface {
	*T
	Effect
}](r *Registry, name string, opts ...ActionOption) {
	a := newAction[E](name, opts)
	a.run = func(s Step, v any) error { return v.(E).Undo(withStep(s)) } //nolint:forcetypeassert // as decoded
	a.decode = func(params []byte) (any, error) {
		e := E(new(T))
		if err := decodeInto(params, e); err != nil {
			return nil, err
		}
		if a.bind != nil {
			a.bind(e)
		}
		return e, nil
	}
	r.add(a, reflect.TypeFor[E]())
}

// Action is a compensation another process can run: a name, and parameters that can be encoded.
type Action[P any] struct{ act *action }

// Define registers undo under name ("zfs.destroy.v1": the version is part of the name, an old name
// is never redefined). undo must be idempotent and succeed if the effect never happened or happened
// by half: after a crash nobody knows. It may yield events through its Step. It panics if name is taken.
func Define[P any](r *Registry, name string, undo func(s Step, p P) error, opts ...ActionOption) Action[P] {
	a := newAction[P](name, opts)
	a.run = func(s Step, v any) error { return undo(s, v.(P)) } //nolint:forcetypeassert // With and decode give P
	if a.decode == nil {
		a.decode = func(params []byte) (any, error) {
			var p P
			err := decodeInto(params, &p)
			return p, err
		}
	}
	r.add(a, nil)
	return Action[P]{a}
}

// With binds parameters.
func (a Action[P]) With(p P) Compensation { return Compensation{a.act, p} }

// Compensation is an Action with its parameters.
type Compensation struct {
	act    *action
	params any
}

func newAction[P any](name string, opts []ActionOption) *action {
	a := &action{name: name, encode: encodeAny}
	for _, o := range opts {
		o(a)
	}
	return a
}

func encodeAny(v any) ([]byte, error) {
	if b, ok := v.(encoding.BinaryAppender); ok {
		return b.AppendBinary(nil)
	}
	return json.Marshal(v)
}

func decodeInto(params []byte, v any) error {
	if b, ok := v.(encoding.BinaryUnmarshaler); ok {
		return b.UnmarshalBinary(params)
	}
	return json.Unmarshal(params, v)
}

// ActionOption configures how an action is undone.
type ActionOption func(*action)

// Retry tries a failing compensation up to attempts times, each as an event of its own, with
// backoff between them.
func Retry(attempts int, backoff time.Duration) ActionOption {
	return func(a *action) { a.policy.attempts, a.policy.backoff = attempts, backoff }
}

// Timeout cancels the compensation's context after d.
func Timeout(d time.Duration) ActionOption { return func(a *action) { a.policy.timeout = d } }

// Barrier lets older compensations of the same step not be tried if this one fails.
func Barrier() ActionOption { return func(a *action) { a.policy.barrier = true } }

// DropAtReboot says that the effect does not survive a reboot, as Volatile does for an Effect.
func DropAtReboot() ActionOption { return func(a *action) { a.volatile = true } }

// Codec replaces the encoding of P.
func Codec[P any](enc func([]byte, P) ([]byte, error), dec func([]byte) (P, error)) ActionOption {
	return func(a *action) {
		a.encode = func(v any) ([]byte, error) { return enc(nil, v.(P)) } //nolint:forcetypeassert // With gives P
		a.decode = func(params []byte) (any, error) { return dec(params) }
	}
}

// Bind is called with every effect that was decoded: it gives it what cannot be encoded, a driver's
// handle for example. T is the type given to Register.
func Bind[T any](f func(*T)) ActionOption {
	return func(a *action) { a.bind = func(v any) { f(v.(*T)) } } //nolint:forcetypeassert // as Register decodes
}

// Guard names what must be held while recovery, or a release, undoes the run that the action is
// part of: the lock of the jail. f must not wait; if it fails the run is left alone. P is the type
// of the parameters; for an effect of type T it is *T.
func Guard[P any](f func(ctx context.Context, p P) (release func(), err error)) ActionOption {
	return func(a *action) {
		a.guard = func(ctx context.Context, v any) (func(), error) { return f(ctx, v.(P)) } //nolint:forcetypeassert // as above
	}
}
