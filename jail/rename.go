package jail

import (
	"errors"
	"log/slog"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/storage"
)

// Rename is the payload of a change of a jail's name.
type Rename struct {
	Subject
	To Name // the new name
}

// EventType is jail.rename.
func (*Rename) EventType() string { return "jail.rename" }

// EventTitle is for people.
func (p *Rename) EventTitle() string { return "rename " + string(p.Jail) + " to " + string(p.To) }

// AppendAttrs lists the new name.
func (p *Rename) AppendAttrs(dst []slog.Attr) []slog.Attr {
	return append(dst, slog.String("to", string(p.To)))
}

// Rename gives a stopped jail another name. Its files, snapshots and configuration move at once; its
// host name follows if it was not configured. A jail that runs is refused: the kernel knows it by its name.
func (k *Keeper) Rename(from, to Name) events.Op[struct{}] {
	return events.New(&Rename{Subject{from}, to}, func(s events.Step) (none struct{}, err error) {
		if from == to {
			return none, fault.New("rename", fault.Invalid, string(from), errors.New("that is its name"))
		}
		if err := free("rename", to); err != nil {
			return none, err
		}
		a, b := storage.Jail(from), storage.Jail(to)
		if _, err := k.Enter(s, "rename", Want{Dataset: a}, Want{Dataset: b}); err != nil {
			return none, err
		}
		i, err := k.Look(s.Context(), from)
		if err != nil {
			return none, refused("rename", from, err)
		}
		if i.alive {
			return none, isRunning("rename", from)
		}
		// What is retained is found by the name, and so would be lost; nothing is to be found under the new one.
		if err := k.settle(s, &i); err != nil {
			return none, err
		}
		if _, err := k.Look(s.Context(), to); !errors.Is(err, fault.NotFound) {
			if err == nil {
				err = errors.New("there is a jail of that name")
			}
			return none, refused("rename", from, fault.New("", fault.Exists, string(to), err).
				WithRemedy("choose another name, or destroy it first"))
		}
		plan, err := k.Storage.Rename(s.Context(), a, b, storage.RenameOptions{})
		if err != nil {
			return none, refused("rename", from, err)
		}
		if err := k.Claim(s, "rename", true, []storage.Dataset{a, b}, nil); err != nil {
			return none, err
		}
		return none, refused("rename", from, plan.Apply(s))
	})
}
