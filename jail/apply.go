package jail

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"

	"github.com/libioc/ioc/config"
	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/internal/format/fstab"
	"github.com/libioc/ioc/release"
	"github.com/libioc/ioc/storage"
)

// Desired is what a jail is to be like.
type Desired struct {
	Name       Name
	Release    storage.Name      // what it is made from; empty: the default release, or Clone
	Clone      Name              // the jail that it is made from
	Properties map[string]string // all of its configuration
	Fstab      *string           // nil: it is left as it is
	Run        bool              // it is to run
	Stay       bool              // whether it runs is left as it is
}

// ApplyOptions say how a host is made to match.
type ApplyOptions struct {
	Prune  bool // destroy the jails that are not among those desired
	DryRun bool // change nothing: every step that would be done is skipped
}

// Apply is the payload of making the jails of a host what they are to be.
type Apply struct {
	Jails  int  // how many are desired
	Prune  bool // others are destroyed
	DryRun bool // nothing is changed
}

// EventType is jail.apply.
func (*Apply) EventType() string { return "jail.apply" }

// EventTitle is for people.
func (p *Apply) EventTitle() string {
	if p.DryRun {
		return fmt.Sprintf("apply %d jails, dry run", p.Jails)
	}
	return fmt.Sprintf("apply %d jails", p.Jails)
}

// AppendAttrs lists the options.
func (p *Apply) AppendAttrs(dst []slog.Attr) []slog.Attr {
	return append(dst, slog.Int("jails", p.Jails), slog.Bool("prune", p.Prune), slog.Bool("dry_run", p.DryRun))
}

// SetFstab is the payload of a jail's fstab being written.
type SetFstab struct{ Subject }

// EventType is jail.set-fstab.
func (*SetFstab) EventType() string { return "jail.set-fstab" }

// EventTitle is for people.
func (p *SetFstab) EventTitle() string { return "write fstab of " + string(p.Jail) }

// action is a step of making a host match.
type action struct {
	payload events.Payload
	run     func(s events.Step) error
}

func act[T any](op events.Op[T]) action {
	return action{op.Payload(), func(s events.Step) error {
		_, err := events.Call(s, op)
		return err
	}}
}

// Apply makes, changes, starts, stops and, with o.Prune, destroys jails until they are what all says. It is one
// operation: if a part of it fails the rest is undone, and jails that were restarted or stopped are started again with the
// configuration that they had, by the next process if this one dies. If all is so already it is skipped.
func (k *Keeper) Apply(all []Desired, o ApplyOptions) events.Op[struct{}] {
	return events.New(&Apply{len(all), o.Prune, o.DryRun}, func(s events.Step) (none struct{}, err error) {
		var wants []Want
		for _, d := range all {
			wants = append(wants, Want{Dataset: storage.Jail(d.Name), Shared: o.DryRun})
		}
		if o.Prune {
			list, err := k.List(s.Context())
			if err != nil {
				return none, err
			}
			for _, i := range list {
				if !slices.ContainsFunc(all, func(d Desired) bool { return d.Name == i.Name }) {
					wants = append(wants, Want{Dataset: storage.Jail(i.Name), Shared: o.DryRun})
				}
			}
		}
		if _, err := k.Enter(s, "apply", wants...); err != nil {
			return none, err
		}
		if o.DryRun {
			return none, k.rehearse(s, all, o)
		}
		plan, err := k.match(s.Context(), all, o)
		if err != nil {
			return none, err
		}
		if len(plan.steps)+len(plan.start)+len(plan.restart)+len(plan.last) == 0 {
			return none, events.Skip("all of it is so")
		}
		return none, plan.carryOut(s, k)
	})
}

// match is what has to be done.
type match struct {
	steps     []action // they can be undone
	start     []Name   // together with restart, after steps
	restart   []Name
	disturbed []Name // run now, and will not all the time
	last      []action
}

// match compares what is with what is to be.
func (k *Keeper) match(ctx context.Context, all []Desired, o ApplyOptions) (m match, err error) {
	list, err := k.List(ctx)
	if err != nil {
		return m, err
	}
	there := make(map[Name]*Info, len(list))
	for i := range list {
		there[list[i].Name] = &list[i]
	}
	desired := make(map[Name]bool, len(all))
	var wrong []error
	var stops []Name
	for _, d := range all {
		desired[d.Name] = true
		i := there[d.Name]
		if i == nil {
			wrong = append(wrong, k.bring(&m, d))
		} else {
			wrong = append(wrong, k.adapt(ctx, &m, i, d))
		}
		switch alive := i != nil && i.alive; {
		case d.Stay:
		case d.Run && !alive:
			m.start = append(m.start, d.Name)
		case !d.Run && alive:
			stops = append(stops, d.Name)
		}
	}
	m.disturbed = append(m.disturbed, stops...)
	if len(stops) > 0 {
		m.last = append(m.last, act(k.StopAll(stops, StopOptions{}, SeveralOptions{})))
	}
	if o.Prune {
		var gone []Name
		for _, i := range list {
			if !desired[i.Name] {
				gone = append(gone, i.Name)
				if i.alive {
					m.disturbed = append(m.disturbed, i.Name)
				}
			}
		}
		if len(gone) > 0 {
			m.last = append(m.last, act(k.DestroyAll(gone, DestroyOptions{Force: true})))
		}
	}
	return m, errors.Join(wrong...)
}

// bring plans a jail that is not there.
func (k *Keeper) bring(m *match, d Desired) error {
	o := CreateOptions{Release: d.Release, Properties: d.Properties}
	if d.Clone != "" {
		o.Source = storage.Jail(d.Clone).Now()
	}
	if _, err := k.canonical(d.Properties, &config.Data{}); err != nil {
		return refused("create", d.Name, err)
	}
	if err := d.checkFstab(&Info{}, ""); err != nil {
		return err
	}
	m.steps = append(m.steps, act(k.Create(d.Name, o)))
	if d.Clone != "" { // what the other is configured to be is not what this one is to be
		m.steps = append(m.steps, action{&Set{Subject{d.Name}, nil}, func(s events.Step) error {
			i, err := k.Look(s.Context(), d.Name)
			if err != nil {
				return err
			}
			if changes := difference(&i, d); len(changes) > 0 {
				_, err = events.Call(s, k.Set(d.Name, changes))
			}
			return err
		}})
	}
	if d.Fstab != nil && *d.Fstab != "" {
		m.steps = append(m.steps, act(k.setFstab(d.Name, *d.Fstab)))
	}
	return nil
}

// difference is what has to be set so that i is configured as d says and in no other way.
func difference(i *Info, d Desired) map[string]string {
	changes := map[string]string{}
	for key, value := range d.Properties {
		if is, _ := i.Config.Get(key); orNone(is) != orNone(value) {
			changes[key] = value
		}
	}
	for _, key := range i.Config.Keys() {
		is, _ := i.Config.Get(key)
		p, known := config.Lookup(key)
		if _, wanted := d.Properties[key]; !wanted && !config.Unset(is) && !isIdentity(key) && (!known || p.When != config.AtCreation) {
			changes[key] = config.None
		}
	}
	return changes
}

// adapt plans what is different about a jail.
func (k *Keeper) adapt(ctx context.Context, m *match, i *Info, d Desired) error {
	if err := i.check("apply"); err != nil {
		return err
	}
	if d.Release != "" && !release.Satisfies(i.Release, d.Release) {
		return fault.New("apply", fault.Exists, string(d.Name), fmt.Errorf("it was made from %s, and not from %s", i.Release, d.Release)).
			WithRemedy("destroy it, or let the file name that release")
	}
	restart := false
	changes := difference(i, d)
	data, changed, err := k.edit(i.Config, changes, i.alive)
	if _, skip := errors.AsType[*events.SkipError](err); err != nil && !skip {
		return refused("apply", d.Name, err)
	}
	if len(changed) > 0 {
		if _, err := k.relimit(i, data.Encode(), changed); err != nil { // it tells what needs no restart
			return refused("apply", d.Name, err)
		}
		m.steps = append(m.steps, act(k.Set(d.Name, changes)))
		restart = slices.ContainsFunc(changed, func(c Changed) bool { return c.Restart })
	}
	if d.Fstab != nil {
		file, err := k.Storage.ReadFile(ctx, storage.Jail(d.Name), fstabFile)
		if err != nil && !errors.Is(err, fault.NotFound) {
			return err
		}
		if string(file) != *d.Fstab {
			if err := d.checkFstab(i, k.root(ctx, d.Name)); err != nil {
				return err
			}
			m.steps = append(m.steps, act(k.setFstab(d.Name, *d.Fstab)))
			restart = restart || i.alive
		}
	}
	if restart && d.Run && !d.Stay {
		m.disturbed = append(m.disturbed, d.Name)
		m.restart = append(m.restart, d.Name)
	}
	return nil
}

// checkFstab finds what is wrong with the lines of an fstab before anything is done: what the next start would refuse.
func (d *Desired) checkFstab(i *Info, dir string) error {
	if d.Fstab == nil {
		return nil
	}
	f, err := fstab.Parse([]byte(*d.Fstab))
	if err != nil {
		return fault.New("fstab", fault.Invalid, string(d.Name), err)
	}
	var all []error
	for _, e := range f.Entries() {
		m, err := i.mount(e, dir)
		if err == nil && m.Type == "bind" {
			if _, missing := os.Stat(m.Source); missing != nil {
				err = fault.New("", fault.Invalid, "", missing)
			}
		}
		if err != nil {
			all = append(all, fault.New("fstab", fault.KindOf(err), string(d.Name), e.At(err)))
		}
	}
	return errors.Join(all...)
}

// Excess tells what Apply would destroy with ApplyOptions.Prune: the jails that are not among those desired, and what each takes
// along. It changes nothing.
func (k *Keeper) Excess(ctx context.Context, all []Desired) ([]Loss, error) {
	list, err := k.List(ctx)
	if err != nil {
		return nil, err
	}
	var gone []Name
	for _, i := range list {
		if !slices.ContainsFunc(all, func(d Desired) bool { return d.Name == i.Name }) {
			gone = append(gone, i.Name)
		}
	}
	return k.Losses(ctx, gone, DestroyOptions{Force: true})
}

// setFstab writes a jail's fstab.
func (k *Keeper) setFstab(name Name, text string) events.Op[struct{}] {
	return events.New(&SetFstab{Subject{name}}, func(s events.Step) (none struct{}, err error) {
		if _, err := k.Enter(s, "apply", Want{Dataset: storage.Jail(name)}); err != nil {
			return none, err
		}
		return none, refused("fstab", name, k.writeFstab(s, name, "apply", []byte(text)))
	})
}

// bringUp starts jails, or restarts those of again, all of them or none, in the order of what they depend on. What was
// started by the same run and is not committed cannot be seen to run, so it is one graph.
func (k *Keeper) bringUp(names, again []Name) events.Op[struct{}] {
	return k.operate(several{
		verb: "start", names: names,
		order: func(s events.Step) ([]*node, error) {
			return k.survey().order(s.Context(), ordering{op: "start", names: names, again: true})
		},
		each: func(g *events.Group, t *tally, n *node) {
			if slices.Contains(again, n.name) {
				add(g, t, n, k.restartAlone(n.name, StopOptions{}))
				return
			}
			add(g, t, n, k.startAlone(n.name))
		},
	})
}

// carryOut does it.
func (m *match) carryOut(s events.Step, k *Keeper) error {
	// What is noted first is undone last: by then the jails are configured as they were.
	if err := k.resume(s, "apply", m.disturbed); err != nil {
		return err
	}
	for _, a := range m.steps {
		if err := a.run(s); err != nil {
			return err
		}
	}
	if names := slices.Concat(m.start, m.restart); len(names) > 0 {
		if _, err := events.Call(s, k.bringUp(names, m.restart)); err != nil {
			return err
		}
	}
	for _, a := range m.last {
		if err := a.run(s); err != nil {
			return err
		}
	}
	return nil
}
