package filetree

import (
	"errors"
	"io/fs"
	"path"
	"strings"

	"golang.org/x/sys/unix"
)

// Remove removes name with all that is in it. Nothing of the tree forbids that: its directories have
// their own attributes from Close on.
func (w *Writer) Remove(name string) error {
	if _, err := w.root.Lstat(name); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	at, base, err := w.at(name)
	if err != nil {
		return err
	}
	if err = unix.Unlinkat(at, base, 0); err == unix.EISDIR {
		w.closeParent() // it may be below
		err = w.root.RemoveAll(path.Clean(name))
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return failed("remove", name, err)
	}
	for dir := range w.dirs {
		if dir == name || strings.HasPrefix(dir, name+"/") {
			delete(w.dirs, dir)
		}
	}
	return nil
}
