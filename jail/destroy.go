package jail

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/storage"
)

// DestroyOptions say what may be destroyed.
type DestroyOptions struct {
	Force  bool // stop it first if it runs, without asking it
	Clones bool // destroy the jails that depend on it, too, where the storage lets them
}

// Destroy is the payload of a jail's end.
type Destroy struct {
	Subject
	Force bool // it is stopped first if it runs
}

// EventType is jail.destroy.
func (*Destroy) EventType() string { return "jail.destroy" }

// EventTitle is for people.
func (p *Destroy) EventTitle() string { return "destroy " + string(p.Jail) }

// AppendAttrs lists the options.
func (p *Destroy) AppendAttrs(dst []slog.Attr) []slog.Attr {
	return append(dst, slog.Bool("force", p.Force))
}

// Destroy ends a jail with its snapshots and configuration: it is moved out of sight, which can be
// undone, and deleted after the commit. A broken one can be destroyed. One that runs is refused without
// Force; a stop by Force is not undone when the rest fails.
func (k *Keeper) Destroy(name Name, o DestroyOptions) events.Op[struct{}] {
	return events.New(&Destroy{Subject{name}, o.Force}, func(s events.Step) (none struct{}, err error) {
		jail := storage.Jail(name)
		if _, err := k.Enter(s, "destroy", Want{Dataset: jail}); err != nil {
			return none, err
		}
		i, err := k.outside(s.Context(), name)
		if err != nil {
			return none, refused("destroy", name, err)
		}
		if i.alive && !o.Force {
			return none, isRunning("destroy", name)
		}
		plan, err := k.Storage.Destroy(s.Context(), jail, storage.DestroyOptions{})
		gone := i.started && errors.Is(err, fault.NotFound) // all that is left of it is what its start did
		if err != nil && !gone {
			return none, refused("destroy", name, k.missing(s.Context(), name, err))
		}
		if i.started {
			if err := k.stop(s, &i, StopOptions{Force: true}); err != nil || gone {
				return none, err
			}
		}
		if err := k.Claim(s, "destroy", true, []storage.Dataset{jail}, nil); err != nil {
			return none, err
		}
		return none, refused("destroy", name, plan.Apply(s))
	})
}

// isRunning refuses what cannot be done to a running jail.
func isRunning(op string, name Name) error {
	return fault.New(op, fault.Busy, string(name), errors.New("it is running")).
		WithRemedy(fmt.Sprintf("stop %s first", name))
}
