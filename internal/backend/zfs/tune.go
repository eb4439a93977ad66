package zfs

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/storage"
)

// ofFiles are those that are of one file system alone, and make sense for the root file system: the one above has no more than the
// configuration. All others are set on that one, which is all of the dataset, and hold for its snapshots, too.
func ofFiles(property string) bool { return property == "refquota" || property == "refreservation" }

// isLimit tells what cannot be inherited: there is none, or there is one.
func isLimit(property string) bool {
	return ofFiles(property) || slices.Contains([]string{"quota", "reservation", "filesystem_limit", "snapshot_limit"}, property)
}

// on is the file system that has the property.
func (p Place) on(set storage.Dataset, property string) string {
	if ofFiles(property) {
		return p.files(set)
	}
	return p.set(set)
}

// Tuned asks once.
func (d *Driver) Tuned(ctx context.Context, set storage.Dataset, properties ...string) (map[string]storage.Tuned, error) {
	if err := set.Validate(); err != nil || len(properties) == 0 {
		return nil, err
	}
	lines, err := d.tuned(ctx, "get", set, properties)
	all := map[string]storage.Tuned{}
	for _, key := range properties {
		if f := lines[d.p.on(set, key)][key]; f != (storage.Tuned{}) {
			all[key] = f
		}
	}
	return all, err
}

// tuned asks about both file systems: by their names and the properties'.
func (d *Driver) tuned(ctx context.Context, op string, set storage.Dataset, properties []string) (map[string]map[string]storage.Tuned, error) {
	names := []string{d.p.set(set)}
	if slices.ContainsFunc(properties, ofFiles) {
		names = append(names, d.p.files(set))
	}
	out, err := ask(ctx, append([]string{"get", "-Hp", "-o", "name,property,value,source", "guid," + strings.Join(properties, ",")}, names...)...)
	switch {
	case onlyMissing(err):
		return nil, storage.NotFound(op, set.Now())
	case errors.Is(err, fault.Invalid):
		return nil, fault.New(op, fault.Invalid, set.String(), ownWords(err))
	case err != nil:
		return nil, fault.New(op, fault.Unknown, set.String(), err)
	}
	all := map[string]map[string]storage.Tuned{}
	for line := range strings.Lines(out) {
		if f := strings.Split(strings.TrimSuffix(line, "\n"), "\t"); len(f) == 4 {
			if all[f[0]] == nil {
				all[f[0]] = map[string]storage.Tuned{}
			}
			all[f[0]][f[1]] = storage.Tuned{Value: f[2], Source: f[3]}
		}
	}
	return all, nil
}

// Tune sets properties, each on the file system that is to have it.
func (d *Driver) Tune(ctx context.Context, set storage.Dataset, properties map[string]string) (storage.Change, error) {
	const op = "tune"
	if err := set.Validate(); err != nil || len(properties) == 0 {
		return storage.Change{}, err
	}
	keys := slices.Sorted(maps.Keys(properties))
	was, err := d.tuned(ctx, op, set, keys)
	if err != nil {
		return storage.Change{}, err
	}
	e := &Tune{Place: d.p, Dataset: set, Was: was[d.p.set(set)]["guid"].Value, To: properties, From: map[string]string{}}
	for _, key := range keys {
		switch t := was[d.p.on(set, key)][key]; t.Source {
		case "local":
			e.From[key] = t.Value
		case "received":
			e.From[key], e.Received = t.Value, append(e.Received, key)
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
	Received []string          `json:",omitempty"` // those of From that came with a stream: zfs tells them from those that were set
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
	return e.set(ctx, e.To, nil)
}

// Undo sets them as they were, if it is the same dataset.
func (e *Tune) Undo(ctx context.Context) error {
	rs, err := get(ctx, 0, e.Place.set(e.Dataset))
	if err != nil || rs.find(e.Place.set(e.Dataset)).get("guid") != e.Was {
		return err
	}
	return e.set(ctx, e.From, e.Received)
}

func (e *Tune) set(ctx context.Context, values map[string]string, received []string) error {
	for _, key := range slices.Sorted(maps.Keys(e.To)) {
		name := e.Place.on(e.Dataset, key)
		args := []string{"set", key + "=" + values[key], name}
		switch {
		case slices.Contains(received, key):
			args = []string{"inherit", "-S", key, name} // back to what came
		case values[key] != "":
		case isLimit(key):
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
