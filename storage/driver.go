package storage

import (
	"context"
)

// Driver keeps datasets. Its methods may be called from several goroutines; those that plan a
// change need the caller's lock on the datasets they name, as do the effects they return.
type Driver interface {
	// Features says what the driver can do on this host. It may try it out once, which leaves nothing behind.
	Features(ctx context.Context) Features
	Reader
	Maker
	Snapshotter
	Remover
	Files
}

// Reader answers questions. It changes nothing. What does not exist is fault.NotFound.
type Reader interface {
	// List gives the datasets of a kind in the order of their names. One that is broken is in the
	// list, with Info.Broken, and does not make List fail.
	List(ctx context.Context, k Kind) ([]Info, error)
	// Stat gives what List gives of one dataset.
	Stat(ctx context.Context, d Dataset) (Info, error)
	// Snapshots gives d's snapshots, oldest first.
	Snapshots(ctx context.Context, d Dataset) ([]Snapshot, error)
	// Usage measures d. It may have to look at every file.
	Usage(ctx context.Context, d Dataset) (Usage, error)
	// Users gives the datasets that would be broken if o were destroyed, in the order of their names.
	Users(ctx context.Context, o Origin) ([]Dataset, error)
	// Root says what to mount, or where to find, d's root file system. It mounts nothing.
	Root(ctx context.Context, d Dataset) (Root, error)
}

// Maker plans new datasets and new names.
type Maker interface {
	// Clone plans dst with the root file system of src, which is not changed as far as anyone can
	// see. dst has no snapshots, and of small files those in o.Files. It fails with fault.Exists if there is
	// a dst, also when it came after the plan, and never touches it.
	//
	// The present state of a jail that runs can be cloned only with Features.Live; its snapshots always can.
	Clone(ctx context.Context, src Origin, dst Dataset, o CloneOptions) (Change, error)
	// Fill plans a new dataset that starts empty and is seen by nobody before it is published.
	Fill(ctx context.Context, d Dataset) (Filling, error)
	// Rename plans a new name of the same kind for a dataset: all of it, with its snapshots and small
	// files, moves at once. It fails with fault.Exists as Clone does, and with fault.Busy and a *UsersError
	// if the driver cannot rename what others use.
	Rename(ctx context.Context, from, to Dataset, o RenameOptions) (Change, error)
}

// Snapshotter plans what is done with earlier states of a jail's dataset. Releases have none: they
// do not change.
type Snapshotter interface {
	// Snapshot plans the snapshot n of d. That of a running jail needs Features.Live.
	Snapshot(ctx context.Context, d Dataset, n SnapshotName, o SnapshotOptions) (Change, error)
	// Rollback plans d's return to its snapshot n, and to no other. What was written since is lost when
	// the operation has committed, not before. If there are newer snapshots it fails with fault.Busy and a
	// *NewerError that names them, unless told to destroy them; if one of those is used, with a *UsersError.
	Rollback(ctx context.Context, d Dataset, n SnapshotName, o RollbackOptions) (Change, error)
	// DestroySnapshot plans the end of the snapshot n. Neither d nor another snapshot changes.
	DestroySnapshot(ctx context.Context, d Dataset, n SnapshotName, o SnapshotOptions) (Change, error)
}

// Remover plans the end of datasets.
type Remover interface {
	// Destroy plans the end of d with its snapshots and small files. As effects it moves d out of
	// sight, which can be undone; after the commit it deletes it. It fails with fault.Busy and a *UsersError if d
	// is a release that jails use, or if the driver has no Features.Independent and d has clones.
	Destroy(ctx context.Context, d Dataset, o DestroyOptions) (Change, error)
}

// Files keeps small files beside a dataset's root file system: a jail's config.json, a release's
// release.json. [Global] has some too, where the root's directory is. A name is one path element;
// the driver's own names, and those that [CheckFile] refuses, are invalid.
type Files interface {
	// ReadFile gives the file's content. It fails with fault.NotFound if there is no such file or no d.
	ReadFile(ctx context.Context, d Dataset, name string) ([]byte, error)
	// WriteFile plans a new content, or with nil the file's end. The file has the old or the new
	// content at any time, also after a power cut. Undo restores the old content if the file still
	// has the new one.
	WriteFile(ctx context.Context, d Dataset, name string, data []byte) (Change, error)
}

// Filling is a new dataset on its way: Stage is applied, then the tree and the files are written,
// then Publish is applied. What was written into it goes with it when Stage is undone.
type Filling interface {
	// Stage makes the empty dataset, out of sight.
	Stage() Change
	// Tree opens the root file system for writing. It is to be closed before Publish.
	Tree(ctx context.Context) (Tree, error)
	// Dir is the directory of the root file system on the host; empty if the driver has none.
	Dir() string
	// WriteFile writes a small file beside the root file system.
	WriteFile(ctx context.Context, name string, data []byte) error
	// Publish makes all that was written durable, then gives the dataset its name. It fails with
	// fault.Exists if the name is taken by then.
	Publish() Change
}

// CloneOptions are what Clone has to know.
type CloneOptions struct {
	Running bool // the source is a jail that runs now
	Thick   bool // copy everything: share nothing with the source

	// Files are dst's small files by their names, as WriteFile takes them; without content they are empty.
	// They are there when dst has its name, and go with it when the clone is undone.
	Files map[string][]byte
}

// RenameOptions are what Rename has to know.
type RenameOptions struct {
	Running bool // the jail runs now: it is refused
}

// SnapshotOptions are what Snapshot and DestroySnapshot have to know.
type SnapshotOptions struct {
	Running bool // the jail runs now
}

// RollbackOptions are what Rollback has to know.
type RollbackOptions struct {
	Running      bool // the jail runs now: it is refused
	DestroyNewer bool // destroy the snapshots that are newer than the one named
}

// DestroyOptions are what Destroy has to know.
type DestroyOptions struct {
	Running bool // the jail runs now: it is refused
}
