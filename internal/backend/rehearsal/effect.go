package rehearsal

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/sandbox"
)

// Stage holds the effects of one rehearsal.
type Stage struct {
	mu    sync.Mutex
	all   []*part
	ended map[string]bool // by State.Run of jails: false while they run
}

// New returns a stage on which nothing has happened.
func New() *Stage { return &Stage{ended: map[string]bool{}} }

// part is an effect that somebody has planned and nobody does.
type part struct {
	Number int // on its stage

	shown    events.Payload
	do, undo func(context.Context) error
	state    sandbox.State // of one that holds a jail
}

// Effect is a part whose steps look like those of the effect that it stands for.
type Effect struct{ part }

// Held is the part of the effect that holds a jail.
type Held struct{ part }

var _ sandbox.Held = (*Held)(nil)

// Register makes the effects on x known, and gives those that are decoded what they do on x.
func (x *Stage) Register(r *events.Registry) {
	events.Register[Effect](r, "rehearsal.effect.v1", events.Bind(func(e *Effect) { e.part = x.part(e.Number) }))
	events.Register[Held](r, "rehearsal.held.v1", events.Bind(func(e *Held) { e.part = x.part(e.Number) }))
	events.Register[Session](r, "rehearsal.session.v1", events.Bind(func(e *Session) { e.part = x.part(e.Number) }))
}

func (x *Stage) part(n int) part {
	x.mu.Lock()
	defer x.mu.Unlock()
	if n < 0 || n >= len(x.all) {
		return part{Number: n, shown: &events.Named{Type: "rehearsal.effect"}, undo: func(context.Context) error { return errors.New("it is of another rehearsal") }}
	}
	return *x.all[n]
}

func (x *Stage) add(p part) part {
	x.mu.Lock()
	defer x.mu.Unlock()
	p.Number = len(x.all)
	x.all = append(x.all, &p)
	return p
}

func nothing(context.Context) error { return nil }

// plain stands for e.
func (x *Stage) plain(e events.Payload) events.Effect {
	return &Effect{x.add(part{shown: e, do: nothing, undo: nothing})}
}

// play shows the effects of shown and does those of done.
func (x *Stage) play(shown, done []events.Effect) []events.Effect {
	if len(shown) == 0 {
		shown = done
	}
	var all []events.Effect
	for n, e := range shown {
		p := part{shown: e, do: nothing, undo: nothing}
		if n == len(shown)-1 {
			p.do = func(ctx context.Context) error { return each(ctx, done, events.Effect.Do) }
			p.undo = func(ctx context.Context) error {
				back := slices.Clone(done)
				slices.Reverse(back)
				return each(ctx, back, events.Effect.Undo)
			}
		}
		all = append(all, &Effect{x.add(p)})
	}
	return all
}

func each(ctx context.Context, all []events.Effect, f func(events.Effect, context.Context) error) error {
	for _, e := range all {
		if err := f(e, ctx); err != nil {
			return err
		}
	}
	return nil
}

// Retained stands for an effect that a running jail retains.
func (x *Stage) Retained(e events.Effect) events.Effect {
	if held, ok := e.(sandbox.Held); ok {
		return x.hold(e, held.State(), nothing)
	}
	return x.plain(e)
}

// hold stands for the effect that holds a jail.
func (x *Stage) hold(e events.Payload, s sandbox.State, do func(context.Context) error) *Held {
	return &Held{x.add(part{shown: e, state: s, do: do, undo: func(context.Context) error {
		x.end(s, true)
		return nil
	}})}
}

func (x *Stage) end(s sandbox.State, ended bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.ended[s.Run] = ended
}

// State is the jail's.
func (e *Held) State() sandbox.State { return e.state }

// EventType is that of the effect.
func (p *part) EventType() string { return p.shown.EventType() }

// EventKey is that of the effect.
func (p *part) EventKey() string {
	if k, ok := p.shown.(interface{ EventKey() string }); ok {
		return k.EventKey()
	}
	return ""
}

// EventTitle is that of the effect.
func (p *part) EventTitle() string {
	if t, ok := p.shown.(interface{ EventTitle() string }); ok {
		return t.EventTitle()
	}
	return ""
}

// AppendAttrs lists those of the effect.
func (p *part) AppendAttrs(dst []slog.Attr) []slog.Attr {
	if a, ok := p.shown.(events.Attrs); ok {
		return a.AppendAttrs(dst)
	}
	return dst
}

// Volatile is true: all of it ends with the process.
func (*part) Volatile() bool { return true }

// Do changes the picture.
func (p *part) Do(ctx context.Context) error { return p.do(ctx) }

// Undo changes it back.
func (p *part) Undo(ctx context.Context) error { return p.undo(ctx) }
