package overlay

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/internal/atomicfile"
	"github.com/libioc/ioc/internal/filetree"
	"github.com/libioc/ioc/storage"
)

// Fill plans a release in its own directory, or a jail in one complete layer.
func (d *Driver) Fill(_ context.Context, set storage.Dataset) (storage.Filling, error) {
	if err := set.Validate(); err != nil {
		return nil, err
	}
	if exists(d.l.dir(set)) {
		return nil, storage.Exists("fill", set.Now())
	}
	id := newID()
	s := &state{Version: stateVersion, ID: id, Change: id, Name: set.Name, Created: d.now()}
	if set.Kind == storage.Jails {
		s.Plain, s.Upper = true, id
	}
	return &filling{l: d.l, set: set, id: id, state: s.encode()}, nil
}

type filling struct {
	l     layout
	set   storage.Dataset
	id    string
	state string
}

func (f *filling) Stage() storage.Change {
	return storage.Change{Do: []events.Effect{&Stage{string(f.l), f.set, f.id, f.state}}}
}

func (f *filling) Publish() storage.Change {
	return storage.Change{Do: []events.Effect{&Publish{string(f.l), f.set, f.id}}}
}

func (f *filling) Dir() string {
	if f.set.Kind == storage.Jails {
		return f.l.fs(f.id)
	}
	return filepath.Join(f.l.hidden(f.set.Kind, f.id), "root")
}

func (f *filling) Tree(context.Context) (storage.Tree, error) {
	return filetree.NewWriter(f.Dir(), options(false))
}

func (f *filling) WriteFile(_ context.Context, name string, data []byte) error {
	if err := validFile(f.set, name); err != nil {
		return err
	}
	return full(atomicfile.WriteFile(filepath.Join(f.l.hidden(f.set.Kind, f.id), name), data, 0o600))
}

// full says of a disk that has no room what it is.
func full(err error) error {
	if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) {
		return fault.New("", fault.NoSpace, "", err).WithRemedy("make room, then try again")
	}
	return err
}

// Stage is the effect that makes an empty dataset, out of sight.
type Stage struct {
	Root    string
	Dataset storage.Dataset
	ID      string
	State   string
}

// EventType is the effect's name in events.
func (*Stage) EventType() string { return "storage.stage" }

// EventTitle is for people.
func (e *Stage) EventTitle() string { return "make room for " + e.Dataset.String() }

// EventKey is the dataset.
func (e *Stage) EventKey() string { return e.Dataset.String() }

// Do makes it.
func (e *Stage) Do(ctx context.Context) error {
	l := layout(e.Root)
	if exists(l.dir(e.Dataset)) {
		return events.Untouched(storage.Exists("fill", e.Dataset.Now()))
	}
	hidden := l.hidden(e.Dataset.Kind, e.ID)
	if err := os.Mkdir(hidden, 0o700); err != nil {
		return events.Untouched(full(err))
	}
	storage.Point(ctx, "hidden")
	if err := atomicfile.WriteFile(filepath.Join(hidden, stateFile), []byte(e.State), 0o600); err != nil {
		return full(err)
	}
	if e.Dataset.Kind == storage.Jails {
		return l.newLayer(ctx, e.ID, func(string) error { return nil })
	}
	return full(os.Mkdir(filepath.Join(hidden, "root"), 0o755))
}

// Undo removes it with all that was written to it.
func (e *Stage) Undo(ctx context.Context) error {
	l := layout(e.Root)
	return l.remove(ctx, l.hidden(e.Dataset.Kind, e.ID), e.ID)
}

// Publish is the effect that gives a complete dataset its name.
type Publish struct {
	Root    string
	Dataset storage.Dataset
	ID      string
}

// EventType is the effect's name in events.
func (*Publish) EventType() string { return "storage.publish" }

// EventTitle is for people.
func (e *Publish) EventTitle() string { return "publish " + e.Dataset.String() }

// EventKey is the dataset.
func (e *Publish) EventKey() string { return e.Dataset.String() }

// Do makes all files durable first: what has a name is complete, also after a power cut.
func (e *Publish) Do(ctx context.Context) error {
	l := layout(e.Root)
	if exists(l.dir(e.Dataset)) {
		return events.Untouched(storage.Exists("publish", e.Dataset.Now()))
	}
	hidden := l.hidden(e.Dataset.Kind, e.ID)
	if err := filetree.Sync(ctx, hidden); err != nil {
		return events.Untouched(full(err))
	}
	storage.Point(ctx, "synced")
	err := move(ctx, hidden, l.dir(e.Dataset))
	if errors.Is(err, fs.ErrExist) {
		return events.Untouched(storage.Exists("publish", e.Dataset.Now()))
	}
	return err
}

// Undo takes the name away, unless others have begun to use it: it is complete, and they were right to.
func (e *Publish) Undo(ctx context.Context) error {
	l := layout(e.Root)
	unlock, err := l.lockAll(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	s, _, err := readState(l.dir(e.Dataset))
	if errors.Is(err, fs.ErrNotExist) || err == nil && s.ID != e.ID {
		return nil
	}
	if err != nil {
		if exists(l.hidden(e.Dataset.Kind, e.ID)) {
			return nil // it has no name yet; what has is another's
		}
		return err
	}
	if e.Dataset.Kind == storage.Releases {
		if err := l.noUsers("undo publish", e.Dataset); err != nil {
			return err
		}
	}
	return move(ctx, l.dir(e.Dataset), l.hidden(e.Dataset.Kind, e.ID))
}
