// Package atomicfile replaces a file or leaves it alone.
//
// It owns one promise: whoever reads the path, at whatever moment and also after a power cut, finds
// the old content or the new content, whole. It refuses to know what is in the file, and it does not
// lock: two writers of one path both succeed, and the later one's content stays.
//
//	err := atomicfile.WriteFile("config.json", data, 0o644)
package atomicfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// WriteFile makes data the content of the file at path, which need not exist yet, and perm its
// permissions whatever the umask is. When it returns nil, the change is on the disk.
//
// The new content is written beside path under a temporary name, synced and renamed. A path that is
// a symbolic link is itself replaced, never followed. After an error path is as it was, with one
// exception that the error names: if only the directory could not be synced, the new content is
// visible but may be lost with the power.
//
// A process that is killed in WriteFile may leave the temporary file behind: see [Sweep].
func WriteFile(path string, data []byte, perm fs.FileMode) error {
	return write(path, "", data, perm)
}

// WriteFileKeeping is [WriteFile], and what was at path is then found at previous, which must be in
// a directory of the same file system and is replaced too. Where there was nothing at path, previous
// is removed, so that it is never older than one version.
//
// Both names are right in themselves at every moment; a crash between the two leaves the old content
// under both. Of two writers at once one may get an error: hold a lock.
func WriteFileKeeping(path, previous string, data []byte, perm fs.FileMode) error {
	if filepath.Clean(path) == filepath.Clean(previous) {
		return fmt.Errorf("keep %s: the previous version needs another name", path)
	}
	return write(path, previous, data, perm)
}

func write(path, previous string, data []byte, perm fs.FileMode) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), tempPattern(path))
	if err != nil {
		return fmt.Errorf("replace %s: %w", path, err)
	}
	defer func() {
		err = errors.Join(err, f.Close())
		if err != nil { // it has its final name otherwise, or is still there to be removed
			err = errors.Join(fmt.Errorf("replace %s: %w", path, err), removeIfThere(f.Name()))
		}
	}()
	if err := fill(f, data, perm); err != nil {
		return err
	}
	if previous != "" {
		if err := keep(path, previous); err != nil {
			return err
		}
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	// zfs-fuse does nothing when a directory is to be synced; with any file it writes down what was renamed before. Elsewhere
	// nothing is left to be written then.
	return errors.Join(SyncDir(filepath.Dir(path)), f.Sync())
}

// fill writes f. Permissions come before the sync, so that the file never has its final
// name with permissions that are not on the disk.
func fill(f *os.File, data []byte, perm fs.FileMode) error {
	_, err := f.Write(data)
	if err == nil {
		err = f.Chmod(perm)
	}
	if err == nil {
		err = f.Sync()
	}
	return err
}

// keep makes previous another name of the file at path. link(2) refuses an existing name, so the
// link gets a temporary one first; a second link to the same file is left by rename(2) as it is,
// hence the removal at the end.
func keep(path, previous string) error {
	temp := filepath.Join(filepath.Dir(previous), strings.Replace(tempPattern(previous), "*", "link", 1))
	if err := removeIfThere(temp); err != nil {
		return err
	}
	err := os.Link(path, temp)
	if errors.Is(err, fs.ErrNotExist) {
		return removeIfThere(previous)
	}
	if err != nil {
		return err
	}
	if err := os.Rename(temp, previous); err != nil {
		return errors.Join(err, removeIfThere(temp))
	}
	return errors.Join(removeIfThere(temp), SyncDir(filepath.Dir(previous)))
}

// Sweep removes the temporary files that killed writers of path have left, for good: no power cut brings them back. It must be
// called under the lock that path's writers hold: it cannot tell a dead writer's file from a living one's.
func Sweep(path string) error {
	dir := filepath.Dir(path)
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("sweep: %w", err)
	}
	before, after, _ := strings.Cut(tempPattern(path), "*")
	var failed []error
	found := false
	for _, e := range entries {
		random, ok := strings.CutPrefix(e.Name(), before)
		if !ok {
			continue
		}
		if random, ok = strings.CutSuffix(random, after); ok && !strings.Contains(random, ".") {
			found = true
			failed = append(failed, removeIfThere(filepath.Join(dir, e.Name())))
		}
	}
	if found {
		failed = append(failed, SyncDir(dir))
	}
	return errors.Join(failed...)
}

// tempPattern is what os.CreateTemp and Sweep call the temporary files of path.
func tempPattern(path string) string { return "." + filepath.Base(path) + ".*.tmp" }

// Remove removes path, which need not be there, and makes that durable.
func Remove(path string) error {
	return errors.Join(removeIfThere(path), SyncDir(filepath.Dir(path)))
}

func removeIfThere(path string) error {
	if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// SyncDir makes the names in dir durable: fsync of a file alone says nothing about its name.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("written but not durable: %w", err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("written but not durable: %w", err)
	}
	return nil
}
