package mem

import (
	"context"
	"errors"

	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/sandbox"
)

var (
	_ sandbox.Counter = (*Kernel)(nil)
	_ sandbox.Meter   = (*Kernel)(nil)
)

// Killed is what OutOfMemory says.
func (k *Kernel) Killed(_ context.Context, j sandbox.State) (int64, error) {
	if k.OutOfMemory == nil {
		return -1, nil
	}
	return k.OutOfMemory(j.ID), nil
}

// Measure counts processes; they use neither memory nor a processor.
func (k *Kernel) Measure(_ context.Context, j sandbox.State) (sandbox.Usage, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	u := sandbox.Usage{}
	for _, p := range k.inits {
		if p.id == j.ID {
			u.Processes++
		}
	}
	if u.Processes == 0 {
		return u, fault.New("measure", fault.NotFound, "jail "+j.ID, errors.New(string(sandbox.Gone)))
	}
	for _, p := range k.sessions {
		if p.id == j.ID {
			u.Processes++
		}
	}
	return u, nil
}
