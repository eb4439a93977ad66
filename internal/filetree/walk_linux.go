package filetree

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/libioc/ioc/storage"
)

// Entry is a file of a tree as Walk finds it. It is valid only during the call that it is given to.
type Entry struct {
	Name string // as of storage.ValidPath; "." is the root
	Stat unix.Stat_t
	at   int // the directory, open
	base string
}

// SkipDir is returned by a Walk's function to leave out what is in the directory.
var SkipDir = fs.SkipDir

// Walk calls f for dir and everything in it, a directory before what is in it, each directory's
// entries in the order of their names. It does not cross into another file system.
func Walk(ctx context.Context, dir string, f func(e *Entry) error) error {
	fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return &fs.PathError{Op: "open", Path: dir, Err: err}
	}
	root := os.NewFile(uintptr(fd), dir)
	defer root.Close() //nolint:errcheck // read-only
	e := Entry{Name: ".", at: fd, base: "."}
	if err := unix.Fstat(fd, &e.Stat); err != nil {
		return &fs.PathError{Op: "stat", Path: dir, Err: err}
	}
	dev := e.Stat.Dev
	if err := f(&e); err != nil {
		if errors.Is(err, SkipDir) {
			return nil
		}
		return err
	}
	return walk(ctx, root, ".", dev, f)
}

// WalkFrom is Walk for what parent has under the name base, which may be any file; "." is parent itself. Its Name is ".".
func WalkFrom(ctx context.Context, parent *os.File, base string, f func(e *Entry) error) error {
	e := Entry{Name: ".", at: int(parent.Fd()), base: base}
	if err := unix.Fstatat(e.at, base, &e.Stat, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return &fs.PathError{Op: "stat", Path: base, Err: err}
	}
	dev := e.Stat.Dev
	if err := f(&e); err != nil || !e.IsDir() {
		if errors.Is(err, SkipDir) {
			return nil
		}
		return err
	}
	dir, err := e.open(unix.O_DIRECTORY)
	if err != nil {
		return err
	}
	defer dir.Close() //nolint:errcheck // read-only
	return walk(ctx, dir, ".", dev, f)
}

func walk(ctx context.Context, dir *os.File, name string, dev uint64, f func(e *Entry) error) error {
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return err
	}
	slices.Sort(names)
	for _, base := range names {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		e := Entry{Name: path.Join(name, base), at: int(dir.Fd()), base: base}
		if err := unix.Fstatat(e.at, base, &e.Stat, unix.AT_SYMLINK_NOFOLLOW); err != nil {
			if err == unix.ENOENT {
				continue // a running jail removed it
			}
			return &fs.PathError{Op: "stat", Path: e.Name, Err: err}
		}
		if e.Stat.Dev != dev && (e.IsDir() || !e.inside()) {
			continue
		}
		if err := f(&e); err != nil {
			if errors.Is(err, SkipDir) {
				continue
			}
			return err
		}
		if !e.IsDir() {
			continue
		}
		sub, err := e.open(unix.O_DIRECTORY)
		if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ELOOP) {
			continue
		}
		if err != nil {
			return err
		}
		err = walk(ctx, sub, e.Name, dev, f)
		if err := errors.Join(err, sub.Close()); err != nil {
			return err
		}
	}
	return nil
}

// inside reports whether e is on its directory's mount. The device does not tell for a file of an overlay:
// it may be its layer's, while that of directories is the overlay's own.
func (e *Entry) inside() bool {
	var file, dir unix.Statx_t
	return unix.Statx(e.at, e.base, unix.AT_SYMLINK_NOFOLLOW, unix.STATX_MNT_ID, &file) == nil &&
		unix.Statx(e.at, "", unix.AT_EMPTY_PATH, unix.STATX_MNT_ID, &dir) == nil &&
		file.Mask&dir.Mask&unix.STATX_MNT_ID != 0 && file.Mnt_id == dir.Mnt_id
}

func (e *Entry) open(flags int) (*os.File, error) {
	fd, err := unix.Openat(e.at, e.base, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC|flags, 0)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: e.Name, Err: err}
	}
	return os.NewFile(uintptr(fd), e.Name), nil
}

// IsDir reports whether e is a directory.
func (e *Entry) IsDir() bool { return e.Stat.Mode&unix.S_IFMT == unix.S_IFDIR }

// Open opens a regular file or a directory for reading.
func (e *Entry) Open() (*os.File, error) { return e.open(0) }

// Readlink gives a symbolic link's target.
func (e *Entry) Readlink() (string, error) {
	buf := make([]byte, max(e.Stat.Size+1, 256))
	n, err := unix.Readlinkat(e.at, e.base, buf)
	if err != nil {
		return "", &fs.PathError{Op: "readlink", Path: e.Name, Err: err}
	}
	return string(buf[:n]), nil
}

// Attr gives what a Writer takes, with the extended attributes of files and directories.
func (e *Entry) Attr() (storage.Attr, error) {
	a := storage.Attr{
		Mode: e.Mode(), UID: int(e.Stat.Uid), GID: int(e.Stat.Gid),
		ModTime: time.Unix(e.Stat.Mtim.Unix()),
	}
	if kind := e.Stat.Mode & unix.S_IFMT; kind != unix.S_IFREG && kind != unix.S_IFDIR {
		return a, nil
	}
	f, err := e.Open()
	if err != nil {
		return a, err
	}
	a.Xattrs, err = xattrs(int(f.Fd()))
	if err != nil {
		err = &fs.PathError{Op: "listxattr", Path: e.Name, Err: err}
	}
	return a, errors.Join(err, f.Close())
}

func xattrs(fd int) (map[string][]byte, error) {
	n, err := unix.Flistxattr(fd, nil)
	if err == unix.ENOTSUP || n == 0 && err == nil {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	list := make([]byte, n)
	if n, err = unix.Flistxattr(fd, list); err != nil {
		return nil, err
	}
	all := map[string][]byte{}
	for key := range bytes.SplitSeq(list[:n], []byte{0}) {
		if len(key) == 0 {
			continue
		}
		value := make([]byte, 64<<10) // the kernel's limit
		n, err := unix.Fgetxattr(fd, string(key), value)
		if err != nil {
			return nil, err
		}
		all[string(key)] = bytes.Clone(value[:n])
	}
	return all, nil
}

// Mode is the entry's type and permissions.
func (e *Entry) Mode() fs.FileMode {
	m := fs.FileMode(e.Stat.Mode & 0o777)
	if e.Stat.Mode&unix.S_ISUID != 0 {
		m |= fs.ModeSetuid
	}
	if e.Stat.Mode&unix.S_ISGID != 0 {
		m |= fs.ModeSetgid
	}
	if e.Stat.Mode&unix.S_ISVTX != 0 {
		m |= fs.ModeSticky
	}
	switch e.Stat.Mode & unix.S_IFMT {
	case unix.S_IFDIR:
		m |= fs.ModeDir
	case unix.S_IFLNK:
		m |= fs.ModeSymlink
	case unix.S_IFCHR:
		m |= fs.ModeDevice | fs.ModeCharDevice
	case unix.S_IFBLK:
		m |= fs.ModeDevice
	case unix.S_IFIFO:
		m |= fs.ModeNamedPipe
	case unix.S_IFSOCK:
		m |= fs.ModeSocket
	}
	return m
}
