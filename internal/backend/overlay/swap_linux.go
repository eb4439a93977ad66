package overlay

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/internal/atomicfile"
	"github.com/libioc/ioc/internal/filetree"
	"github.com/libioc/ioc/storage"
)

// swap is what the effects on one jail have in common: a layer is made, if there is one to make,
// and storage.json goes from Old to New. Both are known before, so the journal has all that the undo
// needs from the first moment on, and nobody else's state is ever taken for this one's.
type swap struct {
	Root    string
	Dataset storage.Dataset
	ID      string // of the change, and of the layer it makes
	Old     string // storage.json as it was planned on
	New     string
}

// EventKey is the dataset.
func (e *swap) EventKey() string { return e.Dataset.String() }

func (d *Driver) swap(set storage.Dataset, id string, old []byte, s *state) swap {
	return swap{Root: string(d.l), Dataset: set, ID: id, Old: string(old), New: s.encode()}
}

// do makes the layer with fill (nil: there is none to make) and replaces the state.
func (e *swap) do(ctx context.Context, op string, fill func(dir string) error) error {
	l := layout(e.Root)
	dir := l.dir(e.Dataset)
	unlock, err := lockDir(ctx, dir)
	if errors.Is(err, fs.ErrNotExist) {
		return events.Untouched(storage.NotFound(op, e.Dataset.Now()))
	}
	if err != nil {
		return events.Untouched(err)
	}
	defer unlock()
	if now, err := os.ReadFile(filepath.Join(dir, stateFile)); err != nil || string(now) != e.Old {
		return events.Untouched(errors.Join(storage.Changed(op, e.Dataset.Now()), err))
	}
	if fill != nil {
		if err := l.newLayer(ctx, e.ID, fill); err != nil {
			return err
		}
	}
	storage.Point(ctx, "before the switch")
	err = atomicfile.WriteFile(filepath.Join(dir, stateFile), []byte(e.New), 0o600)
	storage.Point(ctx, "switched")
	return err
}

// undo brings the old state back if it is still this change that made the present one, and removes
// the layer. keep, which may be nil, gives a state to go to instead of the old one.
func (e *swap) undo(ctx context.Context, keep func(l layout) (string, error)) error {
	l := layout(e.Root)
	dir := l.dir(e.Dataset)
	unlock, err := lockDir(ctx, dir)
	if err == nil {
		defer unlock()
		err = e.restore(ctx, l, dir, keep)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return l.collect(ctx, []string{e.ID})
}

func (e *swap) restore(ctx context.Context, l layout, dir string, keep func(l layout) (string, error)) error {
	file := filepath.Join(dir, stateFile)
	if err := atomicfile.Sweep(file); err != nil {
		return err
	}
	now, err := os.ReadFile(file)
	if err != nil || string(now) != e.New {
		return err
	}
	back := e.Old
	if keep != nil {
		if back, err = keep(l); err != nil || back == e.New {
			return err
		}
	}
	storage.Point(ctx, "before the return")
	return atomicfile.WriteFile(file, []byte(back), 0o600)
}

// top is the directory that lies right below the layer that is written.
func (l layout) top(s *state) string {
	switch {
	case len(s.Layers) > 0:
		return l.fs(s.Layers[0])
	case s.Release != "":
		return l.release(s.Release)
	default:
		return "" // plain
	}
}

// stopped checks that what s writes to is there, and says whether anything was written to it.
func (l layout) pristine(ctx context.Context, s *state) (bool, error) {
	if s.Plain {
		return false, nil
	}
	return pristine(ctx, l.fs(s.Upper), l.top(s))
}

// copyTo fills a layer with a complete copy of another complete one.
func copyTo(ctx context.Context, from string) func(dir string) error {
	return func(dir string) error { return filetree.Copy(ctx, dir, from, options(false)) }
}
