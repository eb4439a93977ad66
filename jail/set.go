package jail

import (
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strings"

	"github.com/libioc/ioc/config"
	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/storage"
)

// Set is the payload of a change of properties.
type Set struct {
	Subject
	Properties []string // sorted
}

// EventType is jail.set.
func (*Set) EventType() string { return "jail.set" }

// EventTitle is for people. It does not show values, which may be secrets.
func (p *Set) EventTitle() string {
	return "set " + strings.Join(p.Properties, ", ") + " of " + string(p.Jail)
}

// AppendAttrs lists the properties.
func (p *Set) AppendAttrs(dst []slog.Attr) []slog.Attr {
	return append(dst, slog.String("properties", strings.Join(p.Properties, " ")))
}

// Changed is a property that has another value than before. An event does not tell the values, which may
// be secrets: streams are kept.
type Changed struct {
	Property string
	From     string `json:"-"` // config.None: nothing is set
	To       string `json:"-"` // as From
	Restart  bool   // the jail runs, and has to be restarted for it
}

// Set changes properties. All are checked first and written at once; a value that is empty, "-" or
// "none" takes the property's value away. The result lists what changed; if nothing did it is skipped.
func (k *Keeper) Set(name Name, properties map[string]string) events.Op[[]Changed] {
	p := &Set{Subject{name}, slices.Sorted(maps.Keys(properties))}
	return events.New(p, func(s events.Step) ([]Changed, error) {
		changed, err := k.set(s, name, properties)
		return changed, asSkip("set", name, err)
	})
}

func (k *Keeper) set(s events.Step, name Name, properties map[string]string) ([]Changed, error) {
	set, err := k.canonical(properties)
	if err != nil {
		return nil, err
	}
	jail := storage.Jail(name)
	if _, err := k.Enter(s, "set", Want{Dataset: jail}); err != nil {
		return nil, err
	}
	i, err := k.Look(s.Context(), name)
	if err == nil {
		err = i.check("set")
	}
	if err != nil {
		return nil, err
	}
	data := i.Config.Clone()
	var changed []Changed
	for _, key := range slices.Sorted(maps.Keys(set)) {
		p, err := config.Find(key)
		if err != nil {
			return nil, err
		}
		before, _ := data.Get(key)
		if before = orNone(before); before == set[key] {
			continue
		}
		if p.When == config.AtCreation {
			return nil, fault.New("property", fault.Invalid, key, errors.New("it is chosen when the jail is created"))
		}
		changed = append(changed, Changed{key, before, set[key], i.alive && p.When == config.AtStart})
	}
	if len(changed) == 0 {
		return nil, events.Skip("all of it is so")
	}
	if err := write(data, set); err != nil {
		return nil, err
	}
	plan, err := k.Storage.WriteFile(s.Context(), jail, configFile, data.Encode())
	if err != nil {
		return nil, err
	}
	if err := k.Claim(s, "set", true, []storage.Dataset{jail}, nil); err != nil {
		return nil, err
	}
	s.Result(changed)
	return changed, plan.Apply(s)
}

// canonical checks properties that somebody asks for, all of them before the first has an effect, and
// gives their values as they are written down. All that is wrong is in the error.
func (k *Keeper) canonical(properties map[string]string) (map[string]string, error) {
	set := make(map[string]string, len(properties))
	var all []error
	for _, key := range slices.Sorted(maps.Keys(properties)) {
		p, err := config.Find(key)
		if err != nil {
			all = append(all, err)
			continue
		}
		if set[key], err = p.Type.Canonical(properties[key]); err != nil {
			all = append(all, fault.New("property", fault.Invalid, key, err))
			continue
		}
		if set[key] != config.None {
			if err := k.supported(key); err != nil {
				all = append(all, err)
			}
		}
	}
	if len(all) == 1 {
		return nil, all[0]
	}
	return set, errors.Join(all...)
}
