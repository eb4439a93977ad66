package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// directory is the fileSystem of a real journal.
type directory string

// openDirectory makes path and what it needs below, for its owner alone.
func openDirectory(path string) (directory, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	for _, dir := range []string{heldDir, resolvedDir} {
		if err := os.MkdirAll(filepath.Join(path, dir), 0o700); err != nil {
			return "", err
		}
	}
	kind, remote, err := remoteFileSystem(path)
	if err != nil {
		return "", err
	}
	if remote {
		return "", fmt.Errorf("%s is on %s, where a lock says nothing about other machines: use a local file system", path, kind)
	}
	return directory(path), nil
}

func (d directory) path(name string) string { return filepath.Join(string(d), name) }

func (d directory) open(name string, create, excl bool) (file, error) {
	flags := os.O_RDWR | unix.O_NOFOLLOW
	if create {
		flags |= os.O_CREATE
	}
	if excl {
		flags |= os.O_EXCL
	}
	f, err := os.OpenFile(d.path(name), flags, 0o600)
	if err != nil {
		return nil, err
	}
	return &diskFile{f, int(f.Fd()), d}, nil
}

func (d directory) rename(from, to string) error { return os.Rename(d.path(from), d.path(to)) }
func (d directory) remove(name string) error     { return os.Remove(d.path(name)) }

func (d directory) names(dir string) ([]string, error) {
	f, err := os.Open(d.path(dir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	names, err := f.Readdirnames(-1)
	return names, errors.Join(err, f.Close())
}

func (d directory) syncDir(dir string) error {
	paths := []string{d.path(dir)}
	if dir == "" { // the journal's own name, too
		paths = append(paths, filepath.Dir(string(d)))
	}
	for _, path := range paths {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		if err := errors.Join(f.Sync(), f.Close()); err != nil {
			return err
		}
	}
	return nil
}

// diskFile is a file of a directory.
type diskFile struct {
	*os.File
	fd  int
	dir directory
}

func (f *diskFile) osFile() *os.File { return f.File }

// Close forgets the descriptor: its number may be another file's at once.
func (f *diskFile) Close() error {
	f.fd = -1
	return f.File.Close()
}

func (f *diskFile) sync() error { return dataSync(f.File, f.fd) }

func (f *diskFile) size() (int64, error) {
	st, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return st.Size(), nil
}

func (f *diskFile) is(name string) (bool, error) {
	mine, err := f.Stat()
	if err != nil {
		return false, err
	}
	there, err := os.Lstat(f.dir.path(name))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil && os.SameFile(mine, there), err
}

func (f *diskFile) lock(how lockKind) (bool, error) {
	op := unix.LOCK_EX | unix.LOCK_NB
	if how == shared {
		op = unix.LOCK_SH | unix.LOCK_NB
	}
	switch err := f.flock(op); {
	case err == nil:
		return true, nil
	case errors.Is(err, unix.EWOULDBLOCK):
		return false, nil
	default:
		return false, fmt.Errorf("lock %s: %w", f.Name(), err)
	}
}

// unlock drops the lock for whoever has inherited it, too.
func (f *diskFile) unlock() error { return f.flock(unix.LOCK_UN) }

func (f *diskFile) flock(op int) error {
	for {
		if err := unix.Flock(f.fd, op); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
