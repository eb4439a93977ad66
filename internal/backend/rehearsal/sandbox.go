package rehearsal

import (
	"context"
	"os"
	"syscall"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/network"
	"github.com/libioc/ioc/sandbox"
)

// Sandbox gives a driver that plans as d does. A jail whose start was rehearsed listens on every port and has every file.
func (x *Stage) Sandbox(d sandbox.Driver) sandbox.Driver {
	k := kernel{x, d}
	if l, ok := d.(sandbox.Limiter); ok {
		return limited{k, l}
	}
	return k
}

type kernel struct {
	x *Stage
	d sandbox.Driver
}

var (
	_ sandbox.Driver   = kernel{}
	_ sandbox.Listener = kernel{}
	_ sandbox.Finder   = kernel{}
)

func (k kernel) Features() sandbox.Features { return k.d.Features() }

func (k kernel) Start(spec sandbox.Spec) ([]events.Effect, error) {
	effects, err := k.d.Start(spec)
	if err != nil {
		return nil, err
	}
	var all []events.Effect
	for _, e := range effects {
		held, ok := e.(sandbox.Held)
		if !ok {
			all = append(all, k.x.plain(e))
			continue
		}
		state := held.State()
		all = append(all, k.x.hold(e, state, func(context.Context) error {
			k.x.end(state, false)
			return nil
		}))
	}
	return all, nil
}

func (k kernel) Status(ctx context.Context, s sandbox.State) (sandbox.Status, error) {
	k.x.mu.Lock()
	ended, known := k.x.ended[s.Run]
	k.x.mu.Unlock()
	switch {
	case !known:
		return k.d.Status(ctx, s)
	case ended:
		return sandbox.Gone, nil
	default:
		return sandbox.Running, nil
	}
}

// Signal ends the jail: nothing in it refuses to.
func (k kernel) Signal(_ context.Context, s sandbox.State, _ syscall.Signal) error {
	k.x.end(s, true)
	return nil
}

func (kernel) Wait(ctx context.Context, _ sandbox.State) (sandbox.Exit, error) {
	return sandbox.Exit{Known: true}, ctx.Err()
}

func (kernel) Listening(context.Context, sandbox.State, uint16) (bool, error) { return true, nil }

func (kernel) Exists(context.Context, sandbox.State, string) (bool, error) { return true, nil }

func (k kernel) Exec(s sandbox.State, p sandbox.Process, stdio sandbox.Stdio) (sandbox.Session, error) {
	if err := p.Validate(); err != nil {
		return nil, err
	}
	var shown events.Payload = &events.Named{Type: "sandbox.exec", Key: s.ID, Title: "exec " + p.Args[0]}
	if e, err := k.d.Exec(s, p, stdio); err == nil {
		shown = e
	}
	return &Session{k.x.add(part{shown: shown, do: nothing, undo: nothing})}, nil
}

// Session stands for a process in a jail, which ends at once and well.
type Session struct{ part }

var _ sandbox.Session = (*Session)(nil)

// Wait tells that it has ended well.
func (*Session) Wait(ctx context.Context) (sandbox.Exit, error) {
	return sandbox.Exit{Known: true}, ctx.Err()
}

// Signal finds nothing.
func (*Session) Signal(syscall.Signal) error { return nil }

// Terminal is nil.
func (*Session) Terminal() *os.File { return nil }

// Resize does nothing.
func (*Session) Resize(sandbox.Size) error { return nil }

// Close does nothing.
func (*Session) Close() error { return nil }

// limited can change the limits of a jail, as the driver can.
type limited struct {
	kernel
	sandbox.Limiter
}

func (l limited) Limit(s sandbox.State, r sandbox.Resources) (events.Effect, error) {
	e, err := l.Limiter.Limit(s, r)
	if err != nil || e == nil {
		return nil, err
	}
	return l.x.plain(e), nil
}

// Network gives a driver that plans as d does.
func (x *Stage) Network(d network.Driver) network.Driver { return wires{x, d} }

type wires struct {
	x *Stage
	d network.Driver
}

func (w wires) Features() network.Features { return w.d.Features() }

func (w wires) Plan(ctx context.Context, spec network.Spec, inside network.Inside) (network.Plan, error) {
	p, err := w.d.Plan(ctx, spec, inside)
	for _, all := range [][]events.Effect{p.Before, p.After} {
		for n, e := range all {
			all[n] = w.x.plain(e)
		}
	}
	return p, err
}
