//go:build unix

package zfs

import (
	"errors"
	"io/fs"

	"golang.org/x/sys/unix"

	"github.com/libioc/ioc/fault"
)

// detach unmounts what is on dir.
func detach(dir string) error { return unix.Unmount(dir, 0) }

// systemKind classifies what a system call returned.
func systemKind(err error) fault.Kind {
	switch {
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT):
		return fault.NoSpace
	case errors.Is(err, fs.ErrPermission):
		return fault.Denied
	default:
		return fault.Unknown
	}
}
