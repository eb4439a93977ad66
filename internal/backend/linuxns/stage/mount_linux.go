package stage

import (
	"errors"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// tree keeps a detached copy of the mount at a path of the host.
func (m *machine) tree(slot int, flags int64, set, clr uint64, path string) error {
	m.where = path
	if flags&FlagIfEmpty != 0 && m.slots[slot] != 0 {
		return nil
	}
	how, deep := uint(unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC), uint(0)
	if flags&FlagRecursive != 0 {
		how, deep = how|unix.AT_RECURSIVE, unix.AT_RECURSIVE
	}
	fd, err := unix.OpenTree(unix.AT_FDCWD, path, how)
	if err != nil {
		return optional(flags, err)
	}
	if set|clr != 0 {
		attr := unix.MountAttr{Attr_set: set, Attr_clr: clr}
		if err := unix.MountSetattr(fd, "", unix.AT_EMPTY_PATH|deep, &attr); err != nil {
			return err
		}
	}
	m.slots[slot] = fd
	return nil
}

// filesystem keeps a new, detached file system.
func (m *machine) filesystem(slot int, flags int64, attr uint64, kind string, options []string) error {
	m.where = kind
	fd, err := unix.Fsopen(kind, unix.FSOPEN_CLOEXEC)
	if err != nil {
		return optional(flags, err)
	}
	defer unix.Close(fd)
	for _, o := range options {
		if key, value, ok := strings.Cut(o, "="); ok {
			err = unix.FsconfigSetString(fd, key, value)
		} else {
			err = unix.FsconfigSetFlag(fd, o)
		}
		if err != nil {
			m.where = kind + " option " + o
			return err
		}
	}
	return optional(flags, m.create(slot, fd, attr))
}

// create makes the configured file system and keeps a mount of it. The kernel's own words, if it has
// some, become part of the failure.
func (m *machine) create(slot, fd int, attr uint64) error {
	err := unix.FsconfigCreate(fd)
	if err == nil {
		m.slots[slot], err = unix.Fsmount(fd, unix.FSMOUNT_CLOEXEC, int(attr))
	}
	if err != nil {
		m.where += kernelLog(fd)
	}
	return err
}

// kernelLog reads the messages that a file system context has collected, as ": e message".
func kernelLog(fd int) string {
	text, buf := "", make([]byte, 512)
	for {
		n, err := unix.Read(fd, buf)
		if err != nil || n <= 0 {
			return text
		}
		text += ": " + strings.TrimSpace(string(buf[:n]))
	}
}

// optional passes over what this kernel does not have or does not allow here.
func optional(flags int64, err error) error {
	if flags&FlagOptional != 0 {
		for _, no := range []error{unix.EPERM, unix.EACCES, unix.ENODEV, unix.EINVAL, unix.EBUSY, unix.ENOENT} {
			if errors.Is(err, no) {
				return nil
			}
		}
	}
	return err
}

// overlay keeps a new overlay of layers. Layers are named by descriptors: the names are short, whatever
// the paths' length, and the jail's mount table says nothing of the host's tree.
func (m *machine) overlay(slot int, attr uint64, way int64, s []string) error {
	upper, work, userxattr, lowers := s[0], s[1], s[2] != "", s[3:]
	layers := make([]string, 0, len(lowers))
	for _, path := range append([]string{upper, work}, lowers...) {
		if path == "" {
			layers = append(layers, "")
			continue
		}
		m.where = path
		fd, err := unix.Open(path, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		layers = append(layers, "/proc/self/fd/"+strconv.Itoa(fd))
	}
	m.where = ""
	options := []string{"redirect_dir=nofollow", "metacopy=off", "index=off"}
	if userxattr {
		options = append(options, "userxattr")
	}
	if upper != "" {
		options = append(options, "upperdir="+layers[0], "workdir="+layers[1])
	}
	lower := layers[2:]
	all := strings.Join(lower, ":")
	var err error
	if way == OverlayAny || way == OverlayNew {
		if err = m.overlayNew(slot, attr, append(options, prefixed("lowerdir+=", lower)...)); way == OverlayNew || !old(err) {
			return err
		}
	}
	if way != OverlayOld && len(all) <= 255 {
		return m.overlayNew(slot, attr, append(options, "lowerdir="+all))
	}
	return m.overlayOld(slot, attr, lowers[0], append(options, "lowerdir="+all))
}

// errOption is an option that this kernel does not know.
type errOption struct{ error }

func (e errOption) Unwrap() error { return e.error }

func old(err error) bool {
	var e errOption
	return errors.As(err, &e)
}

func (m *machine) overlayNew(slot int, attr uint64, options []string) error {
	fd, err := unix.Fsopen("overlay", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	for _, o := range options {
		var err error
		if key, value, ok := strings.Cut(o, "="); ok {
			err = unix.FsconfigSetString(fd, key, value)
		} else {
			err = unix.FsconfigSetFlag(fd, o)
		}
		if err != nil {
			key, _, _ := strings.Cut(o, "=")
			if key == "lowerdir+" && errors.Is(err, unix.EINVAL) {
				err = errOption{err}
			}
			m.where = "option " + key + kernelLog(fd)
			return err
		}
	}
	m.where = ""
	return m.create(slot, fd, attr)
}

// overlayOld mounts by mount(2), which needs a place: a directory that is known to exist and that
// nobody will look at again, since all of this namespace's old tree goes away with OpPivot.
func (m *machine) overlayOld(slot int, attr uint64, place string, options []string) error {
	data := strings.Join(options, ",")
	if len(data) >= 4096 {
		m.where = "too many layers for this kernel"
		return unix.E2BIG
	}
	if err := unix.Mount("overlay", place, "overlay", 0, data); err != nil {
		return err
	}
	return m.tree(slot, 0, attr, 0, place)
}

func prefixed(prefix string, list []string) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = prefix + s
	}
	return out
}
