package zfs

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/storage"
)

// Clone plans a clone of a snapshot; the present state of a jail gets one first that nobody sees and
// that goes with its last clone.
func (d *Driver) Clone(ctx context.Context, src storage.Origin, dst storage.Dataset, o storage.CloneOptions) (storage.Change, error) {
	const op = "clone"
	if err := o.Check(src, dst); err != nil {
		return storage.Change{}, err
	}
	for name := range o.Files {
		if err := validFile(dst, name); err != nil {
			return storage.Change{}, err
		}
	}
	info, rs, err := d.read(ctx, op, src.Dataset, 2, d.p.set(dst))
	if err != nil {
		return storage.Change{}, err
	}
	if rs.find(d.p.set(dst)) != nil {
		return storage.Change{}, storage.Exists(op, dst.Now())
	}
	if info.Broken != nil {
		return storage.Change{}, fault.New(op, fault.Unknown, src.String(), info.Broken)
	}
	e := &Clone{Place: d.p, Dataset: dst, Origin: src, ID: newID(), Thick: o.Thick, Files: o.Files}
	c := storage.Change{Do: []events.Effect{e}}
	files := d.p.files(src.Dataset)
	switch {
	case src.Dataset.Kind == storage.Releases && src.Snapshot != "":
		return storage.Change{}, storage.NoSnapshots(op, src.Dataset)
	case src.Dataset.Kind == storage.Releases:
		e.From = latest(rs.snapshots(files))
		if e.From == "" { // of libioc, which takes it for the first jail
			e.From = files + "@p0"
			c.Do = []events.Effect{&Snapshot{Place: d.p, Dataset: src.Dataset, Name: "p0", ID: newID()}, e}
		}
	case src.Snapshot == "":
		e.From, e.Take = files+hiddenSnapshot(e.ID), true
	default:
		e.From = files + "@" + string(src.Snapshot)
		if rs.find(e.From) == nil {
			return storage.Change{}, storage.NotFound(op, src)
		}
	}
	return c, nil
}

// latest is the snapshot of a release with its last patches: p0, p1 and so on.
func latest(snapshots rows) string {
	name, most := "", -1
	for _, r := range snapshots {
		n, ok := strings.CutPrefix(string(snapshotName(&r)), "p")
		if v, err := parseLevel(n); ok && err == nil && v > most {
			name, most = r.name, v
		}
	}
	return name
}

// Clone is the effect that makes a jail.
type Clone struct {
	Place   Place
	Dataset storage.Dataset
	Origin  storage.Origin
	ID      string
	From    string // the snapshot
	Take    bool   // it is taken for this
	Thick   bool   // copied, not cloned
	Files   map[string][]byte
}

// EventType is the effect's name in events.
func (*Clone) EventType() string { return "storage.clone" }

// EventTitle is for people.
func (e *Clone) EventTitle() string {
	if e.Thick {
		return "copy files of " + e.Origin.String()
	}
	return "clone files of " + e.Origin.String()
}

// EventKey is the new dataset.
func (e *Clone) EventKey() string { return e.Dataset.String() }

// Do makes the jail under its name, which zfs create gives to one only. It counts as there when its
// root file system is; what was written before is on the disk then, because that waits for it.
func (e *Clone) Do(ctx context.Context) error {
	if e.Take {
		if err := change(ctx, "snapshot", e.From); err != nil {
			if errors.Is(err, fault.NotFound) {
				return events.Untouched(storage.Changed("clone", e.Origin))
			}
			return err
		}
		storage.Point(ctx, "snapshot taken")
	}
	name := e.Place.set(e.Dataset)
	err := change(ctx, "create", "-o", propID+"="+e.ID, "-o", propOrigin+"="+e.Origin.String(), name)
	if errors.Is(err, fault.Exists) {
		if undone := e.forget(ctx); undone != nil {
			return errors.Join(storage.Exists("clone", e.Dataset.Now()), undone)
		}
		return events.Untouched(storage.Exists("clone", e.Dataset.Now()))
	}
	if err != nil {
		return err
	}
	storage.Point(ctx, "made")
	dir := e.Place.dir(e.Dataset)
	if err := e.begin(dir); err != nil {
		return err
	}
	if e.Thick {
		err = e.copy(ctx, name+"/root")
	} else {
		err = change(ctx, "clone", "-o", propID+"="+e.ID, e.From, name+"/root")
	}
	if err != nil {
		return err
	}
	storage.Point(ctx, "cloned")
	return errors.Join(e.forget(ctx), os.Remove(filepath.Join(dir, making)))
}

// begin writes the small files.
func (e *Clone) begin(dir string) error {
	if err := os.Chmod(dir, 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, making), nil, 0o600); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(e.Files)) {
		if err := os.WriteFile(filepath.Join(dir, name), e.Files[name], 0o600); err != nil {
			return err
		}
	}
	return nil
}

// forget lets the snapshot that was taken go with its last clone.
func (e *Clone) forget(ctx context.Context) error {
	if !e.Take {
		return nil
	}
	return gone(change(ctx, "destroy", "-d", e.From))
}

// copy makes a file system that shares nothing.
func (e *Clone) copy(ctx context.Context, to string) error {
	if err := pipe(ctx, []string{"send", e.From}, []string{"receive", to}, nil); err != nil {
		return err
	}
	storage.Point(ctx, "received")
	_, n, _ := strings.Cut(e.From, "@")
	return change(ctx, "destroy", to+"@"+n)
}

// Undo removes the jail with all that was done to it since, if it is the one that Do made.
func (e *Clone) Undo(ctx context.Context) error {
	return errors.Join(e.Place.unmake(ctx, e.Dataset, e.ID), e.forget(ctx))
}

// unmake destroys the dataset that the change made, by way of the trash, so that no half of it is ever seen.
func (p Place) unmake(ctx context.Context, set storage.Dataset, id string) error {
	name, trash := p.set(set), p.trash(set, id)
	rs, err := get(ctx, 1, name)
	if err != nil {
		return err
	}
	if rs.find(name).id() == id {
		if err := p.unused(ctx, "undo", set.Now(), name, anyOrigin); err != nil {
			return err
		}
		if err := p.discard(ctx, name, trash); err != nil {
			return err
		}
	}
	storage.Point(ctx, "discarded")
	return remove(ctx, trash)
}

// discard moves a dataset into the trash, which is made when it is first needed.
func (p Place) discard(ctx context.Context, name, trash string) error {
	err := hide(ctx, name, trash)
	if !errors.Is(err, fault.NotFound) {
		return err
	}
	if made := p.makeTrash(ctx); made != nil {
		return fmt.Errorf("%w: %w", err, made)
	}
	return hide(ctx, name, trash)
}

func (p Place) makeTrash(ctx context.Context) error {
	err := change(ctx, "create", "-o", "mountpoint=none", p.Root+"/trash")
	if errors.Is(err, fault.Exists) {
		return nil
	}
	return err
}
