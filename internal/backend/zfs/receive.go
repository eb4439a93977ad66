package zfs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/storage"
)

// Receive lets a new dataset come out of sight, and then gives it its name. What goes on from a snapshot comes into a clone of that
// snapshot, in the place of the root file system, which is put aside as for a rollback: zfs receive would
// destroy at once what was written since.
func (d *Driver) Receive(ctx context.Context, set storage.Dataset, in storage.Delivery) (storage.Change, error) {
	const op = "receive"
	if err := errors.Join(set.Validate(), in.Snapshot.Validate(), checkParts(in)); err != nil {
		return storage.Change{}, err
	}
	for name := range in.Files {
		if err := validFile(set, name); err != nil {
			return storage.Change{}, err
		}
	}
	if set.Kind == storage.Releases {
		return storage.Change{}, storage.NoSnapshots(op, set)
	}
	stream := &inflow{in}
	if in.Parts[0].Base == "" {
		rs, err := get(ctx, 0, d.p.set(set))
		if err != nil {
			return storage.Change{}, err
		}
		if len(rs) > 0 {
			return storage.Change{}, storage.Exists(op, set.Now())
		}
		e := &Receive{Place: d.p, Dataset: set, Snapshot: in.Snapshot, ID: newID(), Files: in.Files, in: stream}
		return storage.Change{Do: []events.Effect{e, &Publish{d.p, set, e.ID}}}, nil
	}
	all, err := d.Snapshots(ctx, set)
	if err != nil {
		return storage.Change{}, err
	}
	if slices.ContainsFunc(all, func(s storage.Snapshot) bool { return s.Name == in.Snapshot }) && !in.DestroyNewer {
		return storage.Change{}, storage.Exists(op, set.At(in.Snapshot))
	}
	i := slices.IndexFunc(all, func(s storage.Snapshot) bool { return s.ID == in.Parts[0].Base })
	if i < 0 {
		return storage.Change{}, storage.NotFound(op, set.Now())
	}
	c, err := d.Rollback(ctx, set, all[i].Name, storage.RollbackOptions{DestroyNewer: in.DestroyNewer})
	if err != nil {
		return storage.Change{}, err
	}
	back := c.Do[0].(*Rollback) //nolint:errcheck,forcetypeassert // it is ours
	if slices.ContainsFunc(all[:i], func(s storage.Snapshot) bool { return s.Name == in.Snapshot }) {
		return storage.Change{}, storage.Exists(op, set.At(in.Snapshot))
	}
	return storage.Change{
		Do:    []events.Effect{&Advance{Rollback: *back, Snapshot: in.Snapshot, GUID: in.Parts[0].ID, in: stream}},
		After: []events.Effect{&Settle{Place: d.p, Dataset: set, ID: back.ID}},
	}, nil
}

// checkParts refuses what Send does not send: the parts are told by whoever sends.
func checkParts(in storage.Delivery) error {
	if in.Form != form {
		return fault.New("receive", fault.NotSupported, "", fmt.Errorf("what was sent is kept as %q, and here jails are kept on ZFS", in.Form))
	}
	bad := func(path string) error {
		return fault.New("receive", fault.Corrupt, "", fmt.Errorf("%q is no file system that a jail has", path))
	}
	seen := map[string]bool{}
	for i, p := range in.Parts {
		parent, _, nested := cutLast(p.Path)
		switch {
		case (p.Path == "root") != (i == 0), seen[p.Path], !storage.ValidPath(p.Path), nested && !seen[parent], i > 0 && p.Base != "":
			return bad(p.Path)
		case slices.ContainsFunc(strings.Split(p.Path, "/"), func(elem string) bool { return storage.Name(elem).Validate() != nil }):
			return bad(p.Path)
		}
		seen[p.Path] = true
	}
	if len(in.Parts) == 0 {
		return bad("")
	}
	return nil
}

func cutLast(path string) (before, after string, ok bool) {
	if i := strings.LastIndexByte(path, '/'); i >= 0 {
		return path[:i], path[i+1:], true
	}
	return "", path, false
}

// inflow is what comes; it cannot be written down, and so is there only for the process that has planned to receive it.
type inflow struct{ storage.Delivery }

// receive gives a part to zfs as the snapshot called to.
func (in *inflow) receive(ctx context.Context, part int, to string, flags ...string) error {
	if in == nil {
		return events.Untouched(fault.New("receive", fault.Internal, to, errors.New("there is no stream any more")))
	}
	r, err := in.Open(ctx, part)
	if err != nil {
		return err
	}
	p := in.Parts[part]
	if r, err = opening(r, p.ID, p.Base); err != nil {
		return err
	}
	if err := feed(ctx, r, append(append([]string{"receive"}, flags...), to)...); err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, r); err != nil { // zfs does not read what is behind its end
		return err
	}
	rs, err := get(ctx, 0, to)
	if err == nil && rs.find(to).get("guid") != p.ID {
		err = fault.New("receive", fault.Corrupt, to, errors.New("it is not the snapshot that was sent"))
	}
	return err
}

// Receive is the effect that makes a dataset of streams, out of sight.
type Receive struct {
	Place    Place
	Dataset  storage.Dataset
	Snapshot storage.SnapshotName
	ID       string
	Files    map[string][]byte

	in *inflow
}

// EventType is the effect's name in events.
func (*Receive) EventType() string { return "storage.receive" }

// EventTitle is for people.
func (e *Receive) EventTitle() string { return "receive the files of " + e.EventKey() }

// EventKey is the snapshot.
func (e *Receive) EventKey() string { return e.Dataset.At(e.Snapshot).String() }

// Do receives one file system after the other.
func (e *Receive) Do(ctx context.Context) error {
	rs, err := get(ctx, 0, e.Place.set(e.Dataset))
	if err != nil {
		return events.Untouched(err)
	}
	if len(rs) > 0 {
		return events.Untouched(storage.Exists("receive", e.Dataset.Now()))
	}
	if e.in == nil {
		return e.in.receive(ctx, 0, "")
	}
	name, dir := e.Place.hidden(e.Dataset.Kind, e.ID), e.Place.hiddenDir(e.Dataset.Kind, e.ID)
	if err := change(ctx, "create", "-o", propID+"="+e.ID, name); err != nil {
		return err
	}
	storage.Point(ctx, "hidden")
	if err := os.Chmod(dir, 0o700); err != nil {
		return err
	}
	for _, file := range slices.Sorted(maps.Keys(e.Files)) {
		if err := os.WriteFile(filepath.Join(dir, file), e.Files[file], 0o600); err != nil {
			return err
		}
	}
	for i, p := range e.in.Parts {
		if err := e.in.receive(ctx, i, name+"/"+p.Path+"@"+string(e.Snapshot)); err != nil {
			return err
		}
		storage.Point(ctx, p.Path+" received")
	}
	return e.in.Whole()
}

// Undo removes what has come.
func (e *Receive) Undo(ctx context.Context) error {
	return remove(ctx, e.Place.hidden(e.Dataset.Kind, e.ID))
}

// Advance is the effect that brings a jail on from a snapshot to one that was sent.
type Advance struct {
	Rollback // to the snapshot that it goes on from

	Snapshot storage.SnapshotName
	GUID     string // of that

	in *inflow
}

// EventType is the effect's name in events.
func (*Advance) EventType() string { return "storage.advance" }

// EventTitle is for people.
func (e *Advance) EventTitle() string {
	return "receive what is new in " + e.EventKey() + " since " + string(e.Name)
}

// EventKey is the snapshot.
func (e *Advance) EventKey() string { return e.Dataset.At(e.Snapshot).String() }

// Do puts a clone of the snapshot in the place of the files, as a rollback does, makes it the owner of the snapshots, because
// zfs receive goes on from a snapshot of the same file system only, and receives into it.
func (e *Advance) Do(ctx context.Context) error {
	if e.in == nil {
		return e.in.receive(ctx, 0, "")
	}
	if err := e.Rollback.Do(ctx); err != nil {
		return err
	}
	storage.Point(ctx, "cloned")
	files := e.Place.files(e.Dataset)
	if err := change(ctx, "promote", files); err != nil {
		return err
	}
	storage.Point(ctx, "promoted")
	// -F: to mount a file system is to write to it. Nobody has written anything else to the clone.
	if err := e.in.receive(ctx, 0, files+"@"+string(e.Snapshot), "-F"); err != nil {
		return err
	}
	storage.Point(ctx, "received")
	return errors.Join(e.in.Whole(), whole(ctx, e.Place.set(e.Dataset)))
}

// Undo gives the snapshots back to what was put aside, and that its place.
func (e *Advance) Undo(ctx context.Context) error {
	set, files, aside := e.Place.set(e.Dataset), e.Place.files(e.Dataset), e.Place.aside(e.Dataset, e.ID)
	rs, err := get(ctx, 1, set)
	if err != nil {
		return err
	}
	old, root := rs.find(aside), rs.find(files)
	if old != nil && old.get("guid") == e.Was && root.id() == e.ID && strings.HasPrefix(old.get("origin"), files+"@") {
		if err := change(ctx, "promote", aside); err != nil {
			return err
		}
		storage.Point(ctx, "given back")
	}
	return e.Rollback.Undo(ctx)
}
