package jail

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/storage"
)

// Snapshot is the payload of a snapshot.
type Snapshot struct {
	Subject
	Snapshot storage.SnapshotName
}

// EventType is jail.snapshot.
func (*Snapshot) EventType() string { return "jail.snapshot" }

// EventTitle is for people.
func (p *Snapshot) EventTitle() string { return fmt.Sprintf("snapshot %s@%s", p.Jail, p.Snapshot) }

// AppendAttrs lists the snapshot.
func (p *Snapshot) AppendAttrs(dst []slog.Attr) []slog.Attr { return snapshotAttr(dst, p.Snapshot) }

func snapshotAttr(dst []slog.Attr, n storage.SnapshotName) []slog.Attr {
	return append(dst, slog.String("snapshot", string(n))) // its name, without the jail's
}

// DestroySnapshot is the payload of a snapshot's end.
type DestroySnapshot struct {
	Subject
	Snapshot storage.SnapshotName
}

// EventType is snapshot.destroy.
func (*DestroySnapshot) EventType() string { return "snapshot.destroy" }

// EventTitle is for people.
func (p *DestroySnapshot) EventTitle() string {
	return fmt.Sprintf("destroy snapshot %s@%s", p.Jail, p.Snapshot)
}

// AppendAttrs lists the snapshot.
func (p *DestroySnapshot) AppendAttrs(dst []slog.Attr) []slog.Attr {
	return snapshotAttr(dst, p.Snapshot)
}

// Rollback is the payload of a jail's return to a snapshot.
type Rollback struct {
	Subject
	Snapshot     storage.SnapshotName
	DestroyNewer bool // snapshots that are newer are destroyed
}

// EventType is jail.rollback.
func (*Rollback) EventType() string { return "jail.rollback" }

// EventTitle is for people.
func (p *Rollback) EventTitle() string { return fmt.Sprintf("roll %s back to %s", p.Jail, p.Snapshot) }

// AppendAttrs lists the snapshot and the option.
func (p *Rollback) AppendAttrs(dst []slog.Attr) []slog.Attr {
	return append(snapshotAttr(dst, p.Snapshot), slog.Bool("destroy_newer", p.DestroyNewer))
}

// Diff is the payload of a comparison of two states of a jail's files.
type Diff struct {
	Subject
	From storage.SnapshotName // the first of the two
	To   storage.SnapshotName // the second; empty: the present state
}

// EventType is jail.diff.
func (*Diff) EventType() string { return "jail.diff" }

// EventTitle is for people.
func (p *Diff) EventTitle() string {
	if p.To == "" {
		return fmt.Sprintf("compare %s@%s with %s", p.Jail, p.From, p.Jail)
	}
	return fmt.Sprintf("compare %s@%s with %s@%s", p.Jail, p.From, p.Jail, p.To)
}

// AppendAttrs lists the snapshots.
func (p *Diff) AppendAttrs(dst []slog.Attr) []slog.Attr {
	return append(dst, slog.String("from", string(p.From)), slog.String("to", string(p.To)))
}

// RollbackOptions say what a rollback may cost.
type RollbackOptions struct {
	DestroyNewer bool // destroy the snapshots that are newer than the one named
}

// Snapshot keeps the present state of the jail's files under a name; an empty one is made of the time.
// The value is the snapshot's name. Configuration is not part of it. Some storage cannot do it while the jail runs.
func (k *Keeper) Snapshot(jail Name, n storage.SnapshotName) events.Op[storage.SnapshotName] {
	if n == "" {
		n = storage.SnapshotName(k.Now().UTC().Format("20060102T150405Z"))
	}
	return events.New(&Snapshot{Subject{jail}, n}, func(s events.Step) (storage.SnapshotName, error) {
		s.Result(n)
		return n, k.change(s, "snapshot", jail, func(ctx context.Context, running bool) (storage.Change, error) {
			return k.Storage.Snapshot(ctx, storage.Jail(jail), n, storage.SnapshotOptions{Running: running})
		})
	})
}

// DestroySnapshot ends a snapshot. Neither the jail nor another snapshot changes.
func (k *Keeper) DestroySnapshot(jail Name, n storage.SnapshotName) events.Op[struct{}] {
	return events.New(&DestroySnapshot{Subject{jail}, n}, func(s events.Step) (none struct{}, err error) {
		return none, k.change(s, "destroy snapshot", jail, func(ctx context.Context, running bool) (storage.Change, error) {
			return k.Storage.DestroySnapshot(ctx, storage.Jail(jail), n, storage.SnapshotOptions{Running: running})
		})
	})
}

// Rollback returns the files of a stopped jail to a snapshot, the one named and no other. What was
// written since is lost when the operation has committed, and not before.
func (k *Keeper) Rollback(jail Name, n storage.SnapshotName, o RollbackOptions) events.Op[struct{}] {
	return events.New(&Rollback{Subject{jail}, n, o.DestroyNewer}, func(s events.Step) (none struct{}, err error) {
		return none, k.change(s, "rollback", jail, func(ctx context.Context, running bool) (storage.Change, error) {
			return k.Storage.Rollback(ctx, storage.Jail(jail), n, storage.RollbackOptions{Running: running, DestroyNewer: o.DestroyNewer})
		})
	})
}

// Diff tells what is not the same in two states of the jail's files: that of a snapshot and that of another one or, if to is
// empty, the present one. The jail may run. The value is in the order of the paths.
func (k *Keeper) Diff(jail Name, from, to storage.SnapshotName) events.Op[[]storage.Difference] {
	return events.New(&Diff{Subject{jail}, from, to}, func(s events.Step) ([]storage.Difference, error) {
		const op = "diff"
		driver, can := k.Storage.(storage.Differ)
		if !can {
			return nil, refused(op, jail, fault.Unsupported("comparing the states of a jail", "ZFS or layers"))
		}
		var look func(context.Context) ([]storage.Difference, error)
		err := k.change(s, op, jail, func(ctx context.Context, _ bool) (c storage.Change, err error) {
			c, look, err = driver.Compare(ctx, storage.Jail(jail), from, to)
			return c, err
		})
		if err != nil {
			return nil, err
		}
		all, err := look(s.Context())
		return all, refused(op, jail, err)
	})
}

// change applies what plan says to a jail's files. A dead jail is cleaned up first, so that nothing uses them.
func (k *Keeper) change(s events.Step, op string, jail Name, plan func(ctx context.Context, running bool) (storage.Change, error)) error {
	d := storage.Jail(jail)
	if _, err := k.Enter(s, op, Want{Dataset: d}); err != nil {
		return err
	}
	i, err := k.outside(s.Context(), jail)
	if err != nil {
		return refused(op, jail, err)
	}
	if err := k.settle(s, &i); err != nil {
		return err
	}
	c, err := plan(s.Context(), i.alive)
	if err != nil {
		return refused(op, jail, k.missing(s.Context(), jail, err))
	}
	if err := k.Claim(s, op, true, []storage.Dataset{d}, nil); err != nil {
		return err
	}
	return refused(op, jail, c.Apply(s))
}
