package stage

import (
	"errors"
	"path"
	"strings"

	"golang.org/x/sys/unix"
)

// pivot makes a kept mount the root of this namespace and lets go of everything else in it.
func (m *machine) pivot(slot int) error {
	fd := m.slots[slot]
	if err := unix.MoveMount(fd, "", unix.AT_FDCWD, "/", unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
		return err
	}
	if err := unix.Fchdir(fd); err != nil {
		return err
	}
	// The old root is stacked on the new one and taken away again: no directory is needed for it.
	if err := unix.PivotRoot(".", "."); err != nil {
		return err
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return err
	}
	if err := unix.Chdir("/"); err != nil {
		return err
	}
	root, err := unix.Open("/", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	m.root = root
	return err
}

// open opens a path of the root. A symbolic link on the way is an error (ELOOP): the root's content is
// not to be trusted, and a link would make it choose where a mount goes.
func (m *machine) open(name string, flags uint64) (int, error) {
	if m.root < 0 {
		root, err := unix.Open("/", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			return -1, err
		}
		m.root = root
	}
	return unix.Openat2(m.root, strings.TrimPrefix(name, "/"), &unix.OpenHow{
		Flags:   flags | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS,
	})
}

// parent opens the directory of a path, making those that are missing.
func (m *machine) parent(name string) (fd int, last string, err error) {
	dir, last := path.Split(path.Clean(name))
	if dir == "/" {
		fd, err = unix.Dup(m.root)
		return fd, last, err
	}
	fd, err = m.open(dir, unix.O_PATH|unix.O_DIRECTORY)
	if !errors.Is(err, unix.ENOENT) {
		return fd, last, err
	}
	up, name, err := m.parent(dir)
	if err != nil {
		return -1, "", err
	}
	defer unix.Close(up)
	if err := unix.Mkdirat(up, name, 0o755); err != nil && !errors.Is(err, unix.EEXIST) {
		return -1, "", err
	}
	fd, err = m.open(dir, unix.O_PATH|unix.O_DIRECTORY)
	return fd, last, err
}

// target opens what a mount is to cover, and makes it if it is missing.
func (m *machine) target(name string, dir bool) (int, error) {
	fd, err := m.open(name, unix.O_PATH)
	if !errors.Is(err, unix.ENOENT) {
		return fd, err
	}
	up, last, err := m.parent(name)
	if err != nil {
		return -1, err
	}
	defer unix.Close(up)
	if dir {
		err = unix.Mkdirat(up, last, 0o755)
	} else {
		var made int
		made, err = unix.Openat(up, last, unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o644)
		if err == nil {
			unix.Close(made)
		}
	}
	if err != nil {
		return -1, err
	}
	return m.open(name, unix.O_PATH)
}

// attach puts a kept mount at its place.
func (m *machine) attach(slot int, name string) error {
	m.where = name
	fd := m.slots[slot]
	if fd == 0 {
		return nil
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	to, err := m.target(name, st.Mode&unix.S_IFMT == unix.S_IFDIR)
	if err != nil {
		return err
	}
	defer unix.Close(to)
	return move(fd, to)
}

func move(fd, to int) error {
	return unix.MoveMount(fd, "", to, "", unix.MOVE_MOUNT_F_EMPTY_PATH|unix.MOVE_MOUNT_T_EMPTY_PATH)
}

func (m *machine) symlink(content, name string) error {
	m.where = name
	up, last, err := m.parent(name)
	if err != nil {
		return err
	}
	defer unix.Close(up)
	return unix.Symlinkat(content, up, last)
}

// readOnly covers paths with read-only copies of themselves.
func (m *machine) readOnly(paths []string) error {
	for _, name := range paths {
		m.where = name
		to, err := m.open(name, unix.O_PATH)
		if errors.Is(err, unix.ENOENT) {
			continue
		}
		if err != nil {
			return err
		}
		const deep = unix.AT_EMPTY_PATH | unix.AT_RECURSIVE
		fd, err := unix.OpenTree(to, "", unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|deep)
		if err != nil {
			return err
		}
		if err := unix.MountSetattr(fd, "", deep, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY}); err != nil {
			return err
		}
		if err := move(fd, to); err != nil {
			return err
		}
		unix.Close(fd)
		unix.Close(to)
	}
	return nil
}

// mask covers directories with empty ones and files with the null device: not with whatever the root
// has under /dev/null, which its owner could have replaced, but with a device that says it is null's.
func (m *machine) mask(paths []string) error {
	null, err := m.openNull(unix.O_PATH)
	if err != nil {
		return err
	}
	defer unix.Close(null)
	for _, name := range paths {
		m.where = name
		if err := m.maskOne(name, null); err != nil && !errors.Is(err, unix.ENOENT) {
			return err
		}
	}
	return nil
}

func (m *machine) maskOne(name string, null int) error {
	to, err := m.open(name, unix.O_PATH)
	if err != nil {
		return err
	}
	defer unix.Close(to)
	var st unix.Stat_t
	if err := unix.Fstat(to, &st); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT == unix.S_IFDIR {
		const empty = unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV | unix.MOUNT_ATTR_NOEXEC
		if err := m.filesystem(0, 0, empty, "tmpfs", nil); err != nil {
			return err
		}
		defer unix.Close(m.slots[0])
		return move(m.slots[0], to)
	}
	fd, err := unix.OpenTree(null, "", unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_EMPTY_PATH)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return move(fd, to)
}

// openNull opens the jail's null device, and nothing that only has its name.
func (m *machine) openNull(flags uint64) (int, error) {
	const name = "/dev/null"
	m.where = name
	fd, err := m.open(name, flags)
	if err != nil {
		return -1, err
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return -1, err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFCHR || st.Rdev != unix.Mkdev(1, 3) {
		m.where = name + ": not the null device"
		return -1, unix.ENXIO
	}
	return fd, nil
}

// null puts the null device in the place of standard files that nobody has given. The host's would do,
// but whoever has a descriptor of it could change its mode for everybody.
func (m *machine) null(fds []int64) error {
	if len(fds) == 0 {
		return nil
	}
	null, err := m.openNull(unix.O_RDWR)
	if err != nil {
		return err
	}
	defer unix.Close(null)
	for _, fd := range fds {
		if err := unix.Dup3(null, int(fd), 0); err != nil {
			return err
		}
	}
	return nil
}
