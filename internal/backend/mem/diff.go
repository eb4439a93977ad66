package mem

import (
	"context"
	"maps"
	"slices"

	"github.com/libioc/ioc/storage"
)

// Compare compares trees as they are now. It has no effects.
func (w *World) Compare(_ context.Context, d storage.Dataset, from, to storage.SnapshotName) (storage.Change, func(context.Context) ([]storage.Difference, error), error) {
	const op = "diff"
	if err := from.Validate(); err != nil {
		return storage.Change{}, nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	s, err := w.find(op, d)
	if err != nil {
		return storage.Change{}, nil, err
	}
	if d.Kind == storage.Releases {
		return storage.Change{}, nil, storage.NoSnapshots(op, d)
	}
	var both [2]*tree
	for i, n := range []storage.SnapshotName{from, to} {
		if n == "" {
			both[i] = s.tree.clone()
			continue
		}
		at := slices.IndexFunc(s.snaps, func(snap snapshot) bool { return snap.name == n })
		if at < 0 {
			return storage.Change{}, nil, storage.NotFound(op, d.At(n))
		}
		both[i] = s.snaps[at].tree
	}
	return storage.Change{}, func(context.Context) ([]storage.Difference, error) { return both[0].diff(both[1]), nil }, nil
}

func (t *tree) diff(to *tree) []storage.Difference {
	names := map[string]bool{}
	for _, tree := range []*tree{t, to} {
		for name := range tree.names {
			names[name] = true
		}
	}
	var all []storage.Difference
	for _, name := range slices.Sorted(maps.Keys(names)) {
		was, is := t.get(name), to.get(name)
		switch {
		case was == nil:
			all = append(all, storage.Difference{Path: name, How: storage.Added})
		case is == nil:
			all = append(all, storage.Difference{Path: name, How: storage.Removed})
		case was != is && was.line() != is.line():
			all = append(all, storage.Difference{Path: name, How: storage.Altered})
		}
	}
	return all
}
