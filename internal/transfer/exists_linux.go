package transfer

import (
	"context"
	"errors"
	"os"
	"path"

	"golang.org/x/sys/unix"

	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/sandbox"
)

// Exists tells whether a running jail has a file of this name, as its processes see it: links lead where they do in
// the jail, and file systems that are mounted there count.
func Exists(ctx context.Context, o sandbox.Opener, state sandbox.State, name string) (bool, error) {
	if o == nil {
		return false, fault.Unsupported("looking at files of jails", "another back end")
	}
	root, err := o.OpenRoot(ctx, state)
	if err != nil {
		return false, err
	}
	defer root.Close()
	how := unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS}
	for range 100 { // as in resolve
		fd, err := unix.Openat2(int(root.Fd()), path.Join("/", name), &how)
		switch {
		case err == nil:
			_ = os.NewFile(uintptr(fd), name).Close() // a path descriptor: nothing can be lost
			return true, nil
		case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ENOTDIR):
			return false, nil
		case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR):
		default:
			return false, classified("open", name, err)
		}
	}
	return false, classified("open", name, unix.EAGAIN)
}
