package linuxns

import (
	"context"
	"errors"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/sandbox"
)

// Status looks whether the jail's first process lives.
func (d *Driver) Status(_ context.Context, j sandbox.State) (sandbox.Status, error) {
	fd, status, err := find(j.PID, j.Started, j.Boot, d.host().boot)
	if err != nil {
		return "", fault.New("status", fault.Unknown, "jail "+j.ID, err)
	}
	if fd == nil {
		return status, nil
	}
	defer fd.Close()
	// A number and a start time are enough; the namespace is what would remain to tell two apart.
	if now := pidNamespace(j.PID); status == sandbox.Running && j.Mark != 0 && now != 0 && now != j.Mark {
		return sandbox.Foreign, nil
	}
	return status, nil
}

// Signal sends a signal to the jail's first process.
func (d *Driver) Signal(_ context.Context, j sandbox.State, signal syscall.Signal) error {
	fd, status, err := find(j.PID, j.Started, j.Boot, d.host().boot)
	if err == nil && fd == nil {
		return fault.New("signal", fault.NotFound, "jail "+j.ID, errors.New(string(status)))
	}
	if err == nil {
		defer fd.Close()
		err = fd.signal(signal)
	}
	switch {
	case errors.Is(err, unix.ESRCH):
		return fault.New("signal", fault.NotFound, "jail "+j.ID, errors.New(string(sandbox.Gone)))
	case err != nil:
		return fault.New("signal", kindOf(err), "jail "+j.ID, err)
	}
	return nil
}

// Wait returns when the jail is gone.
func (d *Driver) Wait(ctx context.Context, j sandbox.State) (sandbox.Exit, error) {
	fd, _, err := find(j.PID, j.Started, j.Boot, d.host().boot)
	if err != nil {
		return sandbox.Exit{}, fault.New("wait", fault.Unknown, "jail "+j.ID, err)
	}
	if fd == nil {
		return sandbox.Exit{}, nil
	}
	defer fd.Close()
	if err := fd.wait(ctx); err != nil {
		return sandbox.Exit{}, err
	}
	return fd.reap(unix.WNOHANG), nil
}
