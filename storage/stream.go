package storage

import (
	"context"
	"io"
)

// Part is a file system of a snapshot that is sent, or was: one stream.
type Part struct {
	Path string // below the dataset; "root" is the root file system
	ID   string // of its snapshot, as of Snapshot.ID
	Base string // the ID of the snapshot that it goes on from; empty: it is whole
}

// Shipment is a snapshot that is there to be sent.
type Shipment struct {
	Form  string // whose the streams are: only a driver that writes the same form receives them
	Parts []Part // in the order in which they are to be received; the first is the root file system
	Size  int64  // about how many bytes the streams have; 0: not known

	// Write writes the stream of a part to w, on the caller's goroutine. The caller holds d's lock, which may be shared.
	Write func(ctx context.Context, part int, w io.Writer) error
}

// Delivery is a shipment that has come.
type Delivery struct {
	Snapshot SnapshotName // what it is called
	Form     string
	Parts    []Part

	// Files are the small files of a new dataset, as of CloneOptions.Files.
	Files map[string][]byte

	// Open gives the stream of a part; each is asked for once, in their order, when the change is applied, and read on the goroutine that
	// applies it. What it tells of its progress belongs to the effect whose context it is given.
	Open func(ctx context.Context, part int) (io.Reader, error)
	// Whole says, when all parts were read, whether they are what was sent.
	Whole func() error

	DestroyNewer bool // of what there is, the snapshots that are newer than the one that the parts go on from may be destroyed
}

// Streamer is implemented by drivers that can give a snapshot away as streams, and make of streams what it was.
type Streamer interface {
	// Send reads what d's snapshot n consists of: all of it or, with base, what is not in that earlier snapshot. Small
	// files are not part of it. What it cannot send it refuses, with the reason.
	Send(ctx context.Context, d Dataset, n, base SnapshotName) (Shipment, error)
	// Receive plans that d is what was sent, and has its snapshot: as a new dataset if it is whole, else on top of the snapshot that it goes on
	// from, which d has by the same ID under whatever name. What d has written since then is lost when the operation has committed, and
	// not before: Unwritten and a Differ tell whether there is anything. Undone, it leaves d as it was. The change can be
	// applied once, by the process that has planned it.
	Receive(ctx context.Context, d Dataset, in Delivery) (Change, error)
	// Unwritten reports whether the driver knows, without a look at the files, that nothing was written to d since its newest snapshot n.
	Unwritten(ctx context.Context, d Dataset, n SnapshotName) bool
}
