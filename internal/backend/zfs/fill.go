package zfs

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/internal/atomicfile"
	"github.com/libioc/ioc/storage"
)

// Fill plans a file system for the small files and one for the root.
func (d *Driver) Fill(ctx context.Context, set storage.Dataset) (storage.Filling, error) {
	if err := set.Validate(); err != nil {
		return nil, err
	}
	rs, err := get(ctx, 0, d.p.set(set))
	if err != nil {
		return nil, err
	}
	if len(rs) > 0 {
		return nil, storage.Exists("fill", set.Now())
	}
	return &filling{p: d.p, set: set, id: newID()}, nil
}

type filling struct {
	p   Place
	set storage.Dataset
	id  string
}

func (f *filling) Stage() storage.Change {
	return storage.Change{Do: []events.Effect{&Stage{f.p, f.set, f.id}}}
}

func (f *filling) Publish() storage.Change {
	return storage.Change{Do: []events.Effect{&Publish{f.p, f.set, f.id}}}
}

func (f *filling) Dir() string { return filepath.Join(f.p.hiddenDir(f.set.Kind, f.id), "root") }

func (f *filling) Tree(context.Context) (storage.Tree, error) { return openTree(f.Dir()) }

func (f *filling) WriteFile(_ context.Context, name string, data []byte) error {
	if err := validFile(f.set, name); err != nil {
		return err
	}
	return atomicfile.WriteFile(filepath.Join(f.p.hiddenDir(f.set.Kind, f.id), name), data, 0o600)
}

// Stage is the effect that makes an empty dataset, out of sight.
type Stage struct {
	Place   Place
	Dataset storage.Dataset
	ID      string
}

// EventType is the effect's name in events.
func (*Stage) EventType() string { return "storage.stage" }

// EventTitle is for people.
func (e *Stage) EventTitle() string { return "make room for " + e.Dataset.String() }

// EventKey is the dataset.
func (e *Stage) EventKey() string { return e.Dataset.String() }

// Do makes it.
func (e *Stage) Do(ctx context.Context) error {
	rs, err := get(ctx, 0, e.Place.set(e.Dataset))
	if err != nil {
		return events.Untouched(err)
	}
	if len(rs) > 0 {
		return events.Untouched(storage.Exists("fill", e.Dataset.Now()))
	}
	name := e.Place.hidden(e.Dataset.Kind, e.ID)
	if err := change(ctx, "create", "-o", propID+"="+e.ID, name); err != nil {
		return err
	}
	storage.Point(ctx, "hidden")
	if err := os.Chmod(e.Place.hiddenDir(e.Dataset.Kind, e.ID), 0o700); err != nil {
		return err
	}
	return change(ctx, "create", "-o", propID+"="+e.ID, name+"/root")
}

// Undo removes it with all that was written to it.
func (e *Stage) Undo(ctx context.Context) error {
	return remove(ctx, e.Place.hidden(e.Dataset.Kind, e.ID))
}

// Publish is the effect that gives a complete dataset its name.
type Publish struct {
	Place   Place
	Dataset storage.Dataset
	ID      string
}

// EventType is the effect's name in events.
func (*Publish) EventType() string { return "storage.publish" }

// EventTitle is for people.
func (e *Publish) EventTitle() string { return "publish " + e.Dataset.String() }

// EventKey is the dataset.
func (e *Publish) EventKey() string { return e.Dataset.String() }

// Do takes the snapshot that jails will be cloned from, and renames. Either waits until all that was written before
// is on the disk, which is what a name promises.
func (e *Publish) Do(ctx context.Context) error {
	from, to := e.Place.hidden(e.Dataset.Kind, e.ID), e.Place.set(e.Dataset)
	if e.Dataset.Kind == storage.Releases {
		if err := change(ctx, "snapshot", from+"/root@p0"); err != nil {
			return err
		}
		storage.Point(ctx, "snapshot taken")
	}
	err := rename(ctx, from, to)
	if errors.Is(err, fault.Exists) {
		if undone := e.withdraw(ctx); undone != nil {
			return errors.Join(err, undone)
		}
		return events.Untouched(storage.Exists("publish", e.Dataset.Now()))
	}
	return err
}

// Undo takes the name away, unless others have begun to use it: it is complete, and they were right to.
func (e *Publish) Undo(ctx context.Context) error {
	name := e.Place.set(e.Dataset)
	rs, err := get(ctx, 1, name)
	if err != nil {
		return err
	}
	if rs.find(name).id() == e.ID {
		if err := e.Place.unused(ctx, "undo publish", e.Dataset.Now(), name, anyOrigin); err != nil {
			return err
		}
		if err := rename(ctx, name, e.Place.hidden(e.Dataset.Kind, e.ID)); err != nil {
			return err
		}
		storage.Point(ctx, "withdrawn")
	}
	return e.withdraw(ctx)
}

// withdraw makes the dataset without a name what it was before.
func (e *Publish) withdraw(ctx context.Context) error {
	hidden := e.Place.hidden(e.Dataset.Kind, e.ID)
	var err error
	if e.Dataset.Kind == storage.Releases {
		err = gone(change(ctx, "destroy", hidden+"/root@p0"))
	}
	return errors.Join(err, whole(ctx, hidden))
}
