package all

import (
	"context"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/network"
	"github.com/libioc/ioc/sandbox"
	"github.com/libioc/ioc/storage"
)

// Backend is what a host works with: where files are, which kernel runs jails, and what connects them.
type Backend struct {
	Name     string // "linux", "memory"
	Storage  storage.Driver
	Sandbox  sandbox.Driver
	Network  network.Driver
	Register func(*events.Registry) // makes known the effects of all three
	Commands Commands               // what jails want to be run on the host

	// DryRun says that all of it is in this process and ends with it. Nothing outside is touched: there
	// are no directories, no lock files, and the journal is in memory too.
	DryRun bool
}

// Commands runs lines for a shell on the host; see package jail.
type Commands interface {
	Run(ctx context.Context, line string, env []string, said func(line string)) error
}

// Places are where a back end keeps what it must find again.
type Places struct {
	Root    string // a directory
	Dataset string // the ZFS file system that is mounted there; empty: none
	Run     string // a directory for what a reboot may take away
	ID      string // of the root, for names of the kernel: eight characters
}
