package overlay

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/internal/filetree"
	"github.com/libioc/ioc/storage"
)

// named calls f with the state of every dataset that counts: those with a name, those being made
// and those in the trash that may come back. One that cannot be read is reported by f(dir, nil).
func (l layout) named(f func(dir string, s *state)) error {
	for _, sub := range []string{"jails", "trash"} {
		entries, err := os.ReadDir(filepath.Join(string(l), sub))
		if err != nil {
			return err
		}
		for _, e := range entries {
			if strings.HasSuffix(e.Name(), dead) {
				continue
			}
			dir := filepath.Join(string(l), sub, e.Name())
			s, _, err := readState(dir)
			switch {
			case err == nil:
				f(dir, s)
			case errors.Is(err, fs.ErrNotExist) && (sub == "trash" || e.Name()[0] == '.' || !exists(dir)):
				// Gone meanwhile, or killed before it named anything.
			default:
				f(dir, nil)
			}
		}
	}
	return nil
}

// collect removes those of the layers ids that no dataset names. While one dataset cannot be read,
// nobody knows what it names, and all stay. It can be repeated.
func (l layout) collect(ctx context.Context, ids []string) error {
	return errors.Join(l.clear(ctx, ids), syncDirs(l.trash(""), l.layer("")))
}

// clear is collect, but the power may bring the layers back.
func (l layout) clear(ctx context.Context, ids []string) error {
	var gone []string
	for _, id := range ids {
		if validID(id) && (exists(l.layer(id)) || exists(l.oldLayer(id))) {
			gone = append(gone, id)
		}
	}
	if len(gone) == 0 {
		return nil
	}
	if err := l.discard(ctx, gone); err != nil {
		return err
	}
	for _, id := range gone {
		if err := filetree.Remove(ctx, l.oldLayer(id)); err != nil {
			return err
		}
	}
	return nil
}

// used gives the layers that datasets name; unknown: one of them cannot be read.
func (l layout) used() (used map[string]bool, unknown bool, err error) {
	used = map[string]bool{}
	err = l.named(func(_ string, s *state) {
		if s == nil {
			unknown = true
			return
		}
		for _, id := range s.layers() {
			used[id] = true
		}
	})
	return used, unknown, err
}

// Collect plans the end of layers that no dataset names.
func (d *Driver) Collect(ctx context.Context) (storage.Change, error) {
	entries, err := os.ReadDir(d.l.layer("")) // first: what is made later is named before
	if err != nil {
		return storage.Change{}, fault.New("collect", kindOf(err), "layers", err)
	}
	unlock, err := d.l.lockAll(ctx)
	if err != nil {
		return storage.Change{}, err
	}
	defer unlock()
	used, unknown, err := d.l.used()
	if err != nil || unknown {
		return storage.Change{}, err
	}
	var gone []string
	for _, e := range entries {
		if validID(e.Name()) && !used[e.Name()] {
			gone = append(gone, e.Name())
		}
	}
	if len(gone) == 0 {
		return storage.Change{}, nil
	}
	return storage.Change{After: []events.Effect{&Sweep{Root: string(d.l), Layers: gone}}}, nil
}

// discard moves the unused ones of ids out of the way.
func (l layout) discard(ctx context.Context, ids []string) error {
	unlock, err := l.lockAll(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	used, unknown, err := l.used()
	if err != nil || unknown {
		return err
	}
	for _, id := range ids {
		if used[id] {
			continue
		}
		err := os.Rename(l.layer(id), l.oldLayer(id))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		storage.Point(ctx, "layer discarded")
	}
	return nil
}

// users gives the jails that stand on the release n, including those that are being made or may
// come back. The caller holds the lock of the layers.
func (l layout) users(n storage.Name) ([]storage.Dataset, error) {
	var by []storage.Dataset
	err := l.named(func(dir string, s *state) {
		if s != nil && s.Release == n {
			name := storage.Name(filepath.Base(dir))
			if filepath.Dir(dir) != filepath.Join(string(l), "jails") || name[0] == '.' {
				name = s.Name // it has none now
			}
			by = append(by, storage.Jail(name))
		}
	})
	return by, err
}

// Sweep is the effect that removes layers after a commit, as far as nobody uses them.
type Sweep struct {
	Root    string
	Dataset storage.Dataset // whose they were; zero: nobody knows
	Layers  []string
}

// EventType is the effect's name in events.
func (*Sweep) EventType() string { return "storage.sweep" }

// EventTitle is for people.
func (e *Sweep) EventTitle() string {
	if e.Dataset == (storage.Dataset{}) {
		return fmt.Sprintf("delete %d layers that nothing uses", len(e.Layers))
	}
	return "delete layers of " + e.Dataset.String()
}

// EventKey is the dataset.
func (e *Sweep) EventKey() string { return e.Dataset.String() }

// Do removes the layers.
func (e *Sweep) Do(ctx context.Context) error { return layout(e.Root).collect(ctx, e.Layers) }

// Undo cannot: the effect is only ever deferred.
func (*Sweep) Undo(context.Context) error { return nil }
