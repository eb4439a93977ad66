package zfs

import (
	"context"
	"errors"
	"strings"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/storage"
)

// Promote plans that a jail takes over from the jail it was cloned from what they share. A release
// keeps what jails share with it: others would not find it any more.
func (d *Driver) Promote(ctx context.Context, set storage.Dataset) (storage.Change, error) {
	const op = "promote"
	info, rs, err := d.read(ctx, op, set, 1)
	if err != nil {
		return storage.Change{}, err
	}
	if info.Broken != nil {
		return storage.Change{}, fault.New(op, fault.Unknown, set.String(), info.Broken)
	}
	root := rs.find(d.p.files(set))
	origin, _, isClone := strings.Cut(root.get("origin"), "@")
	if !isClone {
		return storage.Change{}, nil
	}
	from, ours := d.p.datasetOf(origin)
	if ours && from.Kind == storage.Releases {
		return storage.Change{}, fault.New(op, fault.Invalid, set.String(), errors.New("it shares its files with "+from.String()+", which other jails are made from")).
			WithRemedy("clone " + string(set.Name) + " with all its files")
	}
	other, err := get(ctx, 0, origin)
	if err != nil {
		return storage.Change{}, err
	}
	return storage.Change{Do: []events.Effect{&Promote{
		Place: d.p, Dataset: set, Origin: origin, GUID: root.get("guid"), OriginGUID: other.find(origin).get("guid"),
	}}}, nil
}

// Promote is the effect that lets a clone and its origin change places.
type Promote struct {
	Place      Place
	Dataset    storage.Dataset
	Origin     string // the file system that it was cloned from
	GUID       string
	OriginGUID string
}

// EventType is the effect's name in events.
func (*Promote) EventType() string { return "storage.promote" }

// EventTitle is for people.
func (e *Promote) EventTitle() string { return "promote " + e.Dataset.String() }

// EventKey is the dataset.
func (e *Promote) EventKey() string { return e.Dataset.String() }

// Do promotes.
func (e *Promote) Do(ctx context.Context) error {
	depends, err := e.depends(ctx, e.Place.files(e.Dataset), e.GUID, e.Origin)
	if err != nil {
		return events.Untouched(err)
	}
	if !depends {
		return events.Untouched(storage.Changed("promote", e.Dataset.Now()))
	}
	return change(ctx, "promote", e.Place.files(e.Dataset))
}

// Undo promotes the origin, if it depends on the clone now.
func (e *Promote) Undo(ctx context.Context) error {
	depends, err := e.depends(ctx, e.Origin, e.OriginGUID, e.Place.files(e.Dataset))
	if err != nil || !depends {
		return err
	}
	return change(ctx, "promote", e.Origin)
}

func (e *Promote) depends(ctx context.Context, name, guid, on string) (bool, error) {
	rs, err := get(ctx, 0, name)
	if err != nil {
		return false, err
	}
	r := rs.find(name)
	return r.get("guid") == guid && strings.HasPrefix(r.get("origin"), on+"@"), nil
}
