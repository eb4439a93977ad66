package mem

import (
	"context"
	"slices"
	"time"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/storage"
)

// jail finds a dataset that can have snapshots. The caller holds w.mu.
func (w *World) jail(op string, d storage.Dataset, n storage.SnapshotName) (*dataset, error) {
	if err := n.Validate(); err != nil {
		return nil, err
	}
	if d.Kind == storage.Releases {
		return nil, storage.NoSnapshots(op, d)
	}
	return w.find(op, d)
}

// Snapshot names the present state.
func (w *World) Snapshot(_ context.Context, d storage.Dataset, n storage.SnapshotName, _ storage.SnapshotOptions) (storage.Change, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s, err := w.jail("snapshot", d, n)
	if err != nil {
		return storage.Change{}, err
	}
	if s.snapshot(n) >= 0 {
		return storage.Change{}, storage.Exists("snapshot", d.At(n))
	}
	e := &Snapshot{change{w, d, s.id, newID(), n}, w.now()}
	return storage.Change{Do: []events.Effect{e}}, nil
}

// Rollback returns to a state, and keeps the present one until the commit.
func (w *World) Rollback(_ context.Context, d storage.Dataset, n storage.SnapshotName, o storage.RollbackOptions) (storage.Change, error) {
	const op = "rollback"
	w.mu.Lock()
	defer w.mu.Unlock()
	s, err := w.jail(op, d, n)
	if err != nil {
		return storage.Change{}, err
	}
	at := s.snapshot(n)
	if at < 0 {
		return storage.Change{}, storage.NotFound(op, d.At(n))
	}
	var newer []storage.SnapshotName
	for _, snap := range s.snaps[at+1:] {
		newer = append(newer, snap.name)
	}
	if err := o.Check(d, n, newer); err != nil {
		return storage.Change{}, err
	}
	e := &Rollback{change{w, d, s.id, newID(), n}}
	return storage.Change{Do: []events.Effect{e}, After: []events.Effect{&Purge{w, d, e.ID}}}, nil
}

// DestroySnapshot takes a name away.
func (w *World) DestroySnapshot(_ context.Context, d storage.Dataset, n storage.SnapshotName, _ storage.SnapshotOptions) (storage.Change, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s, err := w.jail("destroy snapshot", d, n)
	if err != nil {
		return storage.Change{}, err
	}
	if s.snapshot(n) < 0 {
		return storage.Change{}, storage.NotFound("destroy snapshot", d.At(n))
	}
	e := &Forget{change{w, d, s.id, newID(), n}}
	return storage.Change{Do: []events.Effect{e}, After: []events.Effect{&Purge{w, d, e.ID}}}, nil
}

// change is what effects on a snapshot have in common.
type change struct {
	w       *World
	Dataset storage.Dataset
	Was     string // the dataset's id
	ID      string // the change's
	Name    storage.SnapshotName
}

// EventKey is the snapshot.
func (e *change) EventKey() string { return e.Dataset.At(e.Name).String() }

// find gives the dataset if it still is the same. The caller holds w.mu.
func (e *change) find() *dataset {
	if s := e.w.sets[e.Dataset]; s != nil && s.id == e.Was {
		return s
	}
	return nil
}

func (e *change) changed(op string) error {
	return events.Untouched(storage.Changed(op, e.Dataset.At(e.Name)))
}

// Snapshot is the effect that gives a jail's present state a name.
type Snapshot struct {
	change
	Created time.Time
}

// EventType is the effect's name in events.
func (*Snapshot) EventType() string { return "storage.snapshot" }

// EventTitle is for people.
func (e *Snapshot) EventTitle() string { return "take snapshot " + e.EventKey() }

// Do takes the snapshot.
func (e *Snapshot) Do(context.Context) error {
	e.w.mu.Lock()
	defer e.w.mu.Unlock()
	s := e.find()
	if s == nil || s.snapshot(e.Name) >= 0 {
		return e.changed("snapshot")
	}
	s.snaps = append(slices.Clone(s.snaps), snapshot{e.ID, e.Name, e.Created, s.tree.clone()})
	return nil
}

// Undo takes the name away.
func (e *Snapshot) Undo(context.Context) error {
	e.w.mu.Lock()
	defer e.w.mu.Unlock()
	if s := e.find(); s != nil {
		s.snaps = slices.DeleteFunc(slices.Clone(s.snaps), func(snap snapshot) bool { return snap.id == e.ID })
	}
	return nil
}

// Rollback is the effect that returns a jail to a snapshot.
type Rollback struct{ change }

// EventType is the effect's name in events.
func (*Rollback) EventType() string { return "storage.rollback" }

// EventTitle is for people.
func (e *Rollback) EventTitle() string { return "go back to the files of " + e.EventKey() }

// Do rolls back.
func (e *Rollback) Do(context.Context) error {
	e.w.mu.Lock()
	defer e.w.mu.Unlock()
	s := e.find()
	if s == nil || s.snapshot(e.Name) < 0 {
		return e.changed("rollback")
	}
	e.w.past[e.ID] = past{s.tree, s.snaps}
	at := s.snapshot(e.Name)
	s.tree, s.snaps = s.snaps[at].tree.clone(), s.snaps[:at+1:at+1]
	return nil
}

// Undo brings back the state before, with what was written after the snapshot.
func (e *Rollback) Undo(context.Context) error { return e.restore() }

func (e *change) restore() error {
	e.w.mu.Lock()
	defer e.w.mu.Unlock()
	p, ok := e.w.past[e.ID]
	if s := e.find(); ok && s != nil {
		s.snaps = p.snaps
		if p.tree != nil {
			s.tree = p.tree
		}
	}
	delete(e.w.past, e.ID)
	return nil
}

// Forget is the effect that takes a snapshot's name away.
type Forget struct{ change }

// EventType is the effect's name in events.
func (*Forget) EventType() string { return "storage.snapshot.destroy" }

// EventTitle is for people.
func (e *Forget) EventTitle() string { return "forget snapshot " + e.EventKey() }

// Do forgets the snapshot.
func (e *Forget) Do(context.Context) error {
	e.w.mu.Lock()
	defer e.w.mu.Unlock()
	s := e.find()
	if s == nil || s.snapshot(e.Name) < 0 {
		return e.changed("destroy snapshot")
	}
	e.w.past[e.ID] = past{nil, s.snaps}
	at := s.snapshot(e.Name)
	s.snaps = slices.Delete(slices.Clone(s.snaps), at, at+1)
	return nil
}

// Undo brings it back.
func (e *Forget) Undo(context.Context) error { return e.restore() }

// Destroy moves the dataset into the trash, and forgets it after the commit.
func (w *World) Destroy(_ context.Context, d storage.Dataset, o storage.DestroyOptions) (storage.Change, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s, err := w.find("destroy", d)
	if err != nil {
		return storage.Change{}, err
	}
	if o.Running {
		return storage.Change{}, storage.Running("destroy", d, "its files are in use")
	}
	if by := w.users(s); len(by) > 0 {
		return storage.Change{}, storage.InUse("destroy", d.Now(), by)
	}
	e := &Trash{w, d, newID(), s.id}
	return storage.Change{Do: []events.Effect{e}, After: []events.Effect{&Purge{w, d, e.ID}}}, nil
}

// Trash is the effect that moves a dataset out of sight.
type Trash struct {
	w       *World
	Dataset storage.Dataset
	ID      string // in the trash
	Was     string // the dataset's id
}

// EventType is the effect's name in events.
func (*Trash) EventType() string { return "storage.destroy" }

// EventTitle is for people.
func (e *Trash) EventTitle() string { return "move " + e.Dataset.String() + " to the trash" }

// EventKey is the dataset.
func (e *Trash) EventKey() string { return e.Dataset.String() }

// Do moves it, if it still is the one that was meant, and nobody uses it.
func (e *Trash) Do(context.Context) error {
	e.w.mu.Lock()
	defer e.w.mu.Unlock()
	s := e.w.sets[e.Dataset]
	if s == nil || s.id != e.Was {
		return events.Untouched(storage.Changed("destroy", e.Dataset.Now()))
	}
	if by := e.w.users(s); len(by) > 0 {
		return events.Untouched(storage.InUse("destroy", e.Dataset.Now(), by))
	}
	delete(e.w.sets, e.Dataset)
	e.w.trash[e.ID] = s
	return nil
}

// Undo moves it back.
func (e *Trash) Undo(context.Context) error {
	e.w.mu.Lock()
	defer e.w.mu.Unlock()
	s, ok := e.w.trash[e.ID]
	if !ok {
		return nil
	}
	if e.w.sets[e.Dataset] != nil {
		return storage.Exists("undo destroy", e.Dataset.Now())
	}
	delete(e.w.trash, e.ID)
	e.w.sets[e.Dataset] = s
	return nil
}

// Purge is the effect that forgets, after the commit, what an undo would have needed.
type Purge struct {
	w       *World
	Dataset storage.Dataset
	ID      string // of the change
}

// EventType is the effect's name in events.
func (*Purge) EventType() string { return "storage.purge" }

// EventTitle is for people.
func (e *Purge) EventTitle() string { return "delete the files of " + e.Dataset.String() }

// EventKey is the dataset.
func (e *Purge) EventKey() string { return e.Dataset.String() }

// Do forgets it.
func (e *Purge) Do(context.Context) error {
	e.w.mu.Lock()
	defer e.w.mu.Unlock()
	delete(e.w.trash, e.ID)
	delete(e.w.past, e.ID)
	return nil
}

// Undo cannot: the effect is only ever deferred.
func (*Purge) Undo(context.Context) error { return nil }
