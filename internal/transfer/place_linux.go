package transfer

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/sandbox"
)

// tree is an open place.
type tree struct{ root *os.File }

// open opens p: a directory of the host, the root of a running jail, or, when that has gone, the files it wrote to.
func (p Place) open(ctx context.Context, o sandbox.Opener) (*tree, error) {
	dir := p.Host
	if dir == "" {
		if o == nil {
			return nil, fault.Unsupported("copying files", "another back end")
		}
		root, err := o.OpenRoot(ctx, p.State)
		if err == nil {
			return &tree{root}, nil
		}
		if !errors.Is(err, fault.NotFound) {
			return nil, err
		}
		if dir = p.Root.Dir; p.Root.Overlay != nil {
			dir = p.Root.Overlay.Upper
		}
	}
	root, err := os.OpenFile(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, classified("open", dir, err)
	}
	return &tree{root}, nil
}

func (t *tree) Close() { _ = t.root.Close() } // a path descriptor: nothing can be lost

// within is how every name is resolved: nothing leads out, also not by a mount, for which there is exec.
const within = unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS | unix.RESOLVE_NO_XDEV

// resolve opens name without looking at what it is.
func (t *tree) resolve(name string, flags uint64) (*os.File, error) {
	how := unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC | flags, Resolve: within}
	name = path.Join("/", name)
	for range 100 { // EAGAIN: something was renamed meanwhile, and the kernel is not sure
		fd, err := unix.Openat2(int(t.root.Fd()), name, &how)
		switch {
		case err == unix.EAGAIN, err == unix.EINTR:
			continue
		case err == unix.EXDEV:
			return nil, fault.New("open", fault.NotSupported, name, errors.New("it is on another file system than the jail's own files")).
				WithRemedy("use ioc exec with tar")
		case err != nil:
			return nil, classified("open", name, err)
		}
		return os.NewFile(uintptr(fd), name), nil
	}
	return nil, classified("open", name, unix.EAGAIN)
}

// follow opens what name leads to.
func (t *tree) follow(name string) (*os.File, error) { return t.resolve(name, 0) }

// dir opens a directory for reading, by a path descriptor's own name.
func reopen(f *os.File, flags int) (*os.File, error) {
	return os.OpenFile(fdPath(f), flags|unix.O_CLOEXEC, 0)
}

func fdPath(f *os.File) string { return "/proc/self/fd/" + strconv.Itoa(int(f.Fd())) }

// real is the name without links of what f is, seen from the root; it is proved by opening it.
func (t *tree) real(f *os.File) (string, error) {
	root, err := os.Readlink(fdPath(t.root))
	if err != nil {
		return "", err
	}
	name, err := os.Readlink(fdPath(f))
	if err != nil {
		return "", err
	}
	rel := strings.TrimPrefix(strings.TrimPrefix(name, strings.TrimSuffix(root, "/")), "/")
	if rel == "" {
		rel = "."
	}
	again, err := t.resolve(rel, unix.O_NOFOLLOW)
	if err != nil {
		return "", err
	}
	defer again.Close() //nolint:errcheck // a path descriptor
	if !same(f, again) {
		return "", fault.New("open", fault.Busy, name, errors.New("it was moved meanwhile"))
	}
	return rel, nil
}

func same(a, b *os.File) bool {
	x, err := a.Stat()
	if err != nil {
		return false
	}
	y, err := b.Stat()
	return err == nil && os.SameFile(x, y)
}

// opened opens a directory by the name that real gave, and no other.
func (t *tree) opened(dir string) (*os.File, error) {
	how := unix.OpenHow{Flags: unix.O_RDONLY | unix.O_DIRECTORY | unix.O_CLOEXEC, Resolve: within | unix.RESOLVE_NO_SYMLINKS}
	fd, err := unix.Openat2(int(t.root.Fd()), path.Join("/", dir), &how)
	if err != nil {
		return nil, classified("open", dir, err)
	}
	return os.NewFile(uintptr(fd), dir), nil
}

// classified gives an error of the kernel its kind.
func classified(op, name string, err error) error {
	kind := fault.Unknown
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fault.New(op, fault.NotFound, name, nil)
	case errors.Is(err, unix.ENOTDIR):
		kind = fault.Invalid
	case errors.Is(err, fs.ErrPermission):
		kind = fault.Denied
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT):
		kind = fault.NoSpace
	case errors.Is(err, unix.EROFS):
		kind = fault.Denied
	}
	return fault.New(op, kind, name, err)
}
