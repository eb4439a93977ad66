package zfs

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/storage"
)

// Rollback puts a clone of the snapshot in the place of the root file system, whose name it takes. What
// was there is put aside until the commit.
func (d *Driver) Rollback(ctx context.Context, set storage.Dataset, n storage.SnapshotName, o storage.RollbackOptions) (storage.Change, error) {
	const op = "rollback"
	files := d.p.files(set)
	var keep []string
	var keepErr error
	var both sync.WaitGroup
	if set.Validate() == nil {
		both.Go(func() { keep, keepErr = ownProperties(ctx, files) })
	}
	rs, err := d.jail(ctx, op, set, n)
	if both.Wait(); err != nil {
		return storage.Change{}, err
	}
	at := files + "@" + string(n)
	if rs.find(at) == nil {
		return storage.Change{}, storage.NotFound(op, set.At(n))
	}
	var newer []storage.SnapshotName
	var gone []string
	all := rs.snapshots(files)
	for _, r := range all[slices.IndexFunc(all, func(r row) bool { return r.name == at })+1:] {
		gone = append(gone, r.name)
		if n := snapshotName(&r); n[0] != '.' {
			newer = append(newer, n)
		}
	}
	if err := o.Check(set, n, newer); err != nil {
		return storage.Change{}, err
	}
	if len(gone) > 0 {
		err := d.p.unused(ctx, op, set.At(n), d.p.set(set), func(origin string) bool { return slices.Contains(gone, origin) })
		if err != nil {
			return storage.Change{}, err
		}
	}
	if keepErr != nil {
		return storage.Change{}, keepErr
	}
	if i := slices.IndexFunc(rs, func(r row) bool { return strings.HasPrefix(r.name, files+"/") }); i >= 0 {
		return storage.Change{}, fault.New(op, fault.Busy, set.At(n).String(), errors.New(rs[i].name+" is below its files, and would go with what is there now")).
			WithRemedy("zfs rename " + rs[i].name + " to a place beside " + files)
	}
	e := &Rollback{Place: d.p, Dataset: set, Name: n, ID: newID(), Was: rs.find(files).get("guid"), Keep: keep}
	return storage.Change{Do: []events.Effect{e}, After: []events.Effect{&Settle{Place: d.p, Dataset: set, ID: e.ID, before: e}}}, nil
}

// ownProperties are those that a clone does not get by itself, as arguments for it.
func ownProperties(ctx context.Context, name string) ([]string, error) {
	out, err := ask(ctx, "get", "-Hp", "-s", "local,received", "-o", "property,value", "all", name)
	if err != nil {
		return nil, err
	}
	var keep []string
	for line := range strings.Lines(out) {
		key, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		if ok && key != propID && key != "origin" {
			keep = append(keep, key+"="+value)
		}
	}
	return keep, nil
}

// Rollback is the effect that returns a jail to a snapshot.
type Rollback struct {
	Place   Place
	Dataset storage.Dataset
	Name    storage.SnapshotName
	ID      string
	Was     string   // the GUID of the root file system
	Keep    []string // its own properties

	depends bool // it was done here, and the clone depends on what was put aside
}

// EventType is the effect's name in events.
func (*Rollback) EventType() string { return "storage.rollback" }

// EventTitle is for people.
func (e *Rollback) EventTitle() string { return "go back to the files of " + e.EventKey() }

// EventKey is the snapshot.
func (e *Rollback) EventKey() string { return e.Dataset.At(e.Name).String() }

// aside is where the file system is put that was in use before the change id.
func (p Place) aside(set storage.Dataset, id string) string { return p.set(set) + "/." + id }

// Do rolls back.
func (e *Rollback) Do(ctx context.Context) error {
	files, aside := e.Place.files(e.Dataset), e.Place.aside(e.Dataset, e.ID)
	if err := hide(ctx, files, aside); err != nil {
		return err
	}
	storage.Point(ctx, "put aside")
	args := []string{"clone", "-o", propID + "=" + e.ID}
	for _, kv := range e.Keep {
		args = append(args, "-o", kv)
	}
	err := change(ctx, append(args, aside+"@"+string(e.Name), files)...)
	e.depends = err == nil
	return err
}

// Undo brings back the state before, with what was written after the snapshot.
func (e *Rollback) Undo(ctx context.Context) error {
	set, files, aside := e.Place.set(e.Dataset), e.Place.files(e.Dataset), e.Place.aside(e.Dataset, e.ID)
	e.depends = false
	rs, err := get(ctx, 1, set)
	if err != nil || rs.find(set) == nil {
		return err
	}
	if old := rs.find(aside); old != nil && old.get("guid") == e.Was {
		if root := rs.find(files); root != nil {
			if root.id() != e.ID {
				return storage.Changed("undo rollback", e.Dataset.Now())
			}
			if err := remove(ctx, files); err != nil {
				return err
			}
			storage.Point(ctx, "removed")
		}
		if err := rename(ctx, aside, files); err != nil {
			return err
		}
		storage.Point(ctx, "brought back")
	}
	return whole(ctx, set)
}

// Settle is the effect that destroys what a rollback has put aside, after the commit.
type Settle struct {
	Place   Place
	Dataset storage.Dataset
	ID      string

	before *Rollback // which this process did, too, or nil
}

// EventType is the effect's name in events.
func (*Settle) EventType() string { return "storage.settle" }

// EventTitle is for people.
func (e *Settle) EventTitle() string {
	return "delete what " + e.Dataset.String() + " has written since"
}

// EventKey is the dataset.
func (e *Settle) EventKey() string { return e.Dataset.String() }

// Do makes the clone the owner of what it shares with the file system that was put aside.
func (e *Settle) Do(ctx context.Context) error {
	set, files, aside := e.Place.set(e.Dataset), e.Place.files(e.Dataset), e.Place.aside(e.Dataset, e.ID)
	if e.before != nil && e.before.depends {
		e.before.depends = false
		return e.takeOver(ctx)
	}
	rs, err := get(ctx, 1, set)
	if err != nil {
		return err
	}
	root, old := rs.find(files), rs.find(aside)
	if old == nil {
		return nil
	}
	if root == nil {
		return errors.New(files + " is missing, so what it was before is kept as " + aside)
	}
	if strings.HasPrefix(root.get("origin"), aside+"@") {
		return e.takeOver(ctx)
	}
	return remove(ctx, aside)
}

// takeOver promotes the clone, not twice: the second time it would take over the release.
func (e *Settle) takeOver(ctx context.Context) error {
	if err := change(ctx, "promote", e.Place.files(e.Dataset)); err != nil {
		return err
	}
	storage.Point(ctx, "promoted")
	return remove(ctx, e.Place.aside(e.Dataset, e.ID))
}

// Undo cannot: the effect is only ever deferred.
func (*Settle) Undo(context.Context) error { return nil }
