package zfs

import (
	"context"
	"errors"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/storage"
)

// Rename is one rename of a file system with all that is below it. Clones and snapshots, a release's above all, are not touched.
func (d *Driver) Rename(ctx context.Context, from, to storage.Dataset, o storage.RenameOptions) (storage.Change, error) {
	const op = "rename"
	info, rs, err := d.read(ctx, op, from, 1, d.p.Root+"/"+to.String())
	if to.Validate() != nil { // zfs would say so in its own words
		err = to.Validate()
	}
	if err != nil {
		return storage.Change{}, err
	}
	if err := o.Check(from, to); err != nil || from == to {
		return storage.Change{}, err
	}
	if rs.find(d.p.set(to)) != nil {
		return storage.Change{}, storage.Exists(op, to.Now())
	}
	return storage.Change{Do: []events.Effect{&Rename{d.p, from, to, info.ID}}}, nil
}

// Rename is the effect that gives a dataset another name.
type Rename struct {
	Place    Place
	From, To storage.Dataset
	Was      string // the dataset's GUID
}

// EventType is the effect's name in events.
func (*Rename) EventType() string { return "storage.rename" }

// EventTitle is for people.
func (e *Rename) EventTitle() string { return "rename " + e.From.String() + " to " + e.To.String() }

// EventKey is the old name.
func (e *Rename) EventKey() string { return e.From.String() }

// Do renames.
func (e *Rename) Do(ctx context.Context) error {
	from, to := e.Place.set(e.From), e.Place.set(e.To)
	if err := e.Place.is(ctx, "rename", e.From, e.Was); err != nil {
		return events.Untouched(err)
	}
	rs, err := get(ctx, 0, to)
	if err != nil {
		return events.Untouched(err)
	}
	if len(rs) > 0 { // before anything is unmounted
		return events.Untouched(storage.Exists("rename", e.To.Now()))
	}
	err = rename(ctx, from, to)
	if errors.Is(err, fault.Exists) {
		return storage.Exists("rename", e.To.Now())
	}
	return err
}

// is checks that set is still the one with the GUID.
func (p Place) is(ctx context.Context, op string, set storage.Dataset, guid string) error {
	rs, err := get(ctx, 0, p.set(set))
	if err != nil {
		return err
	}
	switch r := rs.find(p.set(set)); {
	case r == nil:
		return storage.NotFound(op, set.Now())
	case r.get("guid") != guid:
		return storage.Changed(op, set.Now())
	}
	return nil
}

// Undo gives it its old name back.
func (e *Rename) Undo(ctx context.Context) error {
	from, to := e.Place.set(e.From), e.Place.set(e.To)
	rs, err := get(ctx, 0, from, to)
	if err != nil {
		return err
	}
	switch {
	case rs.find(to) != nil && rs.find(to).get("guid") == e.Was:
		if err := rename(ctx, to, from); err != nil {
			if errors.Is(err, fault.Exists) {
				return storage.Exists("undo rename", e.From.Now())
			}
			return err
		}
		return whole(ctx, from)
	case rs.find(from) != nil && rs.find(from).get("guid") == e.Was:
		return whole(ctx, from)
	}
	return nil
}
