package overlay

import (
	"context"
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/internal/atomicfile"
	"github.com/libioc/ioc/storage"
)

// layout is a root directory. Effects carry it, so that they can be undone by a process that knows
// nothing else.
type layout string

const (
	stateFile = "storage.json"
	dead      = ".dead" // ends the name of what is being deleted and counts no more
)

func (l layout) dir(d storage.Dataset) string {
	if d == storage.Global() {
		return string(l)
	}
	return filepath.Join(string(l), d.Kind.String(), string(d.Name))
}

// hidden is where a dataset is made before it gets its name. No Name begins with a dot.
func (l layout) hidden(k storage.Kind, id string) string {
	return filepath.Join(string(l), k.String(), "."+id)
}

func (l layout) layer(id string) string { return filepath.Join(string(l), "layers", id) }
func (l layout) fs(id string) string    { return filepath.Join(string(l), "layers", id, "fs") }
func (l layout) work(id string) string  { return filepath.Join(string(l), "layers", id, "work") }
func (l layout) trash(id string) string { return filepath.Join(string(l), "trash", id) }

// oldLayer is where a layer is deleted. A dataset and a layer may have the same id.
func (l layout) oldLayer(id string) string { return l.trash("layer-" + id + dead) }

func (l layout) release(n storage.Name) string {
	return filepath.Join(l.dir(storage.Release(n)), "root")
}

// make makes the directories that are always there. Nobody else may look inside: a jail's root user
// could leave a setuid program there for a user of the host.
func (l layout) make() error {
	for _, sub := range []string{"", "releases", "jails", "layers", "trash"} {
		if err := os.MkdirAll(filepath.Join(string(l), sub), 0o700); err != nil {
			return fault.New("open", kindOf(err), string(l), err)
		}
	}
	return nil
}

// newID is a name that was never used and never will be.
func newID() string { return strings.ToLower(rand.Text()) }

func validID(id string) bool {
	return len(id) >= 20 && !strings.ContainsFunc(id, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < '0' || c > '9')
	})
}

// move renames a directory in one file system and makes that durable. It never replaces anything.
func move(ctx context.Context, from, to string) error {
	err := unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_NOREPLACE)
	if err == unix.EINVAL || err == unix.ENOSYS {
		// The file system does not know the flag. Rename replaces an empty directory at most, and ours are not.
		err = unix.Rename(from, to)
		if err == unix.ENOTEMPTY {
			err = unix.EEXIST
		}
	}
	if err != nil {
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
	}
	storage.Point(ctx, "renamed")
	err = atomicfile.SyncDir(filepath.Dir(to))
	if filepath.Dir(from) != filepath.Dir(to) {
		err = errors.Join(err, atomicfile.SyncDir(filepath.Dir(from)))
	}
	return err
}

// syncDirs makes the names in several directories durable. One after the other they cost little more than the first: what was
// written before it is on the disk by then.
func syncDirs(dirs ...string) error {
	for _, dir := range dirs {
		if err := atomicfile.SyncDir(dir); err != nil {
			return err
		}
	}
	return nil
}

// syncFiles makes files in dir durable, and their names. All are on their way to the disk before the first is
// waited for, so that the file system finds room for all at once and what it writes about that is written once.
func syncFiles(dir string, names []string) error {
	files := make([]*os.File, 0, len(names))
	var failed []error
	for _, name := range names {
		f, err := os.Open(filepath.Join(dir, name))
		if err != nil {
			failed = append(failed, err)
			continue
		}
		files = append(files, f)
		_ = unix.SyncFileRange(int(f.Fd()), 0, 0, unix.SYNC_FILE_RANGE_WRITE) // the next loop is what counts
	}
	for _, f := range files {
		failed = append(failed, f.Sync(), f.Close())
	}
	return errors.Join(append(failed, atomicfile.SyncDir(dir))...)
}

func exists(path string) bool {
	var st unix.Stat_t // and not os.Lstat's, which is on the heap
	return unix.Lstat(path, &st) == nil
}

// kindOf classifies what a system call returned.
func kindOf(err error) fault.Kind {
	switch {
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT):
		return fault.NoSpace
	case errors.Is(err, fs.ErrPermission):
		return fault.Denied
	default:
		return fault.KindOf(err)
	}
}
