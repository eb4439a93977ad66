package filetree

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// Remove removes the tree at path. It is done if there is none. Directories that forbid it to their
// owner are opened up; links are removed, never followed; what is mounted inside is not touched and
// makes it fail. After an error or a kill it can be called again.
func Remove(ctx context.Context, path string) error {
	parent, err := unix.Open(filepath.Dir(path), unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err == unix.ENOENT {
		return nil
	}
	if err != nil {
		return &fs.PathError{Op: "open", Path: filepath.Dir(path), Err: err}
	}
	defer unix.Close(parent) //nolint:errcheck // read-only
	var st unix.Stat_t
	if err := unix.Fstat(parent, &st); err != nil {
		return &fs.PathError{Op: "stat", Path: filepath.Dir(path), Err: err}
	}
	return remove(ctx, parent, filepath.Base(path), path, st.Dev)
}

func remove(ctx context.Context, at int, base, path string, dev uint64) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	err := unix.Unlinkat(at, base, 0)
	if err == nil || err == unix.ENOENT {
		return nil
	}
	if err == unix.EISDIR || err == unix.EPERM || err == unix.EACCES {
		if e := unix.Unlinkat(at, base, unix.AT_REMOVEDIR); e == nil || e == unix.ENOENT {
			return nil
		} else if e == unix.ENOTEMPTY || e == unix.EEXIST {
			if err := empty(ctx, at, base, path, dev); err != nil {
				return err
			}
			if err = unix.Unlinkat(at, base, unix.AT_REMOVEDIR); err == nil || err == unix.ENOENT {
				return nil
			}
		} else if e != unix.ENOTDIR {
			err = e
		}
	}
	return &fs.PathError{Op: "remove", Path: path, Err: err}
}

// empty removes what is in a directory.
func empty(ctx context.Context, at int, base, path string, dev uint64) error {
	const flags = unix.O_RDONLY | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC
	fd, err := unix.Openat(at, base, flags, 0)
	if err == unix.EACCES {
		if err = openUp(at, base); err == nil {
			fd, err = unix.Openat(at, base, flags, 0)
		}
	}
	if err != nil {
		return &fs.PathError{Op: "open", Path: path, Err: err}
	}
	dir := os.NewFile(uintptr(fd), path)
	defer dir.Close() //nolint:errcheck // read-only
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return &fs.PathError{Op: "stat", Path: path, Err: err}
	}
	if st.Dev != dev {
		return &fs.PathError{Op: "remove", Path: path, Err: errors.New("something is mounted there")}
	}
	if st.Mode&0o700 != 0o700 { // it can be read, but not be written
		if err := unix.Fchmod(fd, 0o700); err != nil && err != unix.EPERM {
			return &fs.PathError{Op: "chmod", Path: path, Err: err}
		}
	}
	names, err := dir.Readdirnames(-1) // all: removing while reading may skip some
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := remove(ctx, fd, name, filepath.Join(path, name), dev); err != nil {
			return err
		}
	}
	return nil
}

// openUp lets the owner into a directory that forbids it. The descriptor makes sure that it is one.
func openUp(at int, base string) error {
	fd, err := unix.Openat(at, base, unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd) //nolint:errcheck // nothing can be lost
	return unix.Fchmodat(unix.AT_FDCWD, "/proc/self/fd/"+strconv.Itoa(fd), 0o700, 0)
}
