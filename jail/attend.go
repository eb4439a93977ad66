package jail

import (
	"context"
	"errors"
	"strings"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/network"
	"github.com/libioc/ioc/storage"
)

// Attend is the payload of starting again what has to run beside a running jail and has ended.
type Attend struct{ Subject }

// EventType is jail.attend.
func (*Attend) EventType() string { return "jail.attend" }

// EventTitle is for people.
func (p *Attend) EventTitle() string {
	return "start again what has ended beside " + string(p.Jail)
}

// attendants are the effects of a start whose processes have to run as long as the jail does: of several in one place the last.
func attendants(kept *Kept) []network.Attendant {
	var all []network.Attendant
	at := map[string]int{}
	for _, e := range kept.Effects {
		a, ok := e.(network.Attendant)
		if !ok {
			continue
		}
		place := a.EventType() + " " + keyOf(a)
		if n, again := at[place]; again {
			all[n] = a
			continue
		}
		at[place] = len(all)
		all = append(all, a)
	}
	return all
}

func keyOf(p events.Payload) string {
	if k, ok := p.(interface{ EventKey() string }); ok {
		return k.EventKey()
	}
	return ""
}

// unattended are those of a running jail whose processes have ended.
func (i *Info) unattended(ctx context.Context) (all []network.Attendant, err error) {
	if !i.alive {
		return nil, nil
	}
	for _, a := range i.attendants {
		lives, look := a.Attends(ctx)
		if look != nil {
			err = errors.Join(err, look)
		} else if !lives {
			all = append(all, a)
		}
	}
	return all, err
}

// lacks tells whether something has to be started again beside a jail.
func (i *Info) lacks(ctx context.Context) bool {
	all, err := i.unattended(ctx)
	return len(all) > 0 && err == nil
}

// missing names what that is.
func (i *Info) missing(ctx context.Context) string {
	all, err := i.unattended(ctx)
	if err != nil {
		return err.Error()
	}
	var words []string
	for _, a := range all {
		word := a.EventType()
		if t, ok := a.(interface{ EventTitle() string }); ok {
			word = t.EventTitle()
		}
		words = append(words, word)
	}
	return "the process has ended that was started to " + strings.Join(words, ", and the one to ")
}

// attend is the operation that starts again what has ended beside a running jail.
func (k *Keeper) attend(name Name) events.Op[struct{}] {
	return events.New(&Attend{Subject{name}}, func(s events.Step) (none struct{}, err error) {
		if _, err := k.Enter(s, "attend", Want{Dataset: storage.Jail(name)}); err != nil {
			return none, err
		}
		i, err := k.Look(s.Context(), name)
		if err != nil {
			return none, refused("attend", name, err)
		}
		done, err := k.attendTo(s, &i)
		if err == nil && !done {
			err = events.Skip("all of it runs")
		}
		return none, err
	})
}

// attendTo does that for who has entered already.
func (k *Keeper) attendTo(s events.Step, i *Info) (done bool, err error) {
	all, err := i.unattended(s.Context())
	if err != nil || len(all) == 0 {
		return false, refused("attend", i.Name, err)
	}
	again := make([]events.Effect, 0, len(all))
	for _, a := range all {
		e, err := a.Again(k.inside(&i.Sandbox))
		if err != nil {
			return false, refused("attend", i.Name, err)
		}
		again = append(again, e)
	}
	if err := k.Claim(s, "attend", false, []storage.Dataset{storage.Jail(i.Name)}, nil); err != nil {
		return false, err
	}
	return true, refused("attend", i.Name, s.Do(&Attaching{Subject{i.Name}}, func(s events.Step) error {
		if err := s.Extend(Key(i.Name)); err != nil {
			return err
		}
		for _, e := range again {
			if err := s.Apply(e); err != nil {
				return err
			}
		}
		return nil
	}))
}

// Attaching is the payload of the step whose effects join those that make a jail run.
type Attaching struct{ Subject }

// EventType is jail.attach-again.
func (*Attaching) EventType() string { return "jail.attach-again" }

// EventTitle is for people.
func (p *Attaching) EventTitle() string { return "keep it until " + string(p.Jail) + " is stopped" }

// attending mends a jail beside which something has ended.
type attending struct {
	k    *Keeper
	jail Name
}

// Apply looks again: it may have been started or stopped meanwhile.
func (m attending) Apply(s events.Step) error {
	i, err := m.k.Look(s.Context(), m.jail)
	if errors.Is(err, fault.NotFound) || err == nil && !i.alive {
		return nil
	}
	if err == nil {
		_, err = m.k.attendTo(s, &i)
	}
	return err
}
