package filetree

import (
	"context"
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/libioc/ioc/storage"
)

// RemoveAll removes what was written under name. "." is emptied.
func (w *Writer) RemoveAll(name string) error {
	if name == "." {
		w.closeParent()
		w.dirs = map[string]storage.Attr{}
		d, err := w.root.Open(".")
		if err != nil {
			return err
		}
		names, err := d.Readdirnames(-1)
		if err == nil {
			for _, base := range names {
				if err = w.RemoveAll(base); err != nil {
					break
				}
			}
		}
		_ = d.Close() // read-only
		return err
	}
	at, base, err := w.at(name)
	if err != nil {
		return err
	}
	var st unix.Stat_t
	if err := unix.Fstat(at, &st); err != nil {
		return err
	}
	if err := remove(context.Background(), at, base, name, st.Dev); err != nil {
		return err
	}
	for dir := range w.dirs {
		if dir == name || strings.HasPrefix(dir, name+"/") {
			delete(w.dirs, dir)
		}
	}
	return nil
}

// Lstat gives the mode of what was written under name, and of a directory all that Mkdir was told.
func (w *Writer) Lstat(name string) (storage.Attr, bool) {
	if a, ok := w.dirs[name]; ok {
		return a, true
	}
	if name == "." {
		return storage.Attr{Mode: os.ModeDir | 0o755}, true
	}
	at, base, err := w.at(name)
	if err != nil {
		return storage.Attr{}, false
	}
	w.crew.wait()
	e := Entry{Name: name, at: at, base: base}
	if err := unix.Fstatat(at, base, &e.Stat, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return storage.Attr{}, false
	}
	return storage.Attr{Mode: e.Mode(), UID: int(e.Stat.Uid), GID: int(e.Stat.Gid)}, true
}

// LinkEntry makes e, a file of another tree on the same file system, part of this one too.
func (w *Writer) LinkEntry(e *Entry) error {
	at, base, err := w.at(e.Name)
	if err != nil {
		return err
	}
	if err = unix.Linkat(e.at, e.base, at, base, 0); err == unix.EEXIST {
		if err = w.clear(at, e.Name); err == nil {
			err = unix.Linkat(e.at, e.base, at, base, 0)
		}
	}
	if err != nil {
		return &os.LinkError{Op: "link", Old: e.Name, New: path.Base(e.Name), Err: err}
	}
	return nil
}
