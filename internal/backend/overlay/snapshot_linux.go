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
func (d *Driver) freeze(set storage.Dataset, s *state, text, op string) (*state, swap, error) {
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
func (d *Driver) jail(op string, set storage.Dataset, n storage.SnapshotName) (*state, string, error) {
	if err := n.Validate(); err != nil {
		return nil, "", err
	}
	if set.Kind == storage.Releases {
		return nil, "", storage.NoSnapshots(op, set)
	}
	return d.l.read(op, set)
}

// Rollback starts a new layer on those of the snapshot. The ones above are removed after the commit.
func (d *Driver) Rollback(_ context.Context, set storage.Dataset, n storage.SnapshotName, o storage.RollbackOptions) (storage.Change, error) {
	const op = "rollback"
	s, text, err := d.jail(op, set, n)
	if err != nil {
		return storage.Change{}, err
	}
	at := s.snapshot(n)
	if at < 0 {
		return storage.Change{}, storage.NotFound(op, set.At(n))
	}
	if o.Running {
		return storage.Change{}, storage.Running(op, set, "its files would change under it")
	}
	if newer := s.Snapshots[at+1:]; len(newer) > 0 && !o.DestroyNewer {
		var names []storage.SnapshotName
		for _, snap := range newer {
			names = append(names, snap.Name)
		}
		return storage.Change{}, storage.HasNewer(set.At(n), names)
	}
	id := newID()
	next := s.edit(id)
	next.Snapshots = next.Snapshots[:at+1]
	next.Layers = s.Layers[len(s.Layers)-s.Snapshots[at].Depth:]
	next.Upper = id
	return storage.Change{
		Do:    []events.Effect{&Rollback{d.swap(set, id, text, next), n}},
		After: d.sweep(set, s, next),
	}, nil
}

// sweep removes what next does not name any more.
func (d *Driver) sweep(set storage.Dataset, s, next *state) []events.Effect {
	kept := next.layers()
	gone := slices.DeleteFunc(s.layers(), func(id string) bool { return slices.Contains(kept, id) })
	if len(gone) == 0 {
		return nil
	}
	return []events.Effect{&Sweep{string(d.l), set, gone}}
}

// Rollback is the effect that returns a jail to a snapshot.
type Rollback struct {
	swap
	Name storage.SnapshotName
}

// EventType is the effect's name in events.
func (*Rollback) EventType() string { return "storage.rollback" }

// EventKey is the snapshot.
func (e *Rollback) EventKey() string { return e.Dataset.At(e.Name).String() }

// Do rolls back.
func (e *Rollback) Do(ctx context.Context) error {
	s, err := decode([]byte(e.New))
	if err != nil {
		return events.Untouched(err)
	}
	l := layout(e.Root)
	if s.Plain {
		return e.do(ctx, "rollback", copyTo(ctx, l.fs(s.Snapshots[s.snapshot(e.Name)].Copy)))
	}
	return e.do(ctx, "rollback", emptyLike(ctx, l.top(s)))
}

// Undo brings back the state before, with what was written after the snapshot.
func (e *Rollback) Undo(ctx context.Context) error { return e.undo(ctx, nil) }

// DestroySnapshot takes the name away at once. Room is made where two frozen layers can be merged
// that no snapshot tells apart any more, which needs a stopped jail; a running one keeps them mounted.
func (d *Driver) DestroySnapshot(_ context.Context, set storage.Dataset, n storage.SnapshotName, o storage.SnapshotOptions) (storage.Change, error) {
	const op = "destroy snapshot"
	s, text, err := d.jail(op, set, n)
	if err != nil {
		return storage.Change{}, err
	}
	at := s.snapshot(n)
	if at < 0 {
		return storage.Change{}, storage.NotFound(op, set.At(n))
	}
	next := s.edit(newID())
	next.Snapshots = slices.Delete(next.Snapshots, at, at+1)
	c := storage.Change{
		Do:    []events.Effect{&Forget{d.swap(set, next.Change, text, next), n}},
		After: d.sweep(set, s, next),
	}
	if !o.Running {
		d.planMerge(&c, set, next)
	}
	return c, nil
}

// Forget is the effect that takes a snapshot's name away.
type Forget struct {
	swap
	Name storage.SnapshotName
}

// EventType is the effect's name in events.
func (*Forget) EventType() string { return "storage.snapshot.destroy" }

// EventKey is the snapshot.
func (e *Forget) EventKey() string { return e.Dataset.At(e.Name).String() }

// Do forgets the snapshot.
func (e *Forget) Do(ctx context.Context) error { return e.do(ctx, "destroy snapshot", nil) }

// Undo brings it back.
func (e *Forget) Undo(ctx context.Context) error { return e.undo(ctx, nil) }

// planMerge adds to c the merge of layers that belong together: those between the depths of two
// snapshots that follow each other. The newest ones, above all snapshots, are among them.
func (d *Driver) planMerge(c *storage.Change, set storage.Dataset, s *state) {
	if s.Plain {
		return
	}
	text := s.encode()
	id := newID()
	next := s.edit(id)
	depths := []int{0}
	for _, snap := range s.Snapshots {
		depths = append(depths, snap.Depth)
	}
	depths = append(depths, len(s.Layers))
	for i := len(depths) - 1; i > 0; i-- {
		low, high := depths[i-1], depths[i] // counted from the bottom
		if high-low < 2 {
			continue
		}
		n := len(s.Layers)
		run := s.Layers[n-high : n-low]
		if used, err := d.l.sharedWith(s.ID, run); err != nil || used {
			continue // it would save nothing
		}
		next.Layers = slices.Concat(s.Layers[:n-high], []string{id}, s.Layers[n-low:])
		for j := range next.Snapshots {
			if next.Snapshots[j].Depth >= high {
				next.Snapshots[j].Depth -= high - low - 1
			}
		}
		e := &Merge{d.swap(set, id, text, next), slices.Clone(run)}
		slices.Reverse(e.Layers)
		c.Do = append(c.Do, e)
		c.After = append(c.After, d.sweep(set, s, next)...)
		return
	}
}

// sharedWith reports whether a dataset other than the one with the id names one of the layers.
func (l layout) sharedWith(id string, layers []string) (bool, error) {
	shared := false
	err := l.named(func(_ string, s *state) {
		if s == nil || s.ID != id && slices.ContainsFunc(s.layers(), func(x string) bool { return slices.Contains(layers, x) }) {
			shared = true
		}
	})
	return shared, err
}

// Merge is the effect that makes one layer of several.
type Merge struct {
	swap
	Layers []string // oldest first
}

// EventType is the effect's name in events.
func (*Merge) EventType() string { return "storage.merge" }

// Do merges the layers.
func (e *Merge) Do(ctx context.Context) error {
	var dirs []string
	for _, id := range e.Layers {
		dirs = append(dirs, layout(e.Root).fs(id))
	}
	return e.do(ctx, "merge", merge(ctx, dirs))
}

// Undo has the layers one by one again.
func (e *Merge) Undo(ctx context.Context) error { return e.undo(ctx, nil) }
