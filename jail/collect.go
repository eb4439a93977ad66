package jail

import (
	"errors"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/storage"
)

// Collect is the payload of looking for what no jail's files stand on any more.
type Collect struct{}

// EventType is jail.collect.
func (*Collect) EventType() string { return "jail.collect" }

// EventTitle is for people.
func (*Collect) EventTitle() string { return "look for files that no jail uses" }

// Collect removes, after the commit, what was left by jails that were destroyed although nobody could read what
// they were made of. No dead operation may be left. While a jail is in use by another operation nothing is removed:
// that may be about to use it. collected is false if there is nothing, and then nothing is seen of it.
func (k *Keeper) Collect(s events.Step) (collected bool, err error) {
	c, ok := k.Storage.(storage.Collector)
	if !ok {
		return false, nil
	}
	if plan, err := c.Collect(s.Context()); err != nil || len(plan.After) == 0 {
		return false, err
	}
	err = s.Do(&Collect{}, func(s events.Step) error {
		all, err := k.Storage.List(s.Context(), storage.Jails)
		if err != nil {
			return err
		}
		for _, i := range all {
			release, err := k.Locks.Take(i.Dataset.String(), false, "recover", s.Run())
			if errors.Is(err, fault.Busy) {
				return events.Skip(named("recover", i.Dataset, err).Error())
			}
			if err != nil {
				return err
			}
			s.Hold(release)
		}
		plan, err := c.Collect(s.Context())
		if err == nil {
			collected, err = len(plan.After) > 0, plan.Apply(s)
		}
		return err
	})
	return collected, err
}
