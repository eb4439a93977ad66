package jail

import (
	"cmp"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"

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
	Jail     Name // empty: it is a default of the host
	Property string
	From     string `json:"-"` // config.None: nothing is set
	To       string `json:"-"` // as From
	Restart  bool   // the jail runs, and has to be restarted for it; of a default: jails that run have to be
}

// Set changes properties. All are checked first and written at once; a value that is empty, "-" or
// "none" takes the property's value away, also that of one that has no effect here. The result lists what
// changed; if nothing did it is skipped. What was so before is kept: see [Keeper.Versions].
func (k *Keeper) Set(name Name, properties map[string]string) events.Op[[]Changed] {
	p := &Set{Subject{name}, sorted(properties)}
	return events.New(p, func(s events.Step) ([]Changed, error) {
		changed, err := k.set(s, name, properties)
		return changed, asSkip("set", name, err)
	})
}

// SetAll changes the same properties of jails: of all of them, or of none.
func (k *Keeper) SetAll(names []Name, properties map[string]string) events.Op[[]Changed] {
	if len(names) == 1 {
		return k.Set(names[0], properties)
	}
	var mu sync.Mutex
	var all []Changed
	op := k.operate(several{
		verb: "set", names: names,
		first: func(events.Step) error {
			all = nil
			_, err := k.canonical(properties, nil) // once, and not of each
			return err
		},
		each: func(g *events.Group, t *tally, n *node) {
			add(g, t, n, events.Map(k.Set(n.name, properties), func(changed []Changed) []Changed {
				mu.Lock()
				defer mu.Unlock()
				all = append(all, changed...)
				return changed
			}))
		},
	})
	return events.Map(op, func(struct{}) []Changed {
		slices.SortFunc(all, func(a, b Changed) int {
			return cmp.Or(strings.Compare(string(a.Jail), string(b.Jail)), strings.Compare(a.Property, b.Property))
		})
		return all
	})
}

func sorted(properties map[string]string) []string { return slices.Sorted(maps.Keys(properties)) }

func (k *Keeper) set(s events.Step, name Name, properties map[string]string) ([]Changed, error) {
	if _, err := k.canonical(properties, nil); err != nil {
		return nil, err
	}
	if _, err := k.Enter(s, "set", Want{Dataset: storage.Jail(name)}); err != nil {
		return nil, err
	}
	i, err := k.Look(s.Context(), name)
	if err == nil {
		err = i.check("set")
	}
	if err != nil {
		return nil, err
	}
	data, changed, err := k.edit(i.Config, properties, i.alive)
	if err != nil {
		return nil, err
	}
	for n := range changed {
		changed[n].Jail = name
	}
	return changed, k.configure(s, &i, data.Encode(), changed)
}

// configure writes a jail's configuration, tells its file system, and keeps what it was before.
func (k *Keeper) configure(s events.Step, i *Info, file []byte, changed []Changed) error {
	jail := storage.Jail(i.Name)
	past, err := k.keep(s.Context(), i.Name)
	if err != nil {
		return err
	}
	before, err := k.Storage.WriteFile(s.Context(), jail, pastFile, past)
	if err != nil {
		return err
	}
	after, err := k.Storage.WriteFile(s.Context(), jail, configFile, file)
	if err != nil {
		return err
	}
	to := map[string]string{}
	for _, c := range changed {
		to[c.Property] = c.To
	}
	files, err := k.tune(s.Context(), i.Name, to)
	if err != nil {
		return err
	}
	limits, err := k.relimit(i, file, changed)
	if err != nil {
		return err
	}
	if err := k.Claim(s, "set", true, []storage.Dataset{jail}, nil); err != nil {
		return err
	}
	s.Result(changed)
	for _, c := range []storage.Change{files, before, after} {
		if err := c.Apply(s); err != nil {
			return err
		}
	}
	if limits == nil {
		return nil
	}
	return refused("set", i.Name, s.Apply(limits))
}

// edit gives a configuration with properties changed, and what changed; nothing is skipped. running: who has
// the configuration runs.
func (k *Keeper) edit(old *config.Data, properties map[string]string, running bool) (*config.Data, []Changed, error) {
	set, err := k.canonical(properties, old)
	if err != nil {
		return nil, nil, err
	}
	data := old.Clone()
	var changed []Changed
	for _, key := range sorted(set) {
		before, _ := data.Get(key)
		if before = orNone(before); before == set[key] {
			continue
		}
		p, _ := config.Lookup(key)
		if p.When == config.AtCreation && p.Works() {
			return nil, nil, fault.New("property", fault.Invalid, key, errors.New("it is chosen when the jail is created"))
		}
		changed = append(changed, Changed{Property: key, From: before, To: set[key], Restart: running && p.Works() && p.When == config.AtStart})
	}
	if len(changed) == 0 {
		return nil, nil, events.Skip("all of it is so")
	}
	return data, changed, write(data, set)
}

// canonical checks properties that somebody asks for, all of them before the first has an effect, and
// gives their values as they are written down. All that is wrong is in the error. What has no effect can be
// taken away from old; nil: it is not known yet whether it is there.
func (k *Keeper) canonical(properties map[string]string, old *config.Data) (map[string]string, error) {
	set := make(map[string]string, len(properties))
	var all []error
	for _, key := range sorted(properties) {
		p, err := config.Find(key)
		if err != nil {
			if _, there := old.Get(key); config.Unset(properties[key]) && (old == nil || there || errors.Is(err, fault.NotSupported)) &&
				!isIdentity(key) {
				set[key] = config.None
				continue
			}
			all = append(all, err)
			continue
		}
		if err := config.CheckZFS(key, properties[key]); err != nil {
			all = append(all, err)
			continue
		}
		if set[key], err = p.Type.Canonical(properties[key]); err != nil {
			all = append(all, fault.New("property", fault.Invalid, key, err))
			continue
		}
		if err := checkNetwork(key, set[key]); err != nil {
			all = append(all, err)
			continue
		}
		if set[key] != config.None {
			if err := k.supported(key); err != nil {
				all = append(all, err)
			}
			if err := meaning(key, set[key]); err != nil {
				all = append(all, err)
			}
		}
	}
	if len(all) == 1 {
		return nil, all[0]
	}
	return set, errors.Join(all...)
}
