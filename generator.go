package ioc

import (
	"context"
	"io"
	"iter"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/jail"
	"github.com/libioc/ioc/sandbox"
	"github.com/libioc/ioc/storage"
)

// Options of operations; package jail describes their fields.
type (
	CreateOptions   = jail.CreateOptions
	StopOptions     = jail.StopOptions
	DestroyOptions  = jail.DestroyOptions
	ExecOptions     = jail.ExecOptions
	RunOptions      = jail.RunOptions
	RollbackOptions = jail.RollbackOptions
	LogOptions      = jail.LogOptions
	CopyOptions     = jail.CopyOptions
	ReceiveOptions  = jail.ReceiveOptions
)

// CloneOptions describe a clone.
type CloneOptions struct {
	Snapshot   string            // of this jail; empty: its present state
	Properties map[string]string // set beyond what it has from this jail
	Thick      bool              // share no files with this jail
}

// JailGenerator makes the operations on a jail. An operation is a value that has done nothing yet: range
// over its Events to run it and watch, or call its Do; package events has the details. It carries what it
// needs of the host, so no options have to be given.
type JailGenerator struct {
	h    *Host
	name jail.Name
}

// Name is the jail's name.
func (g *JailGenerator) Name() string { return string(g.name) }

// Info looks at the jail. One that does not exist is fault.NotFound.
func (g *JailGenerator) Info(ctx context.Context) (jail.Info, error) {
	return g.h.keeper.Look(ctx, g.name)
}

// Snapshots lists the jail's snapshots, oldest first.
func (g *JailGenerator) Snapshots(ctx context.Context) ([]storage.Snapshot, error) {
	return g.h.backend.Storage.Snapshots(ctx, storage.Jail(g.name))
}

// Usage measures the jail's files.
func (g *JailGenerator) Usage(ctx context.Context) (storage.Usage, error) {
	return g.h.backend.Storage.Usage(ctx, storage.Jail(g.name))
}

// Measure tells what the jail, which must run, uses of processor and memory now.
func (g *JailGenerator) Measure(ctx context.Context) (sandbox.Usage, error) {
	return g.h.keeper.Measure(ctx, g.name)
}

// Log gives what the jail's exec_start and exec_stop, and what they left running, have written, in pieces.
func (g *JailGenerator) Log(ctx context.Context, o LogOptions) iter.Seq2[[]byte, error] {
	return g.h.keeper.Log(ctx, g.name, o)
}

// Create makes the jail from a release, which is fetched if it is missing, or from another jail. One
// that exists is skipped if it was made in the same way with the same properties, else it is fault.Exists.
func (g *JailGenerator) Create(o CreateOptions) events.Op[jail.Info] {
	o.Release = g.h.sources.name(o.Release)
	return g.h.keeper.Create(g.name, o).With(g.h.preset...)
}

// Start starts the jail. One that runs is skipped; one that died is cleaned up first.
func (g *JailGenerator) Start() events.Op[sandbox.State] {
	return g.h.keeper.Start(g.name).With(g.h.preset...)
}

// Stop ends the jail's processes and undoes whatever its start did. One that does not run is skipped.
// A stop that failed can be repeated.
func (g *JailGenerator) Stop(o StopOptions) events.Op[struct{}] {
	return g.h.keeper.Stop(g.name, o).With(g.h.preset...)
}

// Restart stops the jail and starts it as it is configured now. If it cannot be started, it is stopped,
// and the error says so.
func (g *JailGenerator) Restart(o StopOptions) events.Op[struct{}] {
	return g.h.keeper.Restart(g.name, o).With(g.h.preset...)
}

// Destroy destroys the jail with its snapshots. One that runs is refused without Force.
func (g *JailGenerator) Destroy(o DestroyOptions) events.Op[struct{}] {
	return g.h.keeper.Destroy(g.name, o).With(g.h.preset...)
}

// Exec runs a command in the jail, which must run, and waits for its end. How it ended is the value; a
// program that cannot be executed is a *sandbox.ExecError.
func (g *JailGenerator) Exec(o ExecOptions) events.Op[sandbox.Exit] {
	return g.h.keeper.Exec(g.name, o).With(g.h.preset...)
}

// Console is Exec of a login shell on a terminal of the jail's own.
func (g *JailGenerator) Console(o ExecOptions) events.Op[sandbox.Exit] {
	return g.h.keeper.Console(g.name, o).With(g.h.preset...)
}

// Run creates the jail if it is missing, starts it if it does not run, and runs a command in it: one
// operation. If the command cannot be started, the rest is undone too; once it runs, the jail stays.
func (g *JailGenerator) Run(o RunOptions) events.Op[sandbox.Exit] {
	o.Create.Release = g.h.sources.name(o.Create.Release)
	return g.h.keeper.Run(g.name, o).With(g.h.preset...)
}

// CopyIn copies files of the host into the jail, which may run or not; the value is what they have become.
func (g *JailGenerator) CopyIn(o CopyOptions) events.Op[string] {
	return g.h.keeper.CopyIn(g.name, o).With(g.h.preset...)
}

// CopyOut copies files of the jail to the host; the value is what they have become.
func (g *JailGenerator) CopyOut(o CopyOptions) events.Op[string] {
	return g.h.keeper.CopyOut(g.name, o).With(g.h.preset...)
}

// CopyTar writes files of the jail to w as a tar stream.
func (g *JailGenerator) CopyTar(path string, w io.Writer) events.Op[struct{}] {
	return g.h.keeper.CopyTar(g.name, path, w).With(g.h.preset...)
}

// Mounts lists the mounts of the jail's fstab.
func (g *JailGenerator) Mounts(ctx context.Context) ([]jail.Mount, error) {
	return g.h.keeper.Mounts(ctx, g.name)
}

// AddMount adds a mount to the jail's fstab, and mounts it at once if the jail runs.
func (g *JailGenerator) AddMount(m jail.Mount) events.Op[struct{}] {
	return g.h.keeper.AddMount(g.name, m).With(g.h.preset...)
}

// RemoveMount takes the mount at a target, or of a source, out of the jail's fstab, and unmounts it at once if the jail runs.
func (g *JailGenerator) RemoveMount(what string) events.Op[struct{}] {
	return g.h.keeper.RemoveMount(g.name, what).With(g.h.preset...)
}

// Rename gives the jail, which must not run, another name.
func (g *JailGenerator) Rename(to string) events.Op[struct{}] {
	return g.h.keeper.Rename(g.name, jail.Name(to)).With(g.h.preset...)
}

// Clone creates the jail called to from this one.
func (g *JailGenerator) Clone(to string, o CloneOptions) events.Op[jail.Info] {
	return g.h.keeper.Create(jail.Name(to), CreateOptions{
		Source:     storage.Origin{Dataset: storage.Jail(g.name), Snapshot: storage.SnapshotName(o.Snapshot)},
		Properties: o.Properties,
		Thick:      o.Thick,
	}).With(g.h.preset...)
}

// Clones creates jails of these names from this one: all of them, or none.
func (g *JailGenerator) Clones(to []string, o CloneOptions) events.Op[[]jail.Info] {
	return g.h.JailsGenerator(to...).Create(CreateOptions{
		Source:     storage.Origin{Dataset: storage.Jail(g.name), Snapshot: storage.SnapshotName(o.Snapshot)},
		Properties: o.Properties,
		Thick:      o.Thick,
	})
}

// Snapshot keeps the present state of the jail's files under a name; an empty one is made of the time.
func (g *JailGenerator) Snapshot(name string) events.Op[storage.SnapshotName] {
	return g.h.keeper.Snapshot(g.name, storage.SnapshotName(name)).With(g.h.preset...)
}

// DestroySnapshot destroys a snapshot. Neither the jail nor another snapshot changes.
func (g *JailGenerator) DestroySnapshot(name string) events.Op[struct{}] {
	return g.h.keeper.DestroySnapshot(g.name, storage.SnapshotName(name)).With(g.h.preset...)
}

// Diff tells what is not the same in the jail's files at the snapshot from and at the snapshot to, or now if to is empty.
// It changes nothing, and the jail may run.
func (g *JailGenerator) Diff(from, to string) events.Op[[]storage.Difference] {
	return g.h.keeper.Diff(g.name, storage.SnapshotName(from), storage.SnapshotName(to)).With(g.h.preset...)
}

// Send writes the snapshot to w, for Receive there or elsewhere, with the jail's configuration: all of it or, if base names an
// earlier snapshot, what has come since. It is for storage that sends its snapshots, which is ZFS.
func (g *JailGenerator) Send(snapshot, base string, w io.Writer) events.Op[struct{}] {
	return g.h.keeper.Send(g.name, storage.SnapshotName(snapshot), storage.SnapshotName(base), w).With(g.h.preset...)
}

// Receive makes the jail of what Send has written, or brings it on by what is new.
func (g *JailGenerator) Receive(o ReceiveOptions) events.Op[jail.Info] {
	return g.h.keeper.Receive(g.name, o).With(g.h.preset...)
}

// Rollback returns the jail's files to the snapshot named and to no other.
func (g *JailGenerator) Rollback(snapshot string, o RollbackOptions) events.Op[struct{}] {
	return g.h.keeper.Rollback(g.name, storage.SnapshotName(snapshot), o).With(g.h.preset...)
}

// Set changes properties: all of them, or none if one is wrong. The value lists what changed and what
// of it needs a restart.
func (g *JailGenerator) Set(properties map[string]string) events.Op[[]jail.Changed] {
	return g.h.keeper.Set(g.name, properties).With(g.h.preset...)
}

// Revert makes an earlier version of the jail's configuration the present one again; 0 is the one before.
// The value lists what changed.
func (g *JailGenerator) Revert(version int) events.Op[[]jail.Changed] {
	return g.h.keeper.Revert(g.name, version).With(g.h.preset...)
}

// Tuned tells what holds for properties of ZFS that the jail's file system has, zfs.atime, quota, and who says so; nil where the
// jail is not kept on ZFS. One that ZFS does not know is ZFS's error.
func (g *JailGenerator) Tuned(ctx context.Context, properties ...string) (map[string]storage.Tuned, error) {
	return g.h.keeper.Tuned(ctx, g.name, properties...)
}

// Versions lists what the jail's configuration was, as far as it is kept, and what it is, oldest first.
func (g *JailGenerator) Versions(ctx context.Context) ([]jail.Version, error) {
	return g.h.keeper.Versions(ctx, g.name)
}

// Protect brings the jail's files back to what they are now if the operation that calls it fails; what was
// written since is lost then. It is for operations of your own, which call it first by events.Call. The jail must not run.
func (g *JailGenerator) Protect() events.Op[struct{}] {
	return g.h.keeper.Protect(g.name).With(g.h.preset...)
}

// Promote makes the jail, a clone of another one, the owner of what they share, so that the other can be
// destroyed. One that depends on none is skipped.
func (g *JailGenerator) Promote() events.Op[struct{}] {
	return g.h.keeper.Promote(g.name).With(g.h.preset...)
}
