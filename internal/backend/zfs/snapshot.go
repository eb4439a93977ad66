package zfs

import (
	"context"
	"errors"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/storage"
)

// jail reads a jail whose snapshot n somebody wants to change.
func (d *Driver) jail(ctx context.Context, op string, set storage.Dataset, n storage.SnapshotName) (rows, error) {
	if err := errors.Join(set.Validate(), n.Validate()); err != nil {
		return nil, err
	}
	_, rs, err := d.read(ctx, op, set, 2)
	if err != nil {
		return nil, err
	}
	if set.Kind == storage.Releases {
		return nil, storage.NoSnapshots(op, set)
	}
	return rs, nil
}

// Snapshot plans a snapshot, also of a jail that runs.
func (d *Driver) Snapshot(ctx context.Context, set storage.Dataset, n storage.SnapshotName, _ storage.SnapshotOptions) (storage.Change, error) {
	const op = "snapshot"
	rs, err := d.jail(ctx, op, set, n)
	if err != nil {
		return storage.Change{}, err
	}
	files := d.p.files(set)
	if rs.find(files) == nil {
		_, err := rootOf(set, rs.find(d.p.set(set)), nil)
		return storage.Change{}, err
	}
	if rs.find(files+"@"+string(n)) != nil {
		return storage.Change{}, storage.Exists(op, set.At(n))
	}
	return storage.Change{Do: []events.Effect{&Snapshot{d.p, set, n, newID()}}}, nil
}

// Snapshot is the effect that gives a present state a name.
type Snapshot struct {
	Place   Place
	Dataset storage.Dataset
	Name    storage.SnapshotName
	ID      string
}

// EventType is the effect's name in events.
func (*Snapshot) EventType() string { return "storage.snapshot" }

// EventTitle is for people.
func (e *Snapshot) EventTitle() string { return "take snapshot " + e.EventKey() }

// EventKey is the snapshot.
func (e *Snapshot) EventKey() string { return e.Dataset.At(e.Name).String() }

func (e *Snapshot) name() string { return e.Place.files(e.Dataset) + "@" + string(e.Name) }

// Do takes the snapshot.
func (e *Snapshot) Do(ctx context.Context) error {
	err := change(ctx, "snapshot", "-o", propID+"="+e.ID, e.name())
	switch {
	case errors.Is(err, fault.Exists):
		return events.Untouched(storage.Exists("snapshot", e.Dataset.At(e.Name)))
	case errors.Is(err, fault.NotFound):
		return events.Untouched(storage.Changed("snapshot", e.Dataset.Now()))
	}
	return err
}

// Undo destroys the snapshot if it is the one that Do took. What was written since is not lost.
func (e *Snapshot) Undo(ctx context.Context) error {
	rs, err := get(ctx, 0, e.name())
	if err != nil || rs.find(e.name()).id() != e.ID {
		return err
	}
	return gone(change(ctx, "destroy", e.name()))
}
