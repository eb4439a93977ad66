package overlay

import (
	"context"
	"errors"
	"io/fs"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/storage"
)

// Rename is one rename of a directory: nothing else knows a dataset's name, but jails know their release's.
func (d *Driver) Rename(ctx context.Context, from, to storage.Dataset, o storage.RenameOptions) (storage.Change, error) {
	const op = "rename"
	s, _, err := d.l.read(op, from)
	if err != nil {
		return storage.Change{}, err
	}
	if err := o.Check(from, to); err != nil || from == to {
		return storage.Change{}, err
	}
	if exists(d.l.dir(to)) {
		return storage.Change{}, storage.Exists(op, to.Now())
	}
	if err := d.l.unused(ctx, op, from); err != nil {
		return storage.Change{}, err
	}
	return storage.Change{Do: []events.Effect{&Rename{string(d.l), from, to, s.ID}}}, nil
}

// Rename is the effect that gives a dataset another name.
type Rename struct {
	Root     string
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
func (e *Rename) Do(ctx context.Context) error {
	l := layout(e.Root)
	unlock, err := l.lockAll(ctx)
	if err != nil {
		return events.Untouched(err)
	}
	defer unlock()
	if err := l.is("rename", e.From, e.Was); err != nil {
		return events.Untouched(err)
	}
	if e.From.Kind == storage.Releases {
		if err := l.noUsers("rename", e.From); err != nil {
			return events.Untouched(err)
		}
	}
	err = move(ctx, l.dir(e.From), l.dir(e.To))
	if errors.Is(err, fs.ErrExist) {
		return events.Untouched(storage.Exists("rename", e.To.Now()))
	}
	return err
}

// Undo gives it its old name back.
func (e *Rename) Undo(ctx context.Context) error {
	l := layout(e.Root)
	s, _, err := readState(l.dir(e.To))
	if errors.Is(err, fs.ErrNotExist) || err == nil && s.ID != e.Was {
		return nil
	}
	if err != nil {
		if was, _, e := readState(l.dir(e.From)); e == nil && was.ID != "" {
			return nil // it has its old name; what is at the new one is another's
		}
		return err
	}
	err = move(ctx, l.dir(e.To), l.dir(e.From))
	if errors.Is(err, fs.ErrExist) {
		return storage.Exists("undo rename", e.From.Now())
	}
	return err
}
