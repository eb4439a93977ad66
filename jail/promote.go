package jail

import (
	"context"
	"errors"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/storage"
)

// Promote is the payload of a promotion.
type Promote struct{ Subject }

// EventType is jail.promote.
func (*Promote) EventType() string { return "jail.promote" }

// EventTitle is for people.
func (p *Promote) EventTitle() string { return "promote " + string(p.Jail) }

// Promote makes a clone the owner of what it shares with the jail it was cloned from, which then depends on
// it. One that shares nothing with a jail is skipped. Either may run.
func (k *Keeper) Promote(jail Name) events.Op[struct{}] {
	return events.New(&Promote{Subject{jail}}, func(s events.Step) (none struct{}, err error) {
		const op = "promote"
		d := storage.Jail(jail)
		driver, can := k.Storage.(storage.Promoter)
		if !can {
			return none, refused(op, jail, fault.Unsupported("a clone that depends on another jail", "ZFS"))
		}
		wants := []Want{{Dataset: d}}
		if i, err := k.Storage.Stat(s.Context(), d); err == nil && i.Origin.Dataset.Kind == storage.Jails {
			wants = append(wants, Want{Dataset: i.Origin.Dataset})
		}
		if _, err := k.Enter(s, op, wants...); err != nil {
			return none, err
		}
		c, err := driver.Promote(s.Context(), d)
		if err != nil {
			return none, refused(op, jail, err)
		}
		if len(c.Do) == 0 {
			return none, events.Skip("it depends on no other jail")
		}
		own := make([]storage.Dataset, 0, len(wants))
		for _, w := range wants {
			own = append(own, w.Dataset)
		}
		if err := k.Claim(s, op, true, own, nil); err != nil {
			return none, err
		}
		return none, refused(op, jail, c.Apply(s))
	})
}

// Protect is the payload of keeping a jail's files for the case that an operation fails.
type Protect struct{ Subject }

// EventType is jail.protect.
func (*Protect) EventType() string { return "jail.protect" }

// EventTitle is for people.
func (p *Protect) EventTitle() string { return "protect the files of " + string(p.Jail) }

// Protect brings a stopped jail's files back to what they are now if the operation that calls this one fails.
func (k *Keeper) Protect(jail Name) events.Op[struct{}] {
	return events.New(&Protect{Subject{jail}}, func(s events.Step) (none struct{}, err error) {
		driver, can := k.Storage.(storage.Guarder)
		if !can {
			return none, fault.New("protect", fault.NotSupported, string(jail), errors.New("its storage cannot")).
				WithRemedy("take a snapshot, and roll back to it when the rest has failed")
		}
		return none, k.change(s, "protect", jail, func(ctx context.Context, running bool) (storage.Change, error) {
			return driver.Guard(ctx, storage.Jail(jail), storage.GuardOptions{Running: running})
		})
	})
}
