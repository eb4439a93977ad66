package jail

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/libioc/ioc/config"
	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/network"
	"github.com/libioc/ioc/sandbox"
	"github.com/libioc/ioc/storage"
)

// Start is the payload of a jail's start.
type Start struct{ Subject }

// EventType is jail.start.
func (*Start) EventType() string { return "jail.start" }

// EventTitle is for people.
func (p *Start) EventTitle() string { return "start " + string(p.Jail) }

// Attach is the payload of the step whose effects make a jail run: the ones that its stop undoes.
type Attach struct {
	Subject
	Spec sandbox.Spec
}

// EventType is jail.attach.
func (*Attach) EventType() string { return "jail.attach" }

// EventTitle is for people.
func (p *Attach) EventTitle() string { return "attach " + string(p.Jail) }

// AppendAttrs lists what the jail is called inside and out.
func (p *Attach) AppendAttrs(dst []slog.Attr) []slog.Attr {
	return append(dst,
		slog.String("id", p.Spec.ID),             // what the kernel's objects of the jail are called
		slog.String("hostname", p.Spec.Hostname)) // in the jail
}

// Unused is the payload of a step that is skipped to say which properties have no effect.
type Unused struct {
	Subject
	Properties []string // their names
}

// EventType is jail.unused.
func (*Unused) EventType() string { return "jail.unused" }

// EventTitle is for people.
func (p *Unused) EventTitle() string { return "unused: " + strings.Join(p.Properties, ", ") }

// AppendAttrs lists the properties.
func (p *Unused) AppendAttrs(dst []slog.Attr) []slog.Attr {
	return append(dst, slog.String("properties", strings.Join(p.Properties, " ")))
}

// Start starts a jail, and before it those that it depends on and that do not run. One that runs is skipped, unless something has
// ended that has to run beside it, and is started again; one
// that is dead is cleaned up first. When it fails nothing of it is left, and all of them are as they were.
func (k *Keeper) Start(name Name) events.Op[sandbox.State] { return k.start(name, nil, k.dependencies) }

// startAlone starts a jail; what it depends on is its caller's business.
func (k *Keeper) startAlone(name Name) events.Op[sandbox.State] { return k.start(name, nil, alone) }

func alone(events.Step, *Info) error { return nil }

// start takes properties for the jail's own, and does first when it is known that the jail can be started.
func (k *Keeper) start(name Name, properties map[string]string, first func(events.Step, *Info) error) events.Op[sandbox.State] {
	return events.New(&Start{Subject{name}}, func(s events.Step) (sandbox.State, error) {
		if _, err := k.Enter(s, "start", Want{Dataset: storage.Jail(name)}); err != nil {
			return sandbox.State{}, err
		}
		i, err := k.Look(s.Context(), name)
		if err != nil {
			return sandbox.State{}, refused("start", name, err)
		}
		if i.alive {
			if done, err := k.attendTo(s, &i); done || err != nil {
				return i.Sandbox, err
			}
			return i.Sandbox, events.Skip("it is running")
		}
		if state, running := k.hasBegun(s, name); running {
			return state, events.Skip("it is running")
		}
		if err := k.settle(s, &i); err != nil {
			return sandbox.State{}, err
		}
		if err := i.check("start"); err != nil {
			return sandbox.State{}, err
		}
		if i.Config, err = k.instead(i.Config, properties); err != nil {
			return sandbox.State{}, refused("start", name, err)
		}
		if err := first(s, &i); err != nil {
			return sandbox.State{}, refused("start", name, err)
		}
		spec, err := k.spec(s.Context(), &i)
		if err != nil {
			return sandbox.State{}, err
		}
		var state sandbox.State
		plan, err := k.connect(s.Context(), &i, &spec, &state)
		if err != nil {
			return sandbox.State{}, err
		}
		shared, err := k.share(s.Context(), &i, spec.ID)
		if err != nil {
			return sandbox.State{}, err
		}
		plan.After = append(plan.After, shared...)
		if err := sayUnused(s, &i); err != nil {
			return sandbox.State{}, err
		}
		if err := sayWithout(s, &i, plan.Without); err != nil {
			return sandbox.State{}, err
		}
		if err := k.attach(s, &i, spec, plan, &state); err != nil {
			return sandbox.State{}, refused("start", name, err)
		}
		k.begun.note(s, name, state)
		if err := k.begin(s, &i, spec.Root.Dir, state); err != nil {
			return state, err
		}
		return state, k.ready(s, &i, state)
	})
}

// instead is a configuration in which properties have other values.
func (k *Keeper) instead(c *config.Data, properties map[string]string) (*config.Data, error) {
	if len(properties) == 0 {
		return c, nil
	}
	changed, _, err := k.edit(c, properties, false)
	if _, same := errors.AsType[*events.SkipError](err); same {
		return c, nil
	}
	return changed, err
}

// begin runs the commands of a jail that is there. Until the start stands, prestop and exec_stop are what takes back
// poststart and exec_start.
func (k *Keeper) begin(s events.Step, i *Info, root string, state sandbox.State) error {
	env := k.environment(i, func() string { return root }, state)
	if err := k.hostHook(s, i, env, "exec_created"); err != nil {
		return err
	}
	if err := k.hook(s, i, state, env, "exec_start"); err != nil {
		return err
	}
	if i.value("exec_stop") != "" {
		s.OnRollback("exec_stop", func(s events.Step) error {
			_ = k.hook(s, i, state, env, "exec_stop") // it is in the stream, and the jail is ended next
			return nil
		})
	}
	if around := k.around(i, env, "exec_poststart", "exec_prestop"); around != nil && around.First.Command != "" {
		return s.Apply(around)
	}
	return nil
}

// attach makes the jail run and retains what that took. What others need of the jail is there before it is, and what
// needs the jail comes after.
func (k *Keeper) attach(s events.Step, i *Info, spec sandbox.Spec, plan network.Plan, state *sandbox.State) error {
	name := i.Name
	effects, err := k.Sandbox.Start(spec)
	if err != nil {
		return err
	}
	before := plan.Before
	if around := k.around(i, k.environment(i, func() string { return spec.Root.Dir }, *state), "exec_prestart", "exec_poststop"); around != nil {
		before = append([]events.Effect{around}, before...)
	}
	return s.Do(&Attach{Subject{name}, spec}, func(s events.Step) error {
		if err := s.Retain(Key(name)); err != nil {
			return err
		}
		if err := k.Claim(s, "start", false, []storage.Dataset{storage.Jail(name)}, nil); err != nil {
			return err
		}
		for _, e := range slices.Concat(before, effects, plan.After) {
			if err := s.Apply(e); err != nil {
				return err
			}
			if held, ok := e.(sandbox.Held); ok {
				*state = held.State()
			}
		}
		if state.ID == "" {
			return fault.New("", fault.Internal, "sandbox", errors.New("no effect of the start holds the jail"))
		}
		return nil
	})
}

// sayUnused puts what has no effect into the stream: it is not refused, because it was not asked for
// here, and not silently ignored.
func sayUnused(s events.Step, i *Info) error {
	all := i.unused()
	if len(all) == 0 {
		return nil
	}
	return s.Do(&Unused{Subject{i.Name}, all}, func(events.Step) error {
		told := make([]string, 0, len(all))
		for _, name := range all {
			if _, known := config.Lookup(name); !known && config.Nearest(name) != "" {
				name += " (did you mean " + config.Nearest(name) + "?)"
			}
			told = append(told, name)
		}
		return events.Skip(fmt.Sprintf("no effect on this host: %s", strings.Join(told, ", ")))
	})
}

// refused introduces an error by what was tried on which jail.
func refused(op string, name Name, err error) error {
	if err == nil {
		return nil
	}
	return fault.New(op, fault.Unknown, string(name), err)
}
