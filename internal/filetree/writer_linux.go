package filetree

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/storage"
)

// Options say what a Writer may store.
type Options struct {
	Owners  bool // give files to their owners; otherwise all belong to the caller
	Devices bool // make device nodes
	Layers  bool // keep the attributes by which overlay file systems mark layers; never for foreign trees
}

// Writer is a storage.Tree below a directory. Its descriptors are plain numbers: an os.File of each of some
// thousand files costs as much as the files.
type Writer struct {
	root    *os.Root
	top     int // the same directory
	opts    Options
	uid     int // of the caller, whose new files are
	gid     int
	dirs    map[string]storage.Attr // what Close sets
	parent  string                  // the directory that is open
	open    int                     // -1: none is
	slow    bool                    // the kernel has no openat2, or forbids it
	crew    *crew                   // writes what is in files; nil: it has not begun
	alone   bool                    // there is none
	early   early
	scratch []byte
}

var _ storage.Tree = (*Writer)(nil)

// NewWriter writes below dir, which must exist and must not be written by others meanwhile.
func NewWriter(dir string, o Options) (*Writer, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	top, err := unix.Open(dir, dirFlags, 0)
	if err != nil {
		return nil, errors.Join(&fs.PathError{Op: "open", Path: dir, Err: err}, root.Close())
	}
	return &Writer{root: root, top: top, early: early{top: top}, open: -1, opts: o, uid: os.Geteuid(), gid: os.Getegid(), dirs: map[string]storage.Attr{}}, nil
}

// at opens the directory of name, making it if need be, and gives its descriptor and name's last
// element. The directory stays open for the next entry, which mostly is in the same one.
func (w *Writer) at(name string) (int, string, error) {
	if !storage.ValidPath(name) || name == "." {
		return 0, "", fault.New("", fault.Invalid, fmt.Sprintf("%q", name), errors.New("not a path inside the tree"))
	}
	if err := w.crew.tell(); err != nil {
		return 0, "", err
	}
	dir, base := path.Split(name)
	if dir = path.Clean(dir); w.open >= 0 && dir == w.parent {
		return w.open, base, nil
	}
	fd, err := w.openDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		if err = w.Mkdir(dir, storage.Attr{Mode: fs.ModeDir | 0o755}); err == nil {
			fd, err = w.openDir(dir)
		}
	}
	if err != nil {
		return 0, "", fault.New("", fault.Invalid, name, err)
	}
	w.closeParent()
	w.parent, w.open = dir, fd
	return fd, base, nil
}

const dirFlags = unix.O_RDONLY | unix.O_DIRECTORY | unix.O_CLOEXEC

// openDir opens a directory of the tree. Links on the way are followed as long as they stay inside: the kernel
// sees to it or, where it cannot, os.Root.
func (w *Writer) openDir(dir string) (int, error) {
	for tries := 0; !w.slow; tries++ {
		fd, err := unix.Openat2(w.top, dir, &unix.OpenHow{Flags: dirFlags, Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_MAGICLINKS})
		switch {
		case err == unix.ENOSYS || err == unix.EPERM:
			w.slow = true
		case err == unix.EINTR || err == unix.EAGAIN && tries < 100: // something else on the host was renamed
		case err != nil:
			return -1, &fs.PathError{Op: "open", Path: dir, Err: err}
		default:
			return fd, nil
		}
	}
	f, err := w.root.OpenFile(dir, os.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return -1, err
	}
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	return fd, errors.Join(err, f.Close())
}

func (w *Writer) closeParent() {
	if w.open >= 0 {
		_ = unix.Close(w.open) // read-only: nothing can be lost
		w.open = -1
	}
}

// clear removes what stands where a new entry is to be made.
func (w *Writer) clear(at int, name string) error {
	base := path.Base(name)
	err := unix.Unlinkat(at, base, 0)
	if err == unix.EISDIR {
		if err = unix.Unlinkat(at, base, unix.AT_REMOVEDIR); err == nil {
			delete(w.dirs, name)
		}
	}
	if err == unix.ENOENT {
		return nil
	}
	return err
}

// Mkdir makes a directory, or takes one that is there.
func (w *Writer) Mkdir(name string, a storage.Attr) error {
	if name != "." {
		at, base, err := w.at(name)
		if err != nil {
			return err
		}
		err = unix.Mkdirat(at, base, 0o700)
		if err == unix.EEXIST {
			var st unix.Stat_t
			if err = unix.Fstatat(at, base, &st, unix.AT_SYMLINK_NOFOLLOW); err == nil && st.Mode&unix.S_IFMT != unix.S_IFDIR {
				if err = w.clear(at, name); err == nil {
					err = unix.Mkdirat(at, base, 0o700)
				}
			}
		}
		if err != nil {
			return failed("mkdir", name, err)
		}
	}
	w.dirs[name] = a
	return nil
}

// File writes a regular file.
func (w *Writer) File(name string, a storage.Attr, content io.Reader) error {
	at, base, err := w.at(name)
	if err != nil {
		return err
	}
	const flags = unix.O_WRONLY | unix.O_CREAT | unix.O_EXCL | unix.O_NOFOLLOW | unix.O_CLOEXEC
	mode := w.firstMode(a)
	fd, err := unix.Openat(at, base, flags, mode)
	if err == unix.EEXIST {
		if err := w.clear(at, name); err != nil {
			return failed("replace", name, err)
		}
		fd, err = unix.Openat(at, base, flags, mode)
	}
	if err != nil {
		return failed("create", name, err)
	}
	if src, ok := content.(*os.File); ok {
		f := os.NewFile(uintptr(fd), name)
		err := cloneContent(f, src)
		if err == nil {
			err = w.setAttr(fd, name, a)
		}
		return classified(errors.Join(err, f.Close()))
	}
	if c := w.begin(); c != nil {
		return c.send(&job{fd: fd, name: name, attr: a}, content)
	}
	if err = w.write(fd, name, content); err == nil {
		err = w.setAttr(fd, name, a)
	}
	return errors.Join(err, closed(fd, name))
}

// Symlink makes a symbolic link. Its target may be anything: nothing here follows it out of the tree.
func (w *Writer) Symlink(name, target string, a storage.Attr) error {
	at, base, err := w.at(name)
	if err != nil {
		return err
	}
	if err = unix.Symlinkat(target, at, base); err == unix.EEXIST {
		if err = w.clear(at, name); err == nil {
			err = unix.Symlinkat(target, at, base)
		}
	}
	if err != nil {
		return &os.LinkError{Op: "symlink", Old: target, New: name, Err: err}
	}
	return w.setPathAttr(at, base, name, a, false)
}

// Link makes another name of a file. A symbolic link is linked itself, not what it names.
func (w *Writer) Link(name, existing string) error {
	if !storage.ValidPath(existing) {
		return fault.New("link", fault.Invalid, fmt.Sprintf("%q", existing), errors.New("not a path inside the tree"))
	}
	dir, err := w.openDir(path.Dir(existing))
	if err != nil {
		return fault.New("link", fault.Invalid, existing, err)
	}
	defer unix.Close(dir) //nolint:errcheck // read-only
	at, base, err := w.at(name)
	if err != nil {
		return err
	}
	var old, own unix.Stat_t
	from := path.Base(existing)
	err = unix.Fstatat(dir, from, &old, unix.AT_SYMLINK_NOFOLLOW)
	if err == nil && unix.Fstatat(at, base, &own, unix.AT_SYMLINK_NOFOLLOW) == nil && own.Dev == old.Dev && own.Ino == old.Ino {
		return nil // it is one already, and removing it could remove the last
	}
	if err == nil {
		err = w.clear(at, name)
	}
	if err == nil {
		err = unix.Linkat(dir, from, at, base, 0)
	}
	if err != nil {
		return &os.LinkError{Op: "link", Old: existing, New: name, Err: err}
	}
	return nil
}

// Node makes what a.Mode says: a device, a named pipe or a socket.
func (w *Writer) Node(name string, a storage.Attr, major, minor uint32) error {
	var kind, dev uint32
	switch a.Mode.Type() {
	case fs.ModeDevice | fs.ModeCharDevice:
		kind, dev = unix.S_IFCHR, uint32(unix.Mkdev(major, minor))
	case fs.ModeDevice:
		kind, dev = unix.S_IFBLK, uint32(unix.Mkdev(major, minor))
	case fs.ModeNamedPipe:
		kind = unix.S_IFIFO
	case fs.ModeSocket:
		kind = unix.S_IFSOCK
	default:
		return fault.New("mknod", fault.Invalid, name, fmt.Errorf("mode %v is none of a node", a.Mode))
	}
	// 0/0 is not a device but the mark of a deleted file in a layer. Anybody may make it.
	whiteout := kind == unix.S_IFCHR && dev == 0
	if whiteout && !w.opts.Layers {
		return fault.New("mknod", fault.Invalid, name, errors.New("character device 0:0 is reserved"))
	}
	if kind != unix.S_IFIFO && kind != unix.S_IFSOCK && !whiteout && !w.opts.Devices {
		return fault.Unsupported("device node "+name, "root")
	}
	at, base, err := w.at(name)
	if err != nil {
		return err
	}
	if err = w.clear(at, name); err == nil {
		err = unix.Mknodat(at, base, kind, int(dev))
	}
	if err != nil {
		return failed("mknod", name, err)
	}
	return w.setPathAttr(at, base, name, a, true)
}

// Close waits until all is written, and sets the attributes of the directories, deepest first: the ones above may
// forbid the way.
func (w *Writer) Close() error {
	w.closeParent()
	failed := []error{w.crew.stop()}
	w.crew = nil
	names := slices.Sorted(keys(w.dirs))
	for _, name := range slices.Backward(names) {
		d, err := w.openDir(name)
		if err != nil {
			failed = append(failed, err)
			continue
		}
		failed = append(failed, w.setAttr(d, name, w.dirs[name]), unix.Close(d))
	}
	w.dirs = map[string]storage.Attr{}
	return errors.Join(append(failed, w.early.end(), unix.Close(w.top), w.root.Close())...)
}

// SameDisk reports whether a file of one directory can have a name in the other.
func SameDisk(a, b string) bool {
	var x, y unix.Stat_t
	return unix.Stat(a, &x) == nil && unix.Stat(b, &y) == nil && x.Dev == y.Dev
}

// Sync makes all that is in the file system of dir durable.
func Sync(_ context.Context, dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = unix.Syncfs(int(d.Fd()))
	return errors.Join(err, d.Close())
}

func keys[V any](m map[string]V) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}
