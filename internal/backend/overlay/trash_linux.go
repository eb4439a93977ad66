package overlay

import (
	"context"
	"errors"
	"io/fs"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/storage"
)

// Destroy moves the dataset into the trash with one rename, and deletes it after the commit. A
// dataset whose state cannot be read can be destroyed too; its layers stay.
func (d *Driver) Destroy(ctx context.Context, set storage.Dataset, o storage.DestroyOptions) (storage.Change, error) {
	const op = "destroy"
	s, _, err := d.l.read(op, set)
	if err != nil && !errors.Is(err, fault.Corrupt) {
		return storage.Change{}, err
	}
	if o.Running {
		return storage.Change{}, storage.Running(op, set, "its files are in use")
	}
	e := &Trash{Root: string(d.l), Dataset: set, ID: newID()}
	var layers []string
	if s != nil {
		e.Was, layers = s.ID, s.layers()
	}
	if err := d.l.unused(ctx, op, set); err != nil {
		return storage.Change{}, err
	}
	return storage.Change{
		Do:    []events.Effect{e},
		After: []events.Effect{&Purge{e.Root, set, e.ID, layers}},
	}, nil
}

// unused fails if the release set has users.
func (l layout) unused(ctx context.Context, op string, set storage.Dataset) error {
	if set.Kind != storage.Releases {
		return nil
	}
	unlock, err := l.lockAll(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	return l.noUsers(op, set)
}

// noUsers is unused under the lock of the layers.
func (l layout) noUsers(op string, set storage.Dataset) error {
	by, err := l.users(set.Name)
	if err != nil {
		return err
	}
	if len(by) > 0 {
		return storage.InUse(op, set.Now(), by)
	}
	return nil
}

// Trash is the effect that moves a dataset out of sight.
type Trash struct {
	Root    string
	Dataset storage.Dataset
	ID      string // in the trash
	Was     string // the dataset's id; empty: its state could not be read
}

// EventType is the effect's name in events.
func (*Trash) EventType() string { return "storage.destroy" }

// EventTitle is for people.
func (e *Trash) EventTitle() string { return "move " + e.Dataset.String() + " to the trash" }

// EventKey is the dataset.
func (e *Trash) EventKey() string { return e.Dataset.String() }

// Do moves the dataset, if it still is the one that was meant.
func (e *Trash) Do(ctx context.Context) error {
	l := layout(e.Root)
	if e.Dataset.Kind == storage.Releases {
		// Nobody may start to use it from here to the end.
		unlock, err := l.lockAll(ctx)
		if err != nil {
			return events.Untouched(err)
		}
		defer unlock()
		if err := l.noUsers("destroy", e.Dataset); err != nil {
			return events.Untouched(err)
		}
	}
	if err := l.is("destroy", e.Dataset, e.Was); err != nil {
		return events.Untouched(err)
	}
	return move(ctx, l.dir(e.Dataset), l.trash(e.ID))
}

// is checks that the dataset is the one with the id was.
func (l layout) is(op string, set storage.Dataset, was string) error {
	s, _, err := l.read(op, set)
	switch {
	case errors.Is(err, fault.Corrupt) && was == "":
		return nil
	case err != nil:
		return err
	case s.ID != was:
		return storage.Changed(op, set.Now())
	}
	return nil
}

// Undo moves it back.
func (e *Trash) Undo(ctx context.Context) error {
	l := layout(e.Root)
	err := move(ctx, l.trash(e.ID), l.dir(e.Dataset))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case errors.Is(err, fs.ErrExist):
		return storage.Exists("undo destroy", e.Dataset.Now())
	}
	return err
}

// Purge is the effect that deletes what was destroyed, after the commit.
type Purge struct {
	Root    string
	Dataset storage.Dataset // what it was called
	ID      string
	Layers  []string `json:",omitempty"` // that it named
}

// EventType is the effect's name in events.
func (*Purge) EventType() string { return "storage.purge" }

// EventTitle is for people.
func (e *Purge) EventTitle() string { return "delete the files of " + e.Dataset.String() }

// EventKey is the dataset.
func (e *Purge) EventKey() string { return e.Dataset.String() }

// Do deletes.
func (e *Purge) Do(ctx context.Context) error {
	l := layout(e.Root)
	return l.remove(ctx, l.trash(e.ID), e.ID, e.Layers...)
}

// Undo cannot: the effect is only ever deferred.
func (*Purge) Undo(context.Context) error { return nil }
