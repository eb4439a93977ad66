//go:build !linux

package transfer

import (
	"context"
	"io"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/sandbox"
)

// Copy is a copy that was planned.
type Copy struct{}

func unsupported() error { return fault.Unsupported("copying files into and out of jails", "Linux") }

// Plan is not supported here.
func Plan(context.Context, sandbox.Opener, Place, string, Source, Options) (*Copy, error) {
	return nil, unsupported()
}

// Stage is not supported here.
func (*Copy) Stage() events.Effect { return nil }

// Install is not supported here.
func (*Copy) Install(context.Context) (events.Effect, error) { return nil, unsupported() }

// Sweep is not supported here.
func (*Copy) Sweep() events.Effect { return nil }

// Goal is not supported here.
func (*Copy) Goal() string { return "" }

// Archive is not supported here.
func Archive(context.Context, sandbox.Opener, Source, io.Writer) error { return unsupported() }

// Register has nothing to make known here.
func Register(*events.Registry, sandbox.Opener) {}

// Exists is not supported here.
func Exists(context.Context, sandbox.Opener, sandbox.State, string) (bool, error) {
	return false, unsupported()
}
