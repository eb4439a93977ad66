package zfs

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/storage"
)

// Destroy moves the dataset into the trash, where nothing is mounted, and destroys it after the commit.
// One that has clones is refused: they would have to go with it.
func (d *Driver) Destroy(ctx context.Context, set storage.Dataset, o storage.DestroyOptions) (storage.Change, error) {
	const op = "destroy"
	if err := set.Validate(); err != nil {
		return storage.Change{}, err
	}
	mark := markOf(d.p.dir(set))
	rs, err := d.p.everything(ctx)
	if err != nil {
		return storage.Change{}, fault.New(op, fault.Unknown, set.String(), err)
	}
	r := rs.find(d.p.set(set))
	if r == nil {
		return storage.Change{}, storage.NotFound(op, set.Now())
	}
	if _, done := d.p.info(set, r, rs.find); !done {
		return storage.Change{}, storage.NotFound(op, set.Now())
	}
	if o.Running {
		return storage.Change{}, storage.Running(op, set, "its files are in use")
	}
	all := rs.clones()
	if set.Kind == storage.Jails {
		// What is in the trash goes before this, or comes back before: a rename does not harm it.
		all = slices.DeleteFunc(all, func(c clone) bool { return strings.HasPrefix(c.name, d.p.Root+"/trash/") })
	}
	by, others := d.p.users(all, set, anyOrigin)
	if err := inUse(op, set.Now(), by, others); err != nil {
		return storage.Change{}, err
	}
	was, err := exactGUID(ctx, r)
	if err != nil {
		return storage.Change{}, fault.New(op, fault.Unknown, set.String(), err)
	}
	e := &Trash{Place: d.p, Dataset: set, ID: newID(), Was: was, mark: mark, first: rs.find(d.p.Root+"/trash") == nil}
	return storage.Change{Do: []events.Effect{e}, After: []events.Effect{&Purge{d.p, set, e.ID}}}, nil
}

// exactGUID is the GUID of a row of everything, which zfs list of pool version 23 rounds, as it does sizes: 5.12E.
func exactGUID(ctx context.Context, r *row) (string, error) {
	if guid := r.get("guid"); guid != "" && strings.Trim(guid, "0123456789") == "" {
		return guid, nil
	}
	rs, err := get(ctx, 0, r.name)
	return rs.find(r.name).get("guid"), err
}

// Trash is the effect that moves a dataset out of sight.
type Trash struct {
	Place   Place
	Dataset storage.Dataset
	ID      string // in the trash
	Was     string // the dataset's GUID

	mark  mark // of it, when it had that
	first bool // there was no trash
}

// EventType is the effect's name in events.
func (*Trash) EventType() string { return "storage.destroy" }

// EventTitle is for people.
func (e *Trash) EventTitle() string { return "move " + e.Dataset.String() + " to the trash" }

// EventKey is the dataset.
func (e *Trash) EventKey() string { return e.Dataset.String() }

// Do moves the dataset, if it still is the one that was meant.
func (e *Trash) Do(ctx context.Context) error {
	if !e.mark.holds() {
		if err := e.Place.is(ctx, "destroy", e.Dataset, e.Was); err != nil {
			return events.Untouched(err)
		}
	}
	if e.first {
		if err := e.Place.makeTrash(ctx); err != nil {
			return err
		}
	}
	trash := e.Place.trash(e.Dataset, e.ID)
	if err := e.Place.discard(ctx, e.Place.set(e.Dataset), trash); err != nil {
		return err
	}
	if e.Dataset.Kind != storage.Releases {
		return nil
	}
	// From here on nobody finds it. Who did before is found now.
	return e.Place.unused(ctx, "destroy", e.Dataset.Now(), trash, anyOrigin)
}

// Undo moves it back.
func (e *Trash) Undo(ctx context.Context) error {
	name, trash := e.Place.set(e.Dataset), e.Place.trash(e.Dataset, e.ID)
	err := persist(ctx, patience, func() error { return change(ctx, "rename", trash, name) })
	switch {
	case errors.Is(err, fault.Exists):
		return storage.Exists("undo destroy", e.Dataset.Now())
	case gone(err) != nil:
		return err
	}
	storage.Point(ctx, "brought back")
	rs, err := get(ctx, 0, name)
	if err != nil || rs.find(name).get("guid") != e.Was {
		return err
	}
	return whole(ctx, name)
}

// Purge is the effect that deletes what was destroyed, after the commit.
type Purge struct {
	Place   Place
	Dataset storage.Dataset // what it was called
	ID      string
}

// EventType is the effect's name in events.
func (*Purge) EventType() string { return "storage.purge" }

// EventTitle is for people.
func (e *Purge) EventTitle() string { return "delete the files of " + e.Dataset.String() }

// EventKey is the dataset.
func (e *Purge) EventKey() string { return e.Dataset.String() }

// Do deletes.
func (e *Purge) Do(ctx context.Context) error {
	return remove(ctx, e.Place.trash(e.Dataset, e.ID))
}

// Undo cannot: the effect is only ever deferred.
func (*Purge) Undo(context.Context) error { return nil }
