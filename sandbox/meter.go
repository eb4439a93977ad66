package sandbox

import (
	"context"
	"os"
	"time"
)

// Meter is implemented by drivers that can tell what a running jail uses.
type Meter interface {
	// Measure looks at a jail's processes. One that does not run is fault.NotFound.
	Measure(ctx context.Context, state State) (Usage, error)
}

// Usage is what a jail uses at a moment. What the host cannot tell is negative.
type Usage struct {
	CPU       time.Duration // processor time of all its processes; of those that live where the host counts no more
	Memory    int64         // bytes in use, without what the kernel could give back at once
	Processes int64
}

// Counter is implemented by drivers that know what the kernel did to a jail.
type Counter interface {
	// Killed is how many processes of a jail the kernel has killed since its start because it had no memory left, also of a
	// jail that is dead. Negative: nobody counts.
	Killed(ctx context.Context, state State) (int64, error)
}

// Opener is implemented by drivers that let the host look into the root file system of a running jail.
type Opener interface {
	// OpenRoot opens the root directory as the jail's processes see it, for use with openat2(2) and
	// RESOLVE_IN_ROOT. One that does not run is fault.NotFound.
	OpenRoot(ctx context.Context, state State) (*os.File, error)
}

// Pather is implemented by drivers whose jails' roots have a name on the host while they run.
type Pather interface {
	// RootPath names the root directory of a running jail; empty: it has no name.
	RootPath(state State) string
}

// Networker is implemented by drivers whose jails have network stacks of their own that the host can enter.
type Networker interface {
	// OpenNetwork opens the network namespace of a running jail, for use with setns(2). One that does not run is
	// fault.NotFound.
	OpenNetwork(ctx context.Context, state State) (*os.File, error)
}

// Listener is implemented by drivers that can tell whether a running jail takes connections.
type Listener interface {
	// Listening tells whether a process of the jail listens on a TCP port, on whatever address. One that does
	// not run is fault.NotFound.
	Listening(ctx context.Context, state State, port uint16) (bool, error)
}

// Finder is implemented by drivers that are not Openers and can tell all the same whether a running jail has a file.
type Finder interface {
	// Exists tells whether there is something at an absolute path of the jail. One that does not run is fault.NotFound.
	Exists(ctx context.Context, state State, path string) (bool, error)
}
