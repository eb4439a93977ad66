package jail

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/libioc/ioc/config"
	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/storage"
)

// How much of a jail's earlier configuration is kept: whichever is less.
const (
	maxVersions = 20
	maxPast     = 256 << 10 // bytes
)

// Version is a configuration that a jail has or had.
type Version struct {
	Number  int       // from 1, and never used again
	Since   time.Time // zero: it is not known any more
	Current bool
	Config  *config.Data // nil: it cannot be read
	Broken  error        // why not

	// Changes are what made it of the version before, if that is there still: values, not whether a jail
	// has to be restarted for them.
	Changes []Changed

	text []byte
}

// past is the file in which earlier versions are kept. libioc does not look at it.
type past struct {
	Format   int       `json:"format"` // 1
	Versions []earlier `json:"versions"`
}

// earlier is a config.json that was replaced.
type earlier struct {
	Number int       `json:"number"`
	Until  time.Time `json:"until"`           // when it was replaced
	Text   string    `json:"text,omitempty"`  // the file
	Bytes  []byte    `json:"bytes,omitempty"` // instead, if it was not UTF-8
}

func (e *earlier) file() []byte {
	if e.Bytes != nil {
		return e.Bytes
	}
	return []byte(e.Text)
}

func (k *Keeper) past(ctx context.Context, name Name) (p past, err error) {
	file, err := k.Storage.ReadFile(ctx, storage.Jail(name), pastFile)
	if errors.Is(err, fault.NotFound) {
		return past{Format: 1}, nil
	}
	if err != nil {
		return p, err
	}
	if err := json.Unmarshal(file, &p); err != nil || p.Format != 1 {
		return p, fault.New("", fault.Corrupt, pastFile, errors.Join(err, errors.New("it is not what ioc writes"))).
			WithRemedy("move it away")
	}
	return p, nil
}

// keep gives the file of earlier versions with the present one added.
func (k *Keeper) keep(ctx context.Context, name Name) ([]byte, error) {
	p, err := k.past(ctx, name)
	if err != nil {
		return nil, err
	}
	now, err := k.Storage.ReadFile(ctx, storage.Jail(name), configFile)
	if err != nil && !errors.Is(err, fault.NotFound) {
		return nil, err
	}
	e := earlier{Number: p.next(), Until: k.Now().UTC()}
	if utf8.Valid(now) {
		e.Text = string(now)
	} else {
		e.Bytes = now
	}
	p.Versions = append(p.Versions, e)
	size := 0
	for i := len(p.Versions) - 1; i >= 0; i-- {
		size += len(p.Versions[i].file())
		if n := len(p.Versions) - i; n > maxVersions || n > 1 && size > maxPast {
			p.Versions = p.Versions[i+1:]
			break
		}
	}
	text, err := json.MarshalIndent(p, "", "    ")
	return append(text, '\n'), err
}

// next is the number of the present version.
func (p *past) next() int {
	if len(p.Versions) == 0 {
		return 1
	}
	return p.Versions[len(p.Versions)-1].Number + 1
}

// Versions lists what a jail's configuration was, oldest first, and what it is: as many as are kept.
func (k *Keeper) Versions(ctx context.Context, name Name) ([]Version, error) {
	i, err := k.Look(ctx, name)
	if err != nil {
		return nil, err
	}
	return k.versions(ctx, &i)
}

func (k *Keeper) versions(ctx context.Context, i *Info) ([]Version, error) {
	p, err := k.past(ctx, i.Name)
	if err != nil {
		return nil, err
	}
	now, err := k.Storage.ReadFile(ctx, storage.Jail(i.Name), configFile)
	if err != nil && !errors.Is(err, fault.NotFound) {
		return nil, err
	}
	var all []Version
	since := i.Created
	for _, e := range p.Versions {
		v := Version{Number: e.Number, Since: since, text: e.file()}
		if len(all) == 0 && e.Number > 1 {
			v.Since = time.Time{}
		}
		all, since = append(all, v), e.Until
	}
	all = append(all, Version{Number: p.next(), Since: since, Current: true, text: now})
	for n := range all {
		v := &all[n]
		if v.Config, v.Broken = config.Parse(v.text); n > 0 {
			v.Changes = differences(i.Name, all[n-1].Config, v.Config)
		}
	}
	return all, nil
}

// differences are the properties that differ, in the order of their names.
func differences(name Name, a, b *config.Data) []Changed {
	keys := slices.Concat(a.Keys(), b.Keys())
	slices.Sort(keys)
	var all []Changed
	for _, key := range slices.Compact(keys) {
		from, _ := a.Get(key)
		to, _ := b.Get(key)
		if from, to = orNone(from), orNone(to); from != to {
			all = append(all, Changed{Jail: name, Property: key, From: from, To: to})
		}
	}
	return all
}

// Revert is the payload of a return to an earlier configuration.
type Revert struct {
	Subject
	Version int // 0: the one before the present one
}

// EventType is jail.revert.
func (*Revert) EventType() string { return "jail.revert" }

// EventTitle is for people.
func (p *Revert) EventTitle() string {
	if p.Version == 0 {
		return "return " + string(p.Jail) + " to the configuration before"
	}
	return "return " + string(p.Jail) + " to version " + strconv.Itoa(p.Version) + " of its configuration"
}

// AppendAttrs lists the version.
func (p *Revert) AppendAttrs(dst []slog.Attr) []slog.Attr {
	return append(dst, slog.Int("version", p.Version))
}

// Revert makes an earlier version of a jail's configuration the present one again, byte by byte; 0 is the one
// before the present one. That is a version of its own, so that it can be reverted. A configuration that
// cannot be read any more can be replaced in this way.
func (k *Keeper) Revert(name Name, version int) events.Op[[]Changed] {
	return events.New(&Revert{Subject{name}, version}, func(s events.Step) ([]Changed, error) {
		changed, err := k.revert(s, name, version)
		return changed, asSkip("revert", name, err)
	})
}

func (k *Keeper) revert(s events.Step, name Name, version int) ([]Changed, error) {
	if _, err := k.Enter(s, "revert", Want{Dataset: storage.Jail(name)}); err != nil {
		return nil, err
	}
	i, err := k.Look(s.Context(), name)
	if err != nil {
		return nil, err
	}
	all, err := k.versions(s.Context(), &i)
	if err != nil {
		return nil, err
	}
	now := all[len(all)-1]
	if version == 0 {
		version = now.Number - 1
	}
	to, err := pick(all, version)
	if err != nil {
		return nil, err
	}
	if string(to.text) == string(now.text) {
		return nil, events.Skip("it is so already")
	}
	if to.Broken != nil {
		return nil, fault.New("", fault.Corrupt, "version "+strconv.Itoa(version), to.Broken)
	}
	changed := differences(name, now.Config, to.Config)
	for n := range changed {
		p, _ := config.Lookup(changed[n].Property)
		changed[n].Restart = i.alive && p.Works() && p.When == config.AtStart
	}
	return changed, k.configure(s, &i, to.text, changed)
}

// pick gives the version of a number.
func pick(all []Version, number int) (Version, error) {
	if i := slices.IndexFunc(all, func(v Version) bool { return v.Number == number }); i >= 0 {
		return all[i], nil
	}
	first, last := all[0].Number, all[len(all)-1].Number
	if first == last {
		return Version{}, fault.New("", fault.NotFound, "", errors.New("its configuration was never changed: there is no other version"))
	}
	return Version{}, fault.New("", fault.NotFound, "version "+strconv.Itoa(number), fmt.Errorf("there are %d to %d", first, last))
}
