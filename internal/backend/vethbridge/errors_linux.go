package vethbridge

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"github.com/libioc/ioc/fault"
)

// kindOf classifies what the kernel says.
func kindOf(err error) fault.Kind {
	if k := fault.KindOf(err); k != fault.Unknown {
		return k
	}
	for _, c := range []struct {
		errno unix.Errno
		kind  fault.Kind
	}{
		{unix.EPERM, fault.Denied},
		{unix.EACCES, fault.Denied},
		{unix.EEXIST, fault.Exists},
		{unix.EADDRINUSE, fault.Exists},
		{unix.ENODEV, fault.NotFound},
		{unix.ENOENT, fault.NotFound},
		{unix.EOPNOTSUPP, fault.NotSupported},
		{unix.EPROTONOSUPPORT, fault.NotSupported},
		{unix.EAFNOSUPPORT, fault.NotSupported},
		{unix.ENOSPC, fault.NoSpace},
		{unix.ENFILE, fault.NoSpace},
		{unix.EMFILE, fault.NoSpace},
		{unix.EINVAL, fault.Invalid},
		{unix.ERANGE, fault.Invalid},
		{unix.EADDRNOTAVAIL, fault.Invalid},
		{unix.ENETUNREACH, fault.Invalid},
		{unix.EHOSTUNREACH, fault.Invalid},
	} {
		if errors.Is(err, c.errno) {
			return c.kind
		}
	}
	return fault.Unknown
}

// bare takes away what the standard library says before the cause, which the caller says better.
func bare(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	if e, ok := errors.AsType[*os.LinkError](err); ok {
		return e.Err
	}
	return err
}

// failed introduces an error by what was done to what.
func failed(op, subject string, err error) error {
	if err == nil {
		return nil
	}
	return fault.New(op, kindOf(err), subject, bare(err))
}
