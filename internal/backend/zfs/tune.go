package zfs

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/storage"
)

// Tune sets properties of the file system that is all of the dataset, so that they hold for its snapshots, too.
func (d *Driver) Tune(ctx context.Context, set storage.Dataset, properties map[string]string) (storage.Change, error) {
	const op = "tune"
	if err := set.Validate(); err != nil || len(properties) == 0 {
		return storage.Change{}, err
	}
	keys := slices.Sorted(maps.Keys(properties))
	name := d.p.set(set)
	out, err := ask(ctx, "get", "-Hp", "-o", "property,value,source", "guid,"+strings.Join(keys, ","), name)
	switch {
	case onlyMissing(err):
		return storage.Change{}, storage.NotFound(op, set.Now())
	case err != nil:
		return storage.Change{}, fault.New(op, fault.Unknown, set.String(), err)
	}
	e := &Tune{Place: d.p, Dataset: set, To: properties, From: map[string]string{}}
	for line := range strings.Lines(out) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		switch {
		case len(f) != 3:
		case f[0] == "guid":
			e.Was = f[1]
		case f[2] == "local", f[2] == "received":
			e.From[f[0]] = f[1]
		}
	}
	return storage.Change{Do: []events.Effect{e}}, nil
}

// Tune is the effect that gives a dataset properties.
type Tune struct {
	Place    Place
	Dataset  storage.Dataset
	Was      string            // the dataset's GUID
	From, To map[string]string // those that are not in it, or empty, are not its own
}

// EventType is the effect's name in events.
func (*Tune) EventType() string { return "storage.tune" }

// EventTitle is for people.
func (e *Tune) EventTitle() string {
	return "set " + strings.Join(slices.Sorted(maps.Keys(e.To)), ", ") + " of the file system of " + e.Dataset.String()
}

// EventKey is the dataset.
func (e *Tune) EventKey() string { return e.Dataset.String() }

// Do sets them, one after the other, as zfs did at first.
func (e *Tune) Do(ctx context.Context) error {
	if err := e.Place.is(ctx, "tune", e.Dataset, e.Was); err != nil {
		return events.Untouched(err)
	}
	return e.set(ctx, e.To)
}

// Undo sets them as they were, if it is the same dataset.
func (e *Tune) Undo(ctx context.Context) error {
	rs, err := get(ctx, 0, e.Place.set(e.Dataset))
	if err != nil || rs.find(e.Place.set(e.Dataset)).get("guid") != e.Was {
		return err
	}
	return e.set(ctx, e.From)
}

func (e *Tune) set(ctx context.Context, values map[string]string) error {
	name := e.Place.set(e.Dataset)
	for _, key := range slices.Sorted(maps.Keys(e.To)) {
		args := []string{"set", key + "=" + values[key], name}
		switch {
		case values[key] != "":
		case key == "quota", key == "reservation", key == "refquota", key == "refreservation": // they cannot be inherited
			args[1] = key + "=none"
		default:
			args = []string{"inherit", key, name}
		}
		if err := change(ctx, args...); err != nil {
			return fault.New("property", fault.Unknown, key, err)
		}
		storage.Point(ctx, key+" set")
	}
	return nil
}
