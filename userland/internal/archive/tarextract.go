//go:build linux

package archive

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
	"syscall"

	"github.com/libioc/ioc/userland/internal/applet"
	"golang.org/x/sys/unix"
)

func (a *archiver) openRoot() error {
	dir := a.dir
	if dir == "" {
		dir = "."
	}
	root, err := os.OpenRoot(a.p.Path(dir))
	a.root = root
	return err
}

// extractor unpacks entries below a directory that it cannot leave: every name is resolved by os.Root,
// which refuses a link that leads outside.
type extractor struct {
	*archiver
	dirs []*tar.Header // their modes and times are set at the end
}

func (x *extractor) extract(name string, h *tar.Header, r io.Reader) error {
	name = strings.TrimLeft(path.Clean("/"+name), "/")
	if strings.Contains("/"+h.Name+"/", "/../") {
		return errors.New("refused: the name leads upward")
	}
	if name == "" {
		name = "."
	}
	if dir := path.Dir(name); dir != "." {
		if err := x.root.MkdirAll(dir, 0o777); err != nil {
			return err
		}
	}
	mode := os.FileMode(h.Mode).Perm()
	if h.Typeflag == tar.TypeDir {
		err := x.root.Mkdir(name, mode|0o700)
		if errors.Is(err, os.ErrExist) {
			fi, serr := x.root.Lstat(name)
			if serr == nil && fi.IsDir() {
				err = nil
			}
		}
		if err != nil {
			return err
		}
		late := *h
		late.Name = name
		x.dirs = append(x.dirs, &late)
		return nil
	}
	if fi, err := x.root.Lstat(name); err == nil {
		if x.keepOld {
			return os.ErrExist
		}
		if fi.IsDir() {
			return syscall.EISDIR
		}
		// A new file, not the old one overwritten: that may have other names, or be running.
		if err := x.root.Remove(name); err != nil {
			return err
		}
	}
	switch h.Typeflag {
	case tar.TypeReg:
		if err := x.file(name, mode, r); err != nil {
			return err
		}
	case tar.TypeSymlink:
		if err := x.root.Symlink(h.Linkname, name); err != nil {
			return err
		}
	case tar.TypeLink:
		return x.root.Link(strings.TrimLeft(path.Clean("/"+h.Linkname), "/"), name)
	case tar.TypeChar, tar.TypeBlock, tar.TypeFifo:
		if err := x.node(name, h); err != nil {
			return err
		}
	default:
		return fmt.Errorf("entry of unknown type %q", h.Typeflag)
	}
	return x.attributes(name, h)
}

func (x *extractor) file(name string, mode os.FileMode, r io.Reader) error {
	f, err := x.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = applet.Copy(x.ctx, f, r)
	return errors.Join(err, f.Close())
}

// node makes a device or a pipe, which os.Root cannot: the directory is opened through it.
func (x *extractor) node(name string, h *tar.Header) error {
	dir, err := x.root.Open(path.Dir(name))
	if err != nil {
		return err
	}
	defer dir.Close()
	kind := map[byte]uint32{tar.TypeChar: unix.S_IFCHR, tar.TypeBlock: unix.S_IFBLK, tar.TypeFifo: unix.S_IFIFO}[h.Typeflag]
	return unix.Mknodat(int(dir.Fd()), path.Base(name), kind|uint32(h.Mode&0o777), int(unix.Mkdev(uint32(h.Devmajor), uint32(h.Devminor))))
}

// attributes sets owner, mode and times. Changing the owner clears the set-id bits, so the mode comes after it.
func (x *extractor) attributes(name string, h *tar.Header) error {
	root := os.Geteuid() == 0
	if (root || x.keepOwner) && !x.noOwner {
		uid, gid := h.Uid, h.Gid
		if !x.numeric {
			if u, err := x.names.User(h.Uname); err == nil && h.Uname != "" {
				uid = u.UID
			}
			if g, err := x.names.GID(h.Gname); err == nil && h.Gname != "" {
				gid = g
			}
		}
		if err := x.root.Lchown(name, uid, gid); err != nil {
			return err
		}
	}
	if h.Typeflag == tar.TypeSymlink {
		return nil
	}
	if root || x.keepMode {
		if err := x.chmod(name, uint32(h.Mode)&0o7777); err != nil {
			return err
		}
	}
	if !x.noTime {
		return x.root.Chtimes(name, h.ModTime, h.ModTime)
	}
	return nil
}

// chmod sets also the set-id and sticky bits. The entry is one this run made, so that it is no link.
func (x *extractor) chmod(name string, mode uint32) error {
	m := os.FileMode(mode & 0o777)
	for bit, flag := range map[uint32]os.FileMode{0o4000: os.ModeSetuid, 0o2000: os.ModeSetgid, 0o1000: os.ModeSticky} {
		if mode&bit != 0 {
			m |= flag
		}
	}
	return x.root.Chmod(name, m)
}

// finish gives the directories their modes and times, the deepest first.
func (x *extractor) finish() {
	for i := len(x.dirs) - 1; i >= 0; i-- {
		h := x.dirs[i]
		err := x.attributes(h.Name, h)
		if err == nil && os.Geteuid() != 0 && !x.keepMode {
			// It was made writable for its owner; what the umask took away stays away.
			var fi os.FileInfo
			if fi, err = x.root.Lstat(h.Name); err == nil {
				err = x.root.Chmod(h.Name, fi.Mode().Perm()&os.FileMode(h.Mode))
			}
		}
		x.p.Fail(h.Name, err)
	}
}
