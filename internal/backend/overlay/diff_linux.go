package overlay

import (
	"context"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/internal/filetree"
	"github.com/libioc/ioc/storage"
)

// Compare puts both states together from their layers. It has no effects.
func (d *Driver) Compare(_ context.Context, set storage.Dataset, from, to storage.SnapshotName) (storage.Change, func(context.Context) ([]storage.Difference, error), error) {
	const op = "diff"
	if err := from.Validate(); err != nil {
		return storage.Change{}, nil, err
	}
	s, _, err := d.l.read(op, set)
	if err != nil {
		return storage.Change{}, nil, err
	}
	if set.Kind == storage.Releases {
		return storage.Change{}, nil, storage.NoSnapshots(op, set)
	}
	if _, err := d.root(set, s); err != nil {
		return storage.Change{}, nil, err
	}
	var stacks [2][]string
	for i, n := range []storage.SnapshotName{from, to} {
		if stacks[i], err = d.l.stack(s, set, n); err != nil {
			return storage.Change{}, nil, err
		}
	}
	return storage.Change{}, func(ctx context.Context) ([]storage.Difference, error) {
		var both [2]*filetree.Listing
		for i, stack := range stacks {
			if both[i], err = listing(ctx, stack); err != nil {
				return nil, fault.New(op, kindOf(err), set.String(), err)
			}
		}
		all, err := both[0].Diff(ctx, both[1], time.Time{})
		if err != nil {
			return nil, fault.New(op, kindOf(err), set.String(), err)
		}
		return all, nil
	}, nil
}

// stack gives the directories that make a state of the jail s, the complete one first; the present state has no name.
func (l layout) stack(s *state, set storage.Dataset, n storage.SnapshotName) ([]string, error) {
	copied, layers := s.Upper, append([]string{s.Upper}, s.Layers...)
	if n != "" {
		i := s.snapshot(n)
		if i < 0 {
			return nil, storage.NotFound("diff", set.At(n))
		}
		copied, layers = s.Snapshots[i].Copy, s.Layers[len(s.Layers)-s.Snapshots[i].Depth:]
	}
	if s.Plain {
		return []string{l.fs(copied)}, nil
	}
	var all []string
	for _, id := range layers {
		all = append(all, l.fs(id))
	}
	if s.Release != "" {
		all = append(all, l.release(s.Release))
	}
	slices.Reverse(all)
	return all, nil
}

// listing is what a stack shows.
func listing(ctx context.Context, stack []string) (*filetree.Listing, error) {
	l := filetree.NewListing()
	if err := l.Fill(ctx, stack[0]); err != nil {
		return nil, err
	}
	for _, dir := range stack[1:] {
		err := filetree.Walk(ctx, dir, func(e *filetree.Entry) error {
			if e.Stat.Mode&unix.S_IFMT == unix.S_IFCHR && e.Stat.Rdev == 0 { // a whiteout
				l.Drop(e.Name)
				return nil
			}
			if e.IsDir() {
				a, err := e.Attr()
				if err != nil {
					return err
				}
				if isOpaque(a) != "" {
					l.Drop(e.Name)
				}
			}
			l.Add(dir, e)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return l, nil
}
