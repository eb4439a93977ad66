package mem

import (
	"context"
	"errors"
	"maps"
	"time"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/storage"
)

// Clone shares all files with the source.
func (w *World) Clone(_ context.Context, src storage.Origin, dst storage.Dataset, o storage.CloneOptions) (storage.Change, error) {
	const op = "clone"
	if err := o.Check(src, dst); err != nil {
		return storage.Change{}, err
	}
	files := map[string]string{}
	for name, data := range o.Files {
		if err := storage.CheckFile(dst, name); err != nil {
			return storage.Change{}, err
		}
		files[name] = string(data)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.sets[dst] != nil {
		return storage.Change{}, storage.Exists(op, dst.Now())
	}
	s, _, err := w.source(src)
	if err != nil {
		return storage.Change{}, err
	}
	e := &Clone{w: w, Dataset: dst, Origin: src, Was: s.id, ID: newID(), Created: w.now(), Thick: o.Thick, Files: files}
	return storage.Change{Do: []events.Effect{e}}, nil
}

// source finds what is to be cloned. The caller holds w.mu.
func (w *World) source(src storage.Origin) (*dataset, *tree, error) {
	s, err := w.find("clone", src.Dataset)
	switch {
	case err != nil:
		return nil, nil, err
	case src.Snapshot == "":
		return s, s.tree, nil
	case src.Dataset.Kind == storage.Releases:
		return nil, nil, storage.NoSnapshots("clone", src.Dataset)
	}
	i := s.snapshot(src.Snapshot)
	if i < 0 {
		return nil, nil, storage.NotFound("clone", src)
	}
	return s, s.snaps[i].tree, nil
}

// Clone is the effect that makes a jail.
type Clone struct {
	w       *World
	Dataset storage.Dataset
	Origin  storage.Origin
	Was     string // the source's id
	ID      string // the jail's
	Created time.Time
	Thick   bool
	Files   map[string]string
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

// Do makes the jail.
func (e *Clone) Do(context.Context) error {
	e.w.mu.Lock()
	defer e.w.mu.Unlock()
	if e.w.sets[e.Dataset] != nil {
		return events.Untouched(storage.Exists("clone", e.Dataset.Now()))
	}
	s, t, err := e.w.source(e.Origin)
	if err != nil || s.id != e.Was {
		return events.Untouched(errors.Join(storage.Changed("clone", e.Origin), err))
	}
	c := &dataset{name: e.Dataset, id: e.ID, created: e.Created, origin: e.Origin, files: maps.Clone(e.Files), tree: t.clone()}
	switch {
	case e.Thick:
	case s.name.Kind == storage.Releases:
		c.release = s.id
	default:
		c.release = s.release
	}
	e.w.sets[e.Dataset] = c
	return nil
}

// Undo removes the jail, if it is the one that Do made.
func (e *Clone) Undo(context.Context) error {
	e.w.mu.Lock()
	defer e.w.mu.Unlock()
	if s := e.w.sets[e.Dataset]; s != nil && s.id == e.ID {
		delete(e.w.sets, e.Dataset)
	}
	return nil
}

// Fill plans a dataset that is not in the list before it is published.
func (w *World) Fill(_ context.Context, d storage.Dataset) (storage.Filling, error) {
	if err := d.Validate(); err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.sets[d] != nil {
		return nil, storage.Exists("fill", d.Now())
	}
	return &filling{w, d, newID(), w.now()}, nil
}

type filling struct {
	w       *World
	d       storage.Dataset
	id      string
	created time.Time
}

func (f *filling) Stage() storage.Change {
	return storage.Change{Do: []events.Effect{&Stage{f.w, f.d, f.id, f.created}}}
}

func (f *filling) Publish() storage.Change {
	return storage.Change{Do: []events.Effect{&Publish{f.w, f.d, f.id}}}
}

func (*filling) Dir() string { return "" }

func (f *filling) Tree(context.Context) (storage.Tree, error) {
	f.w.mu.Lock()
	defer f.w.mu.Unlock()
	s, ok := f.w.hidden[f.id]
	if !ok {
		return nil, storage.NotFound("fill", f.d.Now())
	}
	return writer{s.tree, f.w.now}, nil
}

func (f *filling) WriteFile(_ context.Context, name string, data []byte) error {
	if err := storage.CheckFile(f.d, name); err != nil {
		return err
	}
	f.w.mu.Lock()
	defer f.w.mu.Unlock()
	s, ok := f.w.hidden[f.id]
	if !ok {
		return storage.NotFound("fill", f.d.Now())
	}
	s.files[name] = string(data)
	return nil
}

// Stage is the effect that makes an empty dataset, out of sight.
type Stage struct {
	w       *World
	Dataset storage.Dataset
	ID      string
	Created time.Time
}

// EventType is the effect's name in events.
func (*Stage) EventType() string { return "storage.stage" }

// EventTitle is for people.
func (e *Stage) EventTitle() string { return "make room for " + e.Dataset.String() }

// EventKey is the dataset.
func (e *Stage) EventKey() string { return e.Dataset.String() }

// Do makes it.
func (e *Stage) Do(context.Context) error {
	e.w.mu.Lock()
	defer e.w.mu.Unlock()
	if e.w.sets[e.Dataset] != nil {
		return events.Untouched(storage.Exists("fill", e.Dataset.Now()))
	}
	e.w.hidden[e.ID] = &dataset{name: e.Dataset, id: e.ID, created: e.Created, files: map[string]string{}, tree: newTree()}
	return nil
}

// Undo removes it with all that was written to it.
func (e *Stage) Undo(context.Context) error {
	e.w.mu.Lock()
	defer e.w.mu.Unlock()
	delete(e.w.hidden, e.ID)
	return nil
}

// Publish is the effect that gives a complete dataset its name.
type Publish struct {
	w       *World
	Dataset storage.Dataset
	ID      string
}

// EventType is the effect's name in events.
func (*Publish) EventType() string { return "storage.publish" }

// EventTitle is for people.
func (e *Publish) EventTitle() string { return "publish " + e.Dataset.String() }

// EventKey is the dataset.
func (e *Publish) EventKey() string { return e.Dataset.String() }

// Do gives the name.
func (e *Publish) Do(context.Context) error {
	e.w.mu.Lock()
	defer e.w.mu.Unlock()
	s, ok := e.w.hidden[e.ID]
	if e.w.sets[e.Dataset] != nil {
		return events.Untouched(storage.Exists("publish", e.Dataset.Now()))
	}
	if !ok {
		return events.Untouched(storage.NotFound("publish", e.Dataset.Now()))
	}
	delete(e.w.hidden, e.ID)
	e.w.sets[e.Dataset] = s
	return nil
}

// Undo takes the name away, unless others have begun to use it.
func (e *Publish) Undo(context.Context) error {
	e.w.mu.Lock()
	defer e.w.mu.Unlock()
	s := e.w.sets[e.Dataset]
	if s == nil || s.id != e.ID {
		return nil
	}
	if by := e.w.users(s); len(by) > 0 {
		return storage.InUse("undo publish", e.Dataset.Now(), by)
	}
	delete(e.w.sets, e.Dataset)
	e.w.hidden[e.ID] = s
	return nil
}

// Rename changes one name; who uses the dataset knows its id.
func (w *World) Rename(_ context.Context, from, to storage.Dataset, o storage.RenameOptions) (storage.Change, error) {
	const op = "rename"
	w.mu.Lock()
	defer w.mu.Unlock()
	s, err := w.find(op, from)
	if err != nil {
		return storage.Change{}, err
	}
	if err := o.Check(from, to); err != nil || from == to {
		return storage.Change{}, err
	}
	if w.sets[to] != nil {
		return storage.Change{}, storage.Exists(op, to.Now())
	}
	return storage.Change{Do: []events.Effect{&Rename{w, from, to, s.id}}}, nil
}

// Rename is the effect that gives a dataset another name.
type Rename struct {
	w        *World
	From, To storage.Dataset
	Was      string // the dataset's id
}

// EventType is the effect's name in events.
func (*Rename) EventType() string { return "storage.rename" }

// EventTitle is for people.
func (e *Rename) EventTitle() string { return "rename " + e.From.String() + " to " + e.To.String() }

// EventKey is the old name.
func (e *Rename) EventKey() string { return e.From.String() }

// Do renames.
func (e *Rename) Do(context.Context) error {
	e.w.mu.Lock()
	defer e.w.mu.Unlock()
	if e.w.sets[e.To] != nil {
		return events.Untouched(storage.Exists("rename", e.To.Now()))
	}
	if !e.w.rename(e.From, e.To, e.Was) {
		return events.Untouched(storage.Changed("rename", e.From.Now()))
	}
	return nil
}

// Undo gives it its old name back.
func (e *Rename) Undo(context.Context) error {
	e.w.mu.Lock()
	defer e.w.mu.Unlock()
	if s := e.w.sets[e.To]; s == nil || s.id != e.Was {
		return nil
	}
	if e.w.sets[e.From] != nil {
		return storage.Exists("undo rename", e.From.Now())
	}
	e.w.rename(e.To, e.From, e.Was)
	return nil
}

func (w *World) rename(from, to storage.Dataset, id string) bool {
	s := w.sets[from]
	if s == nil || s.id != id {
		return false
	}
	delete(w.sets, from)
	w.sets[to], s.name = s, to
	return true
}
