package jail

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/libioc/ioc/config"
	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/release"
	"github.com/libioc/ioc/storage"
)

// CreateOptions describe a new jail.
type CreateOptions struct {
	// Release is what the jail is made from; empty: the default one. Of its patch levels the newest one that
	// is there is taken, unless the name has one: NAME-p2, or NAME-p0 for the first. It is fetched if it is
	// missing and can be fetched by its name, and then stays also if the rest fails.
	Release storage.Name

	// Source makes the jail a clone of another one, or of a snapshot; Release must be empty then. The
	// other's properties are the new jail's too.
	Source storage.Origin

	// Template refuses a Source that is not a template.
	Template bool

	// Properties are set beyond what comes from Source.
	Properties map[string]string

	Thick   bool // share no files with the source
	NoFetch bool // a Release that is missing is fault.NotFound
}

// Create is the payload of a jail's creation.
type Create struct {
	Subject
	From storage.Origin // the release, jail or snapshot that it is made from
}

// EventType is jail.create.
func (*Create) EventType() string { return "jail.create" }

// EventTitle is for people.
func (p *Create) EventTitle() string { return fmt.Sprintf("create %s from %s", p.Jail, p.From) }

// AppendAttrs lists what it is made from.
func (p *Create) AppendAttrs(dst []slog.Attr) []slog.Attr {
	return append(dst, slog.String("from", p.From.String()))
}

// Sharing is the payload of a step that is skipped to say why a jail shares no files with what it is made from.
type Sharing struct {
	Subject
	From storage.Origin
}

// EventType is the step's name in events.
func (*Sharing) EventType() string { return "jail.sharing" }

// EventTitle is for people.
func (p *Sharing) EventTitle() string { return fmt.Sprintf("share files with %s", p.From) }

// Create makes a jail. One that exists and was made in the same way with the same properties is
// skipped; one that differs is fault.Exists, and the error says how.
func (k *Keeper) Create(name Name, o CreateOptions) events.Op[Info] {
	from := o.Source
	if from == (storage.Origin{}) {
		if o.Release == "" {
			o.Release = k.Releases.Default()
		}
		from = storage.Release(o.Release).Now()
	}
	return events.New(&Create{Subject{name}, from}, func(s events.Step) (Info, error) {
		i, err := k.create(s, name, from, o)
		return i, asSkip("create", name, err)
	})
}

// asSkip introduces an error, but leaves a skip what it is.
func asSkip(op string, name Name, err error) error {
	if _, skip := errors.AsType[*events.SkipError](err); skip {
		return err
	}
	return refused(op, name, err)
}

func (k *Keeper) create(s events.Step, name Name, from storage.Origin, o CreateOptions) (Info, error) {
	if err := free("create", name); err != nil {
		return Info{}, err
	}
	set, err := k.canonical(o.Properties, &config.Data{})
	if err != nil {
		return Info{}, err
	}
	if o.Release != "" && o.Source != (storage.Origin{}) {
		return Info{}, fault.New("", fault.Invalid, "release", errors.New("a clone has the release of its source"))
	}
	jail := storage.Jail(name)
	wants := []Want{{Dataset: jail}}
	if o.Release == "" {
		wants = append(wants, Want{Dataset: from.Dataset})
	}
	if _, err := k.Enter(s, "create", wants...); err != nil {
		return Info{}, err
	}
	there, missing := k.lookFor(s.Context(), name)
	if o.Release != "" {
		if is := there.Origin.Dataset; missing == nil && is.Kind == storage.Releases && release.Satisfies(is.Name, o.Release) {
			from = is.Now() // what has come since makes no other jail of it
		} else if from, err = k.needRelease(s, o.Release, o.NoFetch); err != nil {
			return Info{}, err
		}
	}
	data, running, err := k.newConfig(s.Context(), name, from, set)
	if err == nil && o.Template {
		err = k.isTemplate(s.Context(), from.Dataset.Name)
	}
	if err != nil {
		return Info{}, err
	}
	if !errors.Is(missing, fault.NotFound) {
		if missing == nil {
			missing = same(&there, from, data)
		}
		return there, missing
	}
	if err := k.make(s, name, from, o, data, running); err != nil {
		return Info{}, err
	}
	return k.made(s.Context(), name, from)
}

// lookFor looks at a jail that is to be made, and most likely is not there.
func (k *Keeper) lookFor(ctx context.Context, name Name) (Info, error) {
	if kept, err := k.Records.Kept(Key(name)); kept == nil && err == nil {
		if _, seen, can := k.glance(ctx, storage.Jail(name)); can && !seen {
			return Info{}, fault.New("", fault.NotFound, "jail "+string(name), nil)
		}
	}
	return k.Look(ctx, name)
}

// made looks at a jail that was made right now, and asks no more than it has to.
func (k *Keeper) made(ctx context.Context, name Name, from storage.Origin) (Info, error) {
	set := storage.Jail(name)
	dir, seen, _ := k.glance(ctx, set)
	if !seen {
		return k.Look(ctx, name)
	}
	made := storage.Info{Dataset: set, Origin: from, Created: k.Now().UTC().Truncate(time.Second), Dir: dir}
	return k.examine(ctx, made, k.defaults(ctx), nil, nil), nil
}

// glance tells where a dataset is if it is in sight; can is false where that has to be asked for.
func (k *Keeper) glance(ctx context.Context, set storage.Dataset) (dir string, seen, can bool) {
	g, can := k.Storage.(storage.Glancer)
	if !can {
		return "", false, false
	}
	all, err := g.Glance(ctx, set.Kind)
	for _, s := range all {
		if s.Name == set.Name {
			return s.Dir, true, true
		}
	}
	return "", false, err == nil
}

// make clones, with the configuration: a jail is there with it or not at all.
func (k *Keeper) make(s events.Step, name Name, from storage.Origin, o CreateOptions, data *config.Data, running bool) error {
	jail := storage.Jail(name)
	plan, err := k.Storage.Clone(s.Context(), from, jail, storage.CloneOptions{
		Running: running, Thick: o.Thick,
		Files: map[string][]byte{configFile: data.Encode(), fstabFile: {}},
	})
	if errors.Is(err, fault.Exists) { // it was out of sight, so there is something wrong with it
		if there, look := k.Look(s.Context(), name); look == nil {
			return same(&there, from, data)
		}
	}
	if err != nil {
		return err
	}
	own, share := []storage.Dataset{jail}, []storage.Dataset{from.Dataset}
	if from.Dataset.Kind == storage.Jails {
		own, share = append(own, from.Dataset), nil
	}
	if err := k.Claim(s, "create", true, own, share); err != nil {
		return err
	}
	if f := k.Storage.Features(s.Context()); !f.Cheap && !o.Thick {
		if err := s.Do(&Sharing{Subject{name}, from}, func(events.Step) error { return events.Skip(f.Why) }); err != nil {
			return err
		}
	}
	if err := plan.Apply(s); err != nil {
		return err
	}
	set := map[string]string{}
	for _, key := range data.Keys() {
		set[key], _ = data.Get(key)
	}
	files, err := k.tune(s.Context(), name, set)
	if err != nil {
		return err
	}
	return files.Apply(s)
}

// ReleasePatience is how long is waited for somebody who gets the same release.
const ReleasePatience = 2 * time.Minute

// needRelease holds the newest patch level of a release as it is, and gets it first if it is missing and may be
// fetched. What was got is final.
func (k *Keeper) needRelease(s events.Step, asked storage.Name, noFetch bool) (from storage.Origin, err error) {
	name, err := release.Newest(s.Context(), k.Storage, asked)
	if err != nil {
		return from, err
	}
	from = storage.Release(name).Now()
	return from, k.hold(s, name, noFetch)
}

// hold holds a release, and gets it first if it is missing and may be fetched.
func (k *Keeper) hold(s events.Step, name storage.Name, noFetch bool) error {
	release := storage.Release(name)
	missing := func() (bool, error) {
		if _, seen, _ := k.glance(s.Context(), release); seen {
			return false, nil
		}
		_, err := k.Storage.Stat(s.Context(), release)
		if errors.Is(err, fault.NotFound) {
			return true, nil
		}
		return false, err
	}
	gone, err := missing()
	if err != nil {
		return err
	}
	if gone && noFetch {
		return fault.New("", fault.NotFound, release.String(), errors.New("it is not there, and is not to be fetched"))
	}
	if gone {
		letGo, err := k.Enter(s, "fetch", Want{Dataset: release, Wait: ReleasePatience})
		if err != nil {
			return err
		}
		if gone, err = missing(); err == nil && gone { // somebody may have got it while we waited
			err = k.Claim(s, "fetch", true, []storage.Dataset{release}, nil)
			if err == nil {
				err = k.Releases.Fetch(s, name)
			}
			if err == nil {
				err = s.Seal()
			}
		}
		if err != nil {
			return err
		}
		letGo()
	}
	_, err = k.Enter(s, "create", Want{Dataset: release, Shared: true, Wait: ReleasePatience})
	return err
}

// newConfig is what the jail's config.json is to say, and whether its source is a jail that runs.
func (k *Keeper) newConfig(ctx context.Context, name Name, from storage.Origin, set map[string]string) (*config.Data, bool, error) {
	data, running := &config.Data{}, false
	if from.Dataset.Kind == storage.Jails {
		if from.Dataset.Name == name {
			return nil, false, fault.New("", fault.Invalid, string(name), errors.New("it cannot be cloned from itself"))
		}
		source, err := k.Look(ctx, from.Dataset.Name)
		if err == nil {
			err = source.check("clone")
		}
		if err != nil {
			return nil, false, err
		}
		data, running = source.Config.Clone(), source.alive
		for _, key := range data.Keys() {
			if isIdentity(key) || key == "host_hostname" || key == "template" {
				data.Unset(key)
			}
		}
	} else if err := data.Set("release", string(from.Dataset.Name)); err != nil {
		return nil, false, err
	}
	return data, running, write(data, set)
}

// isTemplate refuses a jail that is not there to be cloned.
func (k *Keeper) isTemplate(ctx context.Context, name Name) error {
	i, err := k.Look(ctx, name)
	if err == nil && i.value("template") != "yes" {
		err = fault.New("", fault.Invalid, string(name), errors.New("it is not a template")).
			WithRemedy("clone it, or make it one: ioc set template=yes " + string(name))
	}
	return err
}

// write puts canonical values into data; None takes one out.
func write(data *config.Data, set map[string]string) error {
	for _, key := range slices.Sorted(maps.Keys(set)) {
		if set[key] == config.None {
			data.Unset(key)
		} else if err := data.Set(key, set[key]); err != nil {
			return err
		}
	}
	return nil
}

// same skips the creation of a jail that is there as it was to be, and says what differs if it is not.
func same(there *Info, from storage.Origin, want *config.Data) error {
	differs := func(format string, a ...any) error {
		return fault.New("", fault.Exists, string(there.Name), fmt.Errorf("it exists and "+format, a...)).
			WithRemedy("choose another name, or destroy it first")
	}
	if there.usable != nil {
		return differs("is broken: %w", there.usable)
	}
	if o := there.Origin; o.Dataset != from.Dataset || from.Snapshot != "" && o.Snapshot != from.Snapshot {
		return differs("was made from %s", there.Origin)
	}
	keys := slices.Concat(want.Keys(), there.Config.Keys())
	slices.Sort(keys)
	var all []string
	for _, key := range slices.Compact(keys) {
		is, _ := there.Config.Get(key)
		if asked, _ := want.Get(key); asked != is && (!config.Unset(asked) || !config.Unset(is)) {
			all = append(all, key+" is "+orNone(is)+", not "+orNone(asked))
		}
	}
	if len(all) > 0 {
		return differs("differs: %s", strings.Join(all, "; "))
	}
	return events.Skip("it exists and is the same")
}

func orNone(v string) string {
	if config.Unset(v) {
		return config.None
	}
	return v
}

// free refuses the words that commands do not take for the name of a jail.
func free(op string, name Name) error {
	if name == config.DefaultsName || name == "ALL" {
		return fault.New(op, fault.Invalid, string(name), errors.New("commands mean something else by that name")).
			WithRemedy("choose another name")
	}
	return nil
}
