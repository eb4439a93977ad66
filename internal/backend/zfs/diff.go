package zfs

import (
	"context"
	"errors"
	"time"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/storage"
)

// Compare shows each snapshot as a clone that goes after the commit, and looks at the files. There is zfs diff, which knows no
// attributes, wants the present state to be one of the two or both to be of one file system, and came after pool version 23.
func (d *Driver) Compare(ctx context.Context, set storage.Dataset, from, to storage.SnapshotName) (storage.Change, func(context.Context) ([]storage.Difference, error), error) {
	const op = "diff"
	fail := func(err error) (storage.Change, func(context.Context) ([]storage.Difference, error), error) {
		return storage.Change{}, nil, err
	}
	rs, err := d.jail(ctx, op, set, from)
	if err != nil {
		return fail(err)
	}
	now, err := rootOf(set, rs.find(d.p.set(set)), rs.find(d.p.files(set)))
	if err != nil {
		return fail(err)
	}
	var kept time.Time
	c, dirs := storage.Change{}, [2]string{now.Dir, now.Dir}
	for i, n := range []storage.SnapshotName{from, to} {
		if n == "" {
			continue
		}
		r := rs.find(d.p.files(set) + "@" + string(n))
		if r == nil {
			return fail(storage.NotFound(op, set.At(n)))
		}
		if kept.IsZero() || r.created().Before(kept) {
			kept = r.created()
		}
		e := &Show{d.p, set, n, newID()}
		dirs[i] = d.p.hiddenDir(set.Kind, e.ID)
		c.Do = append(c.Do, e)
		c.After = append(c.After, &Clear{Name: e.name()})
	}
	return c, func(ctx context.Context) ([]storage.Difference, error) {
		all, err := compare(ctx, dirs[0], dirs[1], kept)
		if err != nil {
			return nil, fault.New(op, kindOf(err), set.String(), err)
		}
		return all, nil
	}, nil
}

// Show is the effect that lets a snapshot's files be seen: as a clone that cannot be written.
type Show struct {
	Place    Place
	Dataset  storage.Dataset
	Snapshot storage.SnapshotName
	ID       string
}

// EventType is the effect's name in events.
func (*Show) EventType() string { return "storage.show" }

// EventTitle is for people.
func (e *Show) EventTitle() string { return "show the files of " + e.EventKey() }

// EventKey is the snapshot.
func (e *Show) EventKey() string { return e.Dataset.At(e.Snapshot).String() }

func (e *Show) name() string { return e.Place.hidden(e.Dataset.Kind, e.ID) }

// Do clones.
func (e *Show) Do(ctx context.Context) error {
	from := e.Place.files(e.Dataset) + "@" + string(e.Snapshot)
	err := change(ctx, "clone", "-o", "readonly=on", "-o", propID+"="+e.ID, from, e.name())
	if errors.Is(err, fault.NotFound) {
		return events.Untouched(storage.Changed("diff", e.Dataset.At(e.Snapshot)))
	}
	return err
}

// Undo removes the clone.
func (e *Show) Undo(ctx context.Context) error { return (&Clear{Name: e.name()}).Do(ctx) }
