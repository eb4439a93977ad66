package zfs

import (
	"context"
	"errors"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/storage"
)

// DestroySnapshot takes the name away, which can be undone; the snapshot itself goes after the commit, and with its
// last clone if it has any.
func (d *Driver) DestroySnapshot(ctx context.Context, set storage.Dataset, n storage.SnapshotName, _ storage.SnapshotOptions) (storage.Change, error) {
	const op = "destroy snapshot"
	rs, err := d.jail(ctx, op, set, n)
	if err != nil {
		return storage.Change{}, err
	}
	r := rs.find(d.p.files(set) + "@" + string(n))
	if r == nil {
		return storage.Change{}, storage.NotFound(op, set.At(n))
	}
	id := newID()
	return storage.Change{
		Do:    []events.Effect{&Forget{d.p, set, n, id, r.get("guid")}},
		After: []events.Effect{&Reap{d.p, set, n, id}},
	}, nil
}

// Forget is the effect that takes a snapshot's name away.
type Forget struct {
	Place   Place
	Dataset storage.Dataset
	Name    storage.SnapshotName
	ID      string
	Was     string // the snapshot's GUID
}

// EventType is the effect's name in events.
func (*Forget) EventType() string { return "storage.snapshot.destroy" }

// EventTitle is for people.
func (e *Forget) EventTitle() string { return "forget snapshot " + e.EventKey() }

// EventKey is the snapshot.
func (e *Forget) EventKey() string { return e.Dataset.At(e.Name).String() }

// Do forgets the snapshot.
func (e *Forget) Do(ctx context.Context) error {
	files := e.Place.files(e.Dataset)
	name := files + "@" + string(e.Name)
	rs, err := get(ctx, 0, name)
	if err != nil {
		return events.Untouched(err)
	}
	if rs.find(name).get("guid") != e.Was {
		return events.Untouched(storage.Changed("destroy snapshot", e.Dataset.At(e.Name)))
	}
	return change(ctx, "rename", name, files+hiddenSnapshot(e.ID))
}

// Undo brings it back. Its hidden name is nobody else's.
func (e *Forget) Undo(ctx context.Context) error {
	files := e.Place.files(e.Dataset)
	err := change(ctx, "rename", files+hiddenSnapshot(e.ID), files+"@"+string(e.Name))
	if errors.Is(err, fault.Exists) {
		return storage.Exists("undo destroy snapshot", e.Dataset.At(e.Name))
	}
	return gone(err)
}

// Reap is the effect that destroys a forgotten snapshot, after the commit.
type Reap struct {
	Place   Place
	Dataset storage.Dataset
	Name    storage.SnapshotName // what it was called
	ID      string
}

// EventType is the effect's name in events.
func (*Reap) EventType() string { return "storage.reap" }

// EventTitle is for people.
func (e *Reap) EventTitle() string { return "free what only " + e.EventKey() + " held" }

// EventKey is the snapshot.
func (e *Reap) EventKey() string { return e.Dataset.At(e.Name).String() }

// Do destroys it, or marks it to go with its last clone.
func (e *Reap) Do(ctx context.Context) error {
	return gone(change(ctx, "destroy", "-d", e.Place.files(e.Dataset)+hiddenSnapshot(e.ID)))
}

// Undo cannot: the effect is only ever deferred.
func (*Reap) Undo(context.Context) error { return nil }
