package mem

import (
	"context"
	"errors"

	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/sandbox"
)

var _ sandbox.Listener = (*Kernel)(nil)

// Listening asks Listens; without it a jail that runs listens everywhere.
func (k *Kernel) Listening(_ context.Context, j sandbox.State, port uint16) (bool, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.find(j) == nil {
		return false, fault.New("listen", fault.NotFound, "jail "+j.ID, errors.New(string(sandbox.Gone)))
	}
	return k.Listens == nil || k.Listens(j.ID, port), nil
}
