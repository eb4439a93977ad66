package jail

import (
	"context"
	"time"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/internal/transfer"
	"github.com/libioc/ioc/network"
	"github.com/libioc/ioc/sandbox"
	"github.com/libioc/ioc/storage"
)

// Name is the name of a jail.
type Name = storage.Name

// Keeper makes the operations on the jails of one root. All fields must be set but Wait. Its methods
// may be called from any goroutine; the operations they return need a journal that knows the effects
// of [Keeper.Register] and of the drivers.
type Keeper struct {
	Storage  storage.Driver
	Sandbox  sandbox.Driver
	Network  network.Driver
	Locks    Locks
	Records  Records
	Releases Releases
	Commands Commands
	Vitals   Vitals
	Now      func() time.Time

	// Environ is the caller's environment, which commands in a jail begin with where exec_clean is off.
	Environ func() []string

	// Rehearse gives a keeper whose operations go the same way and do nothing, and what they are to be run with. It is asked
	// for by dry runs.
	Rehearse func(ctx context.Context) (*Keeper, []events.Option, error)

	// Source is what the root is called among others; empty: [Source].
	Source string

	// ID is what the kernel's names of the root's jails begin with. It is this root's alone.
	ID string

	// Wait is how long an operation waits for a lock. Zero: it does not, and fails with fault.Busy.
	Wait time.Duration

	begun begun
}

// Locks keeps operations from each other. Take does not wait; the run that holds a name may take it
// again. What another run holds is fault.Busy with a *fault.HeldError.
type Locks interface {
	Take(name string, shared bool, op string, run *events.RunInfo) (release func(), err error)
}

// Records are the effects that running jails retain, and what dead runs left.
type Records interface {
	// Keys lists the keys that effects are retained under, sorted.
	Keys() ([]string, error)
	// Kept gives what key retains, and nil if it retains nothing.
	Kept(key string) (*Kept, error)
	// Release undoes what key retains, as a child of s. It can be repeated until it succeeds; once it has
	// begun, a recovery finishes it. First, which may be nil, is called when it has begun.
	Release(s events.Step, key string, first func(events.Step)) error
	// Dirty reports whether there is anything to recover. It is cheap.
	Dirty() (bool, error)
	// Recover brings dead runs to their end, as a child of s. Runs it may not touch it leaves alone; if one of them has an effect
	// of which about says that it concerns the caller, the error is fault.Busy.
	Recover(s events.Step, about func(events.Effect) bool) error
}

// Kept are the effects of a start that are not undone.
type Kept struct {
	Effects   []events.Effect // in the order in which they were applied
	Since     time.Time       // when the start began
	Releasing bool            // undoing them has begun
}

// Releases knows where releases come from.
type Releases interface {
	// Default is the release that jails are made from where none was asked for.
	Default() storage.Name
	// Fetch gets a release that is not there yet, as a child of s, and holds its lock already. One that
	// cannot be got by its name alone is fault.NotFound.
	Fetch(s events.Step, name storage.Name) error
}

// keyPrefix begins the keys of jails.
const keyPrefix = "jail/"

// Key is what a running jail's effects are retained under.
func Key(name Name) string { return keyPrefix + string(name) }

// Register makes the effects of this package known to r, which may be the registry that k.Records works with: k must be
// complete when the first of them is decoded. A recovery takes the locks of the runs that it undoes, and starts jails again, with k.
func (k *Keeper) Register(r *events.Registry) {
	opener, _ := k.Sandbox.(sandbox.Opener)
	transfer.Register(r, opener)
	events.Register[Around](r, "jail.around.v1", events.Bind(func(a *Around) { a.commands = k.Commands }))
	events.Register[Mark](r, "jail.mark.v1", events.Bind(func(m *Mark) { m.vitals = k.Vitals }))
	events.Register[Resume](r, "jail.resume.v1", events.Bind(func(e *Resume) { e.keeper = k }))
	events.Register[Claim](r, "lock.claim.v1", events.Guard(func(ctx context.Context, c *Claim) (func(), error) {
		return c.take(k.Locks, "recover", events.RunOf(ctx))
	}))
}
