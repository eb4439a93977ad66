package mem

import (
	"context"
	"errors"

	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/sandbox"
)

var (
	_ sandbox.Listener = (*Kernel)(nil)
	_ sandbox.Finder   = (*Kernel)(nil)
)

// Listening asks Listens; without it a jail that runs listens everywhere.
func (k *Kernel) Listening(_ context.Context, j sandbox.State, port uint16) (bool, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.find(j) == nil {
		return false, fault.New("listen", fault.NotFound, "jail "+j.ID, errors.New(string(sandbox.Gone)))
	}
	return k.Listens == nil || k.Listens(j.ID, port), nil
}

// Exists is true of every file of a jail that runs: what is in it nobody holds.
func (k *Kernel) Exists(_ context.Context, j sandbox.State, _ string) (bool, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.find(j) == nil {
		return false, fault.New("look", fault.NotFound, "jail "+j.ID, errors.New(string(sandbox.Gone)))
	}
	return true, nil
}
