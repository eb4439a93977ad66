package stage

import (
	"errors"
	"strconv"
	"syscall"
)

// tree keeps a detached copy of the mount at a path of the host.
func (m *machine) tree(slot int, flags int64, set, clr uint64, path []string) error {
	m.where = join(path, "/")
	if flags&FlagIfEmpty != 0 && m.slots[slot] != 0 {
		return nil
	}
	how, deep := uint(openTreeClone|openTreeCloexec), uint(0)
	if flags&FlagRecursive != 0 {
		how, deep = how|atRecursive, atRecursive
	}
	fd, err := OpenSource(path, how)
	if err != nil {
		return optional(flags, err)
	}
	if set|clr != 0 {
		if err := mountSetattr(fd, deep, &mountAttr{set: set, clr: clr}); err != nil {
			return err
		}
	}
	m.slots[slot] = fd
	return nil
}

// OpenSource gives the mount of a path, or of one in a directory in which others may put what they like: path is that directory then,
// and a path in it, on which no symbolic link is followed. How is open_tree(2)'s.
func OpenSource(path []string, how uint) (int, error) {
	if len(path) == 1 {
		return openTree(atFdcwd, path[0], how)
	}
	dir, err := syscall.Open(path[0], oPath|syscall.O_DIRECTORY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	defer syscall.Close(dir)
	fd, err := openat2(dir, path[1], &openHow{flags: oPath | syscall.O_CLOEXEC, resolve: resolveBeneath | resolveNoSymlinks | resolveNoMagiclinks})
	if err != nil {
		return -1, err
	}
	defer syscall.Close(fd)
	return openTree(fd, "", how|atEmptyPath)
}

// filesystem keeps a new, detached file system.
func (m *machine) filesystem(slot int, flags int64, attr uint64, kind string, options []string) error {
	m.where = kind
	fd, err := fsopen(kind)
	if err != nil {
		return optional(flags, err)
	}
	defer syscall.Close(fd)
	for _, o := range options {
		if err := fsconfig(fd, o); err != nil {
			m.where = kind + " option " + o
			return err
		}
	}
	return optional(flags, m.create(slot, fd, attr))
}

// create makes the configured file system and keeps a mount of it. The kernel's own words, if it has
// some, become part of the failure.
func (m *machine) create(slot, fd int, attr uint64) error {
	mount, err := fsmount(fd, attr)
	if err != nil {
		m.where += kernelLog(fd)
		return err
	}
	m.slots[slot] = mount
	return nil
}

// kernelLog reads the messages that a file system context has collected, as ": e message".
func kernelLog(fd int) string {
	text, buf := "", make([]byte, 512)
	for {
		n, err := syscall.Read(fd, buf)
		if err != nil || n <= 0 {
			return text
		}
		text += ": " + trimEnd(string(buf[:n]), '\n')
	}
}

// optional passes over what this kernel does not have or does not allow here.
func optional(flags int64, err error) error {
	if flags&FlagOptional != 0 {
		for _, no := range []error{syscall.EPERM, syscall.EACCES, syscall.ENODEV, syscall.EINVAL, syscall.EBUSY, syscall.ENOENT} {
			if errors.Is(err, no) {
				return nil
			}
		}
	}
	return err
}

// overlay keeps a new overlay of layers. Layers are named by descriptors: the names are short, whatever
// the paths' length, and the jail's mount table says nothing of the host's tree.
//
// Since Linux 6.5 each layer is an option of its own. Before, all have to fit into one: then names are
// relative, of three bytes instead of seventeen. An older kernel takes any option and refuses them when
// the overlay is made, with the same error as for many other mistakes; so the other ways are tried after
// every such error, and the last one's is reported.
func (m *machine) overlay(slot int, attr uint64, way int64, s []string) error {
	upper, work, userxattr, lowers := s[0], s[1], s[2] != "", s[3:]
	var fds []string
	for _, path := range append([]string{upper, work}, lowers...) {
		if path == "" {
			fds = append(fds, "")
			continue
		}
		m.where = path
		fd, err := syscall.Open(path, oPath|syscall.O_DIRECTORY|syscall.O_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer syscall.Close(fd)
		fds = append(fds, strconv.Itoa(fd))
	}
	const names = "/proc/self/fd"
	m.where = names
	if err := syscall.Chdir(names); err != nil {
		return err
	}
	m.where = ""
	options := []string{"redirect_dir=nofollow", "metacopy=off", "index=off"}
	if userxattr {
		options = append(options, "userxattr")
	}
	if upper != "" {
		options = append(options, "upperdir="+names+"/"+fds[0], "workdir="+names+"/"+fds[1])
	}
	err := error(syscall.EINVAL)
	if way == OverlayAny || way == OverlayNew {
		err = m.overlayNew(slot, attr, append(options, prefixed("lowerdir+="+names+"/", fds[2:])...))
	}
	all := "lowerdir=" + join(fds[2:], ":")
	if errors.Is(err, syscall.EINVAL) && len(all) <= 255 && (way == OverlayAny || way == OverlayString) {
		err = m.overlayNew(slot, attr, append(options, all))
	}
	if errors.Is(err, syscall.EINVAL) && (way == OverlayAny || way == OverlayOld) {
		err = m.overlayOld(slot, attr, lowers[0], append(options, all))
	}
	return err
}

// overlayNew makes an overlay by the new mount calls.
func (m *machine) overlayNew(slot int, attr uint64, options []string) error {
	m.where = ""
	fd, err := fsopen("overlay")
	if err != nil {
		return err
	}
	defer syscall.Close(fd)
	for _, o := range options {
		if err := fsconfig(fd, o); err != nil {
			key, _, _ := cut(o, '=')
			m.where = "option " + key + kernelLog(fd)
			return err
		}
	}
	return m.create(slot, fd, attr)
}

// overlayOld mounts by mount(2), which needs a place: a directory that is known to exist and that
// nobody will look at again, since all of this namespace's old tree goes away with OpPivot.
func (m *machine) overlayOld(slot int, attr uint64, place string, options []string) error {
	data := join(options, ",")
	if len(data) >= 4096 {
		m.where = ": too many layers for this kernel"
		return syscall.E2BIG
	}
	if err := syscall.Mount("overlay", place, "overlay", 0, data); err != nil {
		return err
	}
	return m.tree(slot, 0, attr, 0, []string{place})
}

func prefixed(prefix string, list []string) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = prefix + s
	}
	return out
}
