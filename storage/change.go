package storage

import (
	"context"

	"github.com/libioc/ioc/events"
)

// Change is one change of storage as effects. A change without effects is one whose goal already holds.
type Change = events.Change

// Collector is implemented by drivers that can be left with parts of datasets which no dataset names any more:
// those of one that was destroyed although its own files could not be read.
type Collector interface {
	// Collect plans the end of such parts, after the commit. The caller holds the locks of all datasets, and no
	// dead operation is left: what is about to be undone may need what nobody names.
	Collect(ctx context.Context) (Change, error)
}

// Promoter is implemented by drivers whose clones depend on their origin and can change places with it.
type Promoter interface {
	// Promote plans that d takes over what it shares with its origin, which then depends on d.
	Promote(ctx context.Context, d Dataset) (Change, error)
}

// Tuner is implemented by drivers whose datasets have properties of their own: how much room they may take, how they
// are packed.
type Tuner interface {
	// Tune plans that d has these properties, by the names that the driver has for them; with an empty value it has
	// what it would have had without. What they do is the driver's matter, and it refuses what it does not know when the effect is done.
	Tune(ctx context.Context, d Dataset, properties map[string]string) (Change, error)
	// Tuned tells what holds for properties, and who says so. One that the driver does not know is its error.
	Tuned(ctx context.Context, d Dataset, properties ...string) (map[string]Tuned, error)
}

// Tuned is what holds for a property of a dataset.
type Tuned struct {
	Value  string
	Source string // "local", "default", "inherited from tank/ioc": in the driver's words
}

// Sharer is implemented by drivers whose file systems can be managed from inside of a jail.
type Sharer interface {
	// Share plans that the root of the jail d manages file systems, by the names that the driver has for them, as long as the jail runs,
	// which the kernel calls guest. The effects are applied when the jail is there, and undone before it is not. What this host cannot do is
	// fault.NotSupported; a file system that is not set apart for jails is refused.
	Share(ctx context.Context, d Dataset, guest string, names []string) (Change, error)
}

// Surveyor is implemented by drivers that measure all datasets as quickly as one.
type Surveyor interface {
	// Survey gives what Usage gives, and how many snapshots Snapshots gives, of all datasets of a kind by their names. One that
	// cannot be measured is missing.
	Survey(ctx context.Context, k Kind) (map[Name]Surveyed, error)
}

// Guarder is implemented by drivers that can bring a jail's files back as they were when an operation began.
type Guarder interface {
	// Guard plans that d's files return to what they are now if the operation fails: whatever was written
	// since is lost then. It fails with fault.Busy for a jail that runs.
	Guard(ctx context.Context, d Dataset, o GuardOptions) (Change, error)
}

// GuardOptions are what Guard has to know.
type GuardOptions struct {
	Running bool // the jail runs now: it is refused
}
