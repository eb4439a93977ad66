package ioc_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"sync"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/sandbox"
	"github.com/libioc/ioc/storage"
)

var errInjected = errors.New("injected")

// mode is how an effect fails.
type mode int

const (
	before mode = iota // its Do changes nothing and fails
	after              // its Do does all and fails
	stuck              // as after, and its Undo fails once
)

func (m mode) String() string { return [...]string{"before", "after", "stuck"}[m] }

// faults counts the effects that are done and makes one of them fail.
type faults struct {
	mu    sync.Mutex
	names map[reflect.Type]string
	reg   *events.Registry
	count int
	at    int // 1: the next one
	mode  mode
}

// register makes the shaky effects known: they are encoded as what they are made of.
func (f *faults) register(r *events.Registry) {
	f.reg, f.names = r, map[reflect.Type]string{}
	for _, name := range r.Names() {
		if e, err := r.Decode(name, []byte("{}")); err == nil {
			f.names[reflect.TypeOf(e)] = name
		}
	}
	events.Register[shaky](r, "test.shaky.v1", events.Bind(func(e *shaky) { e.bind(f) }))
	events.Register[shakyHeld](r, "test.held.v1", events.Bind(func(e *shakyHeld) { e.bind(f) }))
	events.Register[shakySession](r, "test.session.v1", events.Bind(func(e *shakySession) { e.bind(f) }))
}

func (f *faults) arm(at int, m mode) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.count, f.at, f.mode = 0, at, m
}

// done is how many effects were done since arm.
func (f *faults) done() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.count
}

func (f *faults) strikes() (mode, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.count++
	return f.mode, f.count == f.at
}

// shaky is an effect that may fail.
type shaky struct {
	inner  events.Effect
	raw    []byte
	faults *faults
	stuck  bool
	ran    bool // so that the engine, which compares, sees that inner may have learned something
}

func (f *faults) wrap(e events.Effect) events.Effect { return &shaky{inner: e, faults: f} }

func (e *shaky) EventType() string { return e.inner.EventType() }

func (e *shaky) EventKey() string {
	if k, ok := e.inner.(events.Keyed); ok {
		return k.EventKey()
	}
	return ""
}

func (e *shaky) Volatile() bool {
	v, ok := e.inner.(events.Volatile)
	return ok && v.Volatile()
}

func (e *shaky) Do(ctx context.Context) error {
	m, strikes := e.faults.strikes()
	if strikes && m == before {
		return errInjected
	}
	e.ran = true
	if err := e.inner.Do(ctx); err != nil || !strikes {
		return err
	}
	e.stuck = m == stuck
	return errInjected
}

func (e *shaky) Undo(ctx context.Context) error {
	if e.stuck {
		e.stuck = false
		return errInjected
	}
	return e.inner.Undo(ctx)
}

type encoded struct {
	Name   string
	Params json.RawMessage
}

func (e *shaky) AppendBinary(dst []byte) ([]byte, error) {
	params, err := json.Marshal(e.inner)
	if err != nil {
		return nil, err
	}
	b, err := json.Marshal(encoded{e.faults.names[reflect.TypeOf(e.inner)], params})
	return append(dst, b...), err
}

func (e *shaky) UnmarshalBinary(b []byte) error {
	if !json.Valid(b) {
		return errors.New("no JSON")
	}
	e.raw = b
	return nil
}

func (e *shaky) bind(f *faults) {
	var enc encoded
	if err := json.Unmarshal(e.raw, &enc); err != nil {
		panic(err)
	}
	inner, err := f.reg.Decode(enc.Name, enc.Params)
	if err != nil {
		panic(fmt.Sprintf("%s: %v", e.raw, err))
	}
	e.inner, e.faults = inner, f
}

type shakyHeld struct{ shaky }

func (e *shakyHeld) State() sandbox.State { return e.inner.(sandbox.Held).State() }

type shakySession struct {
	shaky
	sandbox.Session `json:"-"`
}

func (e *shakySession) EventType() string              { return e.shaky.EventType() }
func (e *shakySession) Do(ctx context.Context) error   { return e.shaky.Do(ctx) }
func (e *shakySession) Undo(ctx context.Context) error { return e.shaky.Undo(ctx) }

// shakyStorage is a storage.Driver whose changes may fail.
type shakyStorage struct {
	storage.Driver
	f *faults
}

func (d shakyStorage) shake(c storage.Change, err error) (storage.Change, error) {
	for i, e := range c.Do {
		c.Do[i] = d.f.wrap(e)
	}
	return c, err
}

func (d shakyStorage) Clone(ctx context.Context, src storage.Origin, dst storage.Dataset, o storage.CloneOptions) (storage.Change, error) {
	return d.shake(d.Driver.Clone(ctx, src, dst, o))
}

func (d shakyStorage) Fill(ctx context.Context, s storage.Dataset) (storage.Filling, error) {
	f, err := d.Driver.Fill(ctx, s)
	return shakyFilling{f, d}, err
}

type shakyFilling struct {
	storage.Filling
	d shakyStorage
}

func (f shakyFilling) Stage() storage.Change {
	c, _ := f.d.shake(f.Filling.Stage(), nil)
	return c
}

func (f shakyFilling) Publish() storage.Change {
	c, _ := f.d.shake(f.Filling.Publish(), nil)
	return c
}

func (d shakyStorage) Rename(ctx context.Context, from, to storage.Dataset, o storage.RenameOptions) (storage.Change, error) {
	return d.shake(d.Driver.Rename(ctx, from, to, o))
}

func (d shakyStorage) Snapshot(ctx context.Context, s storage.Dataset, n storage.SnapshotName, o storage.SnapshotOptions) (storage.Change, error) {
	return d.shake(d.Driver.Snapshot(ctx, s, n, o))
}

func (d shakyStorage) Rollback(ctx context.Context, s storage.Dataset, n storage.SnapshotName, o storage.RollbackOptions) (storage.Change, error) {
	return d.shake(d.Driver.Rollback(ctx, s, n, o))
}

func (d shakyStorage) DestroySnapshot(ctx context.Context, s storage.Dataset, n storage.SnapshotName, o storage.SnapshotOptions) (storage.Change, error) {
	return d.shake(d.Driver.DestroySnapshot(ctx, s, n, o))
}

func (d shakyStorage) Destroy(ctx context.Context, s storage.Dataset, o storage.DestroyOptions) (storage.Change, error) {
	return d.shake(d.Driver.Destroy(ctx, s, o))
}

func (d shakyStorage) WriteFile(ctx context.Context, s storage.Dataset, name string, data []byte) (storage.Change, error) {
	return d.shake(d.Driver.WriteFile(ctx, s, name, data))
}

// shakySandbox is a sandbox.Driver whose effects may fail.
type shakySandbox struct {
	sandbox.Driver
	f *faults
}

func (d shakySandbox) Start(spec sandbox.Spec) ([]events.Effect, error) {
	all, err := d.Driver.Start(spec)
	for i, e := range all {
		if _, held := e.(sandbox.Held); held {
			all[i] = &shakyHeld{shaky{inner: e, faults: d.f}}
		} else {
			all[i] = d.f.wrap(e)
		}
	}
	return all, err
}

func (d shakySandbox) Listening(ctx context.Context, s sandbox.State, port uint16) (bool, error) {
	return d.Driver.(sandbox.Listener).Listening(ctx, s, port)
}

func (d shakySandbox) Exec(s sandbox.State, p sandbox.Process, stdio sandbox.Stdio) (sandbox.Session, error) {
	session, err := d.Driver.Exec(s, p, stdio)
	if err != nil {
		return nil, err
	}
	return &shakySession{shaky{inner: session, faults: d.f}, session}, nil
}
