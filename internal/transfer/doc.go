// Package transfer copies files between the host and trees that somebody else writes: into a jail and out of it,
// running or not.
//
// It owns two promises. No path and no link of the other side leads out of its tree: every name is resolved by the
// kernel with the tree as the root (openat2(2), RESOLVE_IN_ROOT), within the one mount that its root directory is on,
// and what was resolved is worked on by descriptor. And a copy is there as a whole or not at all: it is staged beside
// its goal, installed by renaming, and taken back if not all of it can be; what was there before is kept until then.
//
// It refuses to know jails, their locks and their configuration: a [Place] says where a tree is found.
//
//	c, err := transfer.Plan(ctx, opener, place, "/srv", source, transfer.Options{})
//	err = step.Apply(c.Stage())              // writes everything beside the goal
//	install, err := c.Install(ctx)           // what is to be renamed
//	err = step.Apply(install)
//	err = step.Defer(c.Sweep())              // removes what was there before
package transfer

import (
	"io"

	"github.com/libioc/ioc/sandbox"
	"github.com/libioc/ioc/storage"
)

// Place is where a tree is, as a value that another process can use, too.
type Place struct {
	Host  string        `json:",omitempty"` // a directory of the host, which is then all there is to it
	State sandbox.State // of a running jail
	Root  storage.Root  // its files when it does not run any more
}

// Source is what is copied.
type Source struct {
	Place Place
	Path  string // in Place; with "/." at its end, what is in the directory

	// Archive is copied instead, if it is not nil: a tar stream.
	Archive io.Reader
}

// Options say what becomes of owners and of what is dangerous.
type Options struct {
	Owners bool // files keep their owners; otherwise all belong to UID and GID
	UID    int
	GID    int
	Setuid bool // programs keep the right to run as their owner, and capabilities
}
