package linuxns

import (
	"context"
	"errors"
	"os"

	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/sandbox"
)

var _ sandbox.Networker = (*Driver)(nil)

// OpenNetwork opens the jail's network namespace.
func (d *Driver) OpenNetwork(_ context.Context, j sandbox.State) (*os.File, error) {
	fd, err := d.held("enter", j)
	if err != nil {
		return nil, err
	}
	defer fd.Close()
	f, err := os.Open("/proc/" + itoa(j.PID) + "/ns/net")
	if err != nil {
		return nil, fault.New("open", kindOf(err), "network of jail "+j.ID, bare(err))
	}
	if fd.ended() { // then the number may have been another process's already
		return nil, errors.Join(fault.New("enter", fault.NotFound, "jail "+j.ID, errors.New("it has ended")), f.Close())
	}
	return f, nil
}
