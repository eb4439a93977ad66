package ioc

import (
	"context"
	"io"

	"github.com/libioc/ioc/jail"
	"github.com/libioc/ioc/sandbox"
	"github.com/libioc/ioc/storage"
)

// Create makes the jail; see [JailGenerator.Create].
func (j *Jail) Create(ctx context.Context, o CreateOptions) error {
	_, err := j.g.Create(o).Do(ctx)
	return err
}

// Start starts the jail; see [JailGenerator.Start].
func (j *Jail) Start(ctx context.Context) error {
	_, err := j.g.Start().Do(ctx)
	return err
}

// Stop stops the jail; see [JailGenerator.Stop].
func (j *Jail) Stop(ctx context.Context, o StopOptions) error {
	_, err := j.g.Stop(o).Do(ctx)
	return err
}

// Restart stops the jail and starts it again; see [JailGenerator.Restart].
func (j *Jail) Restart(ctx context.Context, o StopOptions) error {
	_, err := j.g.Restart(o).Do(ctx)
	return err
}

// Destroy destroys the jail; see [JailGenerator.Destroy].
func (j *Jail) Destroy(ctx context.Context, o DestroyOptions) error {
	_, err := j.g.Destroy(o).Do(ctx)
	return err
}

// Exec runs a command in the jail; see [JailGenerator.Exec].
func (j *Jail) Exec(ctx context.Context, o ExecOptions) (sandbox.Exit, error) {
	return j.g.Exec(o).Do(ctx)
}

// Console runs a shell in the jail; see [JailGenerator.Console].
func (j *Jail) Console(ctx context.Context, o ExecOptions) (sandbox.Exit, error) {
	return j.g.Console(o).Do(ctx)
}

// Run runs a command in the jail, which is made and started for it; see [JailGenerator.Run].
func (j *Jail) Run(ctx context.Context, o RunOptions) (sandbox.Exit, error) {
	return j.g.Run(o).Do(ctx)
}

// Rename gives the jail another name; see [JailGenerator.Rename]. j goes on to mean the old one.
func (j *Jail) Rename(ctx context.Context, to string) error {
	_, err := j.g.Rename(to).Do(ctx)
	return err
}

// Clone makes another jail of this one; see [JailGenerator.Clone].
func (j *Jail) Clone(ctx context.Context, to string, o CloneOptions) error {
	_, err := j.g.Clone(to, o).Do(ctx)
	return err
}

// Snapshot keeps the present state of the jail's files; see [JailGenerator.Snapshot].
func (j *Jail) Snapshot(ctx context.Context, name string) (storage.SnapshotName, error) {
	return j.g.Snapshot(name).Do(ctx)
}

// DestroySnapshot destroys a snapshot; see [JailGenerator.DestroySnapshot].
func (j *Jail) DestroySnapshot(ctx context.Context, name string) error {
	_, err := j.g.DestroySnapshot(name).Do(ctx)
	return err
}

// Rollback returns the jail's files to a snapshot; see [JailGenerator.Rollback].
func (j *Jail) Rollback(ctx context.Context, snapshot string, o RollbackOptions) error {
	_, err := j.g.Rollback(snapshot, o).Do(ctx)
	return err
}

// Set changes properties; see [JailGenerator.Set].
func (j *Jail) Set(ctx context.Context, properties map[string]string) ([]jail.Changed, error) {
	return j.g.Set(properties).Do(ctx)
}

// AddMount adds a mount to the jail; see [JailGenerator.AddMount].
func (j *Jail) AddMount(ctx context.Context, m jail.Mount) error {
	_, err := j.g.AddMount(m).Do(ctx)
	return err
}

// RemoveMount takes a mount from the jail; see [JailGenerator.RemoveMount].
func (j *Jail) RemoveMount(ctx context.Context, what string) error {
	_, err := j.g.RemoveMount(what).Do(ctx)
	return err
}

// Revert makes an earlier configuration the present one again; see [JailGenerator.Revert].
func (j *Jail) Revert(ctx context.Context, version int) ([]jail.Changed, error) {
	return j.g.Revert(version).Do(ctx)
}

// Versions lists what the jail's configuration was and is; see [JailGenerator.Versions].
func (j *Jail) Versions(ctx context.Context) ([]jail.Version, error) { return j.g.Versions(ctx) }

// Diff tells what is not the same in two states of the jail's files; see [JailGenerator.Diff].
func (j *Jail) Diff(ctx context.Context, from, to string) ([]storage.Difference, error) {
	return j.g.Diff(from, to).Do(ctx)
}

// Send writes a snapshot of the jail to w; see [JailGenerator.Send].
func (j *Jail) Send(ctx context.Context, snapshot, base string, w io.Writer) error {
	_, err := j.g.Send(snapshot, base, w).Do(ctx)
	return err
}

// Receive makes the jail of what was sent; see [JailGenerator.Receive].
func (j *Jail) Receive(ctx context.Context, o ReceiveOptions) error {
	_, err := j.g.Receive(o).Do(ctx)
	return err
}

// Promote makes the jail the owner of what it shares with the one it was cloned from; see [JailGenerator.Promote].
func (j *Jail) Promote(ctx context.Context) error {
	_, err := j.g.Promote().Do(ctx)
	return err
}

// CopyIn copies files of the host into the jail; see [JailGenerator.CopyIn].
func (j *Jail) CopyIn(ctx context.Context, o CopyOptions) (string, error) {
	return j.g.CopyIn(o).Do(ctx)
}

// CopyOut copies files of the jail to the host; see [JailGenerator.CopyOut].
func (j *Jail) CopyOut(ctx context.Context, o CopyOptions) (string, error) {
	return j.g.CopyOut(o).Do(ctx)
}

// CopyTar writes files of the jail to w as a tar stream; see [JailGenerator.CopyTar].
func (j *Jail) CopyTar(ctx context.Context, path string, w io.Writer) error {
	_, err := j.g.CopyTar(path, w).Do(ctx)
	return err
}
