package overlay

import (
	"context"
	"slices"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/storage"
)

// Rollback starts a new layer on those of the snapshot. The ones above are removed after the commit.
func (d *Driver) Rollback(_ context.Context, set storage.Dataset, n storage.SnapshotName, o storage.RollbackOptions) (storage.Change, error) {
	s, text, at, err := d.snapshot("rollback", set, n)
	if err != nil {
		return storage.Change{}, err
	}
	var newer []storage.SnapshotName
	for _, snap := range s.Snapshots[at+1:] {
		newer = append(newer, snap.Name)
	}
	if err := o.Check(set, n, newer); err != nil {
		return storage.Change{}, err
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

// EventTitle is for people.
func (e *Rollback) EventTitle() string { return "go back to the files of " + e.EventKey() }

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
