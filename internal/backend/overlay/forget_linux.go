package overlay

import (
	"context"
	"slices"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/storage"
)

// DestroySnapshot takes the name away at once. Room is made where two frozen layers can be merged
// that no snapshot tells apart any more, which needs a stopped jail; a running one keeps them mounted.
func (d *Driver) DestroySnapshot(_ context.Context, set storage.Dataset, n storage.SnapshotName, o storage.SnapshotOptions) (storage.Change, error) {
	s, text, at, err := d.snapshot("destroy snapshot", set, n)
	if err != nil {
		return storage.Change{}, err
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

// EventTitle is for people.
func (e *Forget) EventTitle() string { return "forget snapshot " + e.EventKey() }

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
	text := []byte(s.encode())
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

// EventTitle is for people.
func (e *Merge) EventTitle() string { return "merge layers of " + e.Dataset.String() }

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
