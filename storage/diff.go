package storage

import "context"

// How two states of a dataset differ at a path.
type How string

// The ways that there are.
const (
	Added   How = "added"
	Removed How = "removed"
	Altered How = "changed" // content or attributes; of a directory, attributes but its time
)

// Difference is a path that is not the same in two states of a dataset.
type Difference struct {
	Path string // below the root file system, as of ValidPath
	How  How
}

// Differ is implemented by drivers that can tell two states of a dataset apart.
type Differ interface {
	// Compare plans that the state d had at the snapshot from and that at the snapshot to, or the present one if to is
	// empty, can be read. The function reads both, between the change's effects and the commit, and gives the differences in
	// the order of their paths: all that was added and removed, also below directories. It looks at every file, and reads those of
	// which nothing else tells. What a running jail writes meanwhile may be missing.
	Compare(ctx context.Context, d Dataset, from, to SnapshotName) (Change, func(ctx context.Context) ([]Difference, error), error)
}
