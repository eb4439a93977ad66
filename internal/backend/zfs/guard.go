package zfs

import (
	"context"
	"errors"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/storage"
)

// Guard plans a snapshot to which the files return if the operation fails, and which goes if it does not.
func (d *Driver) Guard(ctx context.Context, set storage.Dataset, o storage.GuardOptions) (storage.Change, error) {
	const op = "protect"
	info, _, err := d.read(ctx, op, set, 1)
	switch {
	case err != nil:
		return storage.Change{}, err
	case set.Kind == storage.Releases:
		return storage.Change{}, storage.NoSnapshots(op, set)
	case o.Running:
		return storage.Change{}, storage.Running(op, set, "its files would change under it")
	case info.Broken != nil:
		return storage.Change{}, info.Broken
	}
	e := &Guard{d.p, set, newID()}
	return storage.Change{Do: []events.Effect{e}, After: []events.Effect{&Reap{d.p, set, "", e.ID}}}, nil
}

// Guard is the effect whose undo is a rollback: it keeps the present state of the files.
type Guard struct {
	Place   Place
	Dataset storage.Dataset
	ID      string
}

// EventType is the effect's name in events.
func (*Guard) EventType() string { return "storage.guard" }

// EventTitle is for people.
func (e *Guard) EventTitle() string {
	return "keep the files of " + e.Dataset.String() + " as they are"
}

// EventKey is the dataset.
func (e *Guard) EventKey() string { return e.Dataset.String() }

func (e *Guard) snapshot() string { return e.Place.files(e.Dataset) + hiddenSnapshot(e.ID) }

// Do takes the snapshot.
func (e *Guard) Do(ctx context.Context) error {
	err := change(ctx, "snapshot", e.snapshot())
	if errors.Is(err, fault.NotFound) {
		return events.Untouched(storage.Changed("protect", e.Dataset.Now()))
	}
	return err
}

// Undo rolls back. A snapshot that somebody has taken since is in its way, and stays.
func (e *Guard) Undo(ctx context.Context) error {
	err := persist(ctx, patience, func() error { return change(ctx, "rollback", e.snapshot()) })
	if err != nil {
		return gone(err) // undone already
	}
	storage.Point(ctx, "rolled back")
	return gone(change(ctx, "destroy", "-d", e.snapshot()))
}
