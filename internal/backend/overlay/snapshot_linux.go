package overlay

import (
	"context"
	"fmt"
	"slices"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/storage"
)

// freeze plans that the layer s writes to is never written again, and gives the state after that.
func (d *Driver) freeze(set storage.Dataset, s *state, text []byte, op string) (*state, swap, error) {
	if len(s.Layers)+1 > d.opts.MaxDepth {
		return nil, swap{}, fault.New(op, fault.NoSpace, set.String(), fmt.Errorf("it has %d layers, the most there may be", len(s.Layers))).
			WithRemedy("destroy a snapshot of it, or clone it with all its files")
	}
	id := newID()
	next := s.edit(id)
	next.Layers = append([]string{s.Upper}, s.Layers...)
	next.Upper = id
	return next, d.swap(set, id, text, next), nil
}

// Freeze is the effect that lets others share what a jail has written: its layer becomes read-only,
// and the jail goes on in a new one.
type Freeze struct{ swap }

// EventType is the effect's name in events.
func (*Freeze) EventType() string { return "storage.freeze" }

// EventTitle is for people.
func (e *Freeze) EventTitle() string { return "freeze files of " + e.Dataset.String() }

// Do freezes the layer.
func (e *Freeze) Do(ctx context.Context) error { return e.do(ctx, "freeze", e.fill(ctx)) }

// fill makes the new layer on top of the one that was written.
func (e *swap) fill(ctx context.Context) func(dir string) error {
	return func(dir string) error {
		old, err := decode([]byte(e.Old))
		if err != nil {
			return err
		}
		return emptyLike(ctx, layout(e.Root).fs(old.Upper))(dir)
	}
}

// Undo lets the jail write to its old layer again. If it has written to the new one meanwhile, both stay.
func (e *Freeze) Undo(ctx context.Context) error { return e.undo(ctx, e.keepWritten(ctx, "")) }

// keepWritten undoes a freeze without losing what was written since: a layer more changes nothing
// that anybody sees. Only the snapshot called name goes.
func (e *swap) keepWritten(ctx context.Context, name storage.SnapshotName) func(l layout) (string, error) {
	return func(l layout) (string, error) {
		s, err := decode([]byte(e.New))
		if err != nil {
			return "", err
		}
		if s.Upper != e.ID {
			return e.Old, nil // nothing was frozen
		}
		clean, err := l.pristine(ctx, s)
		if err != nil || clean {
			return e.Old, err
		}
		back := s.edit(newID())
		back.Snapshots = slices.DeleteFunc(back.Snapshots, func(snap snapshot) bool { return snap.Name == name })
		return back.encode(), nil
	}
}

// Snapshot freezes the layer of a jail that is stopped. If nothing was written since the last time
// there is nothing to freeze, and snapshots share what is below.
func (d *Driver) Snapshot(ctx context.Context, set storage.Dataset, n storage.SnapshotName, o storage.SnapshotOptions) (storage.Change, error) {
	const op = "snapshot"
	s, text, err := d.jail(op, set, n)
	if err != nil {
		return storage.Change{}, err
	}
	if s.snapshot(n) >= 0 {
		return storage.Change{}, storage.Exists(op, set.At(n))
	}
	if o.Running {
		return storage.Change{}, storage.Running(op, set, "the kernel does not allow to share a layer while it is written")
	}
	e := &Snapshot{Name: n}
	clean, err := d.l.pristine(ctx, s)
	if err != nil {
		return storage.Change{}, fault.New(op, kindOf(err), set.String(), err)
	}
	next := s.edit(newID())
	e.swap = d.swap(set, next.Change, text, next)
	if !clean && !s.Plain {
		if next, e.swap, err = d.freeze(set, s, text, op); err != nil {
			return storage.Change{}, err
		}
	}
	snap := snapshot{Name: n, Created: d.now(), Depth: len(next.Layers)}
	if s.Plain {
		snap.Copy = e.ID
	}
	next.Snapshots = append(next.Snapshots, snap)
	e.New = next.encode()
	return storage.Change{Do: []events.Effect{e}}, nil
}

// Snapshot is the effect that gives a jail's present state a name.
type Snapshot struct {
	swap
	Name storage.SnapshotName
}

// EventType is the effect's name in events.
func (*Snapshot) EventType() string { return "storage.snapshot" }

// EventTitle is for people.
func (e *Snapshot) EventTitle() string { return "take snapshot " + e.EventKey() }

// EventKey is the snapshot.
func (e *Snapshot) EventKey() string { return e.Dataset.At(e.Name).String() }

// Do takes the snapshot.
func (e *Snapshot) Do(ctx context.Context) error {
	s, err := decode([]byte(e.New))
	if err != nil {
		return events.Untouched(err)
	}
	switch {
	case s.Plain:
		return e.do(ctx, "snapshot", copyTo(ctx, layout(e.Root).fs(s.Upper)))
	case s.Upper == e.ID:
		return e.do(ctx, "snapshot", e.fill(ctx))
	default:
		return e.do(ctx, "snapshot", nil)
	}
}

// Undo takes the name away. What was written since stays.
func (e *Snapshot) Undo(ctx context.Context) error { return e.undo(ctx, e.keepWritten(ctx, e.Name)) }

// jail reads the state of a dataset that can have snapshots.
func (d *Driver) jail(op string, set storage.Dataset, n storage.SnapshotName) (*state, []byte, error) {
	if err := n.Validate(); err != nil {
		return nil, nil, err
	}
	if set.Kind == storage.Releases {
		return nil, nil, storage.NoSnapshots(op, set)
	}
	return d.l.read(op, set)
}

// snapshot reads a jail that must have the snapshot n, and where among its snapshots that is.
func (d *Driver) snapshot(op string, set storage.Dataset, n storage.SnapshotName) (s *state, text []byte, at int, err error) {
	if s, text, err = d.jail(op, set, n); err != nil {
		return nil, nil, 0, err
	}
	if at = s.snapshot(n); at < 0 {
		return nil, nil, 0, storage.NotFound(op, set.At(n))
	}
	return s, text, at, nil
}
