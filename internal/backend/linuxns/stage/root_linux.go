package stage

import (
	"errors"
	"path"
	"syscall"
)

// pivot makes a kept mount the root of this namespace and lets go of everything else in it.
func (m *machine) pivot(slot int) error {
	fd := m.slots[slot]
	if err := moveMount(fd, atFdcwd, "/"); err != nil {
		return err
	}
	if err := syscall.Fchdir(fd); err != nil {
		return err
	}
	// The old root is stacked on the new one and taken away again: no directory is needed for it.
	if err := syscall.PivotRoot(".", "."); err != nil {
		return err
	}
	if err := syscall.Unmount(".", syscall.MNT_DETACH); err != nil {
		return err
	}
	if err := syscall.Chdir("/"); err != nil {
		return err
	}
	root, err := syscall.Open("/", oPath|syscall.O_DIRECTORY|syscall.O_CLOEXEC, 0)
	m.root = root
	return err
}

// open opens a path of the root. A symbolic link on the way is an error (ELOOP): the root's content is
// not to be trusted, and a link would make it choose where a mount goes.
func (m *machine) open(name string, flags uint64) (int, error) { return m.resolve(name, flags, 0) }

func (m *machine) resolve(name string, flags, more uint64) (int, error) {
	if m.root < 0 {
		root, err := syscall.Open("/", oPath|syscall.O_DIRECTORY|syscall.O_CLOEXEC, 0)
		if err != nil {
			return -1, err
		}
		m.root = root
	}
	return openat2(m.root, relative(name), &openHow{
		flags:   flags | syscall.O_CLOEXEC,
		resolve: resolveInRoot | resolveNoSymlinks | resolveNoMagiclinks | more,
	})
}

// relative makes a path one below the root.
func relative(name string) string {
	for name != "" && name[0] == '/' {
		name = name[1:]
	}
	if name == "" {
		return "."
	}
	return name
}

// parent opens the directory of a path, making those that are missing.
func (m *machine) parent(name string) (fd int, last string, err error) {
	dir, last := path.Split(path.Clean(name))
	if dir == "/" {
		fd, err = syscall.Dup(m.root)
		return fd, last, err
	}
	fd, err = m.open(dir, oPath|syscall.O_DIRECTORY)
	if !errors.Is(err, syscall.ENOENT) {
		return fd, last, err
	}
	up, name, err := m.parent(dir)
	if err != nil {
		return -1, "", err
	}
	defer syscall.Close(up)
	if err := syscall.Mkdirat(up, name, 0o755); err != nil && !errors.Is(err, syscall.EEXIST) {
		return -1, "", err
	}
	fd, err = m.open(dir, oPath|syscall.O_DIRECTORY)
	return fd, last, err
}

// target opens what a mount is to cover, and makes it if it is missing.
func (m *machine) target(name string, dir bool) (int, error) {
	fd, err := m.open(name, oPath)
	if !errors.Is(err, syscall.ENOENT) {
		return fd, err
	}
	up, last, err := m.parent(name)
	if err != nil {
		return -1, err
	}
	defer syscall.Close(up)
	if dir {
		err = syscall.Mkdirat(up, last, 0o755)
	} else {
		var made int
		made, err = syscall.Openat(up, last, syscall.O_CREAT|syscall.O_EXCL|syscall.O_NOFOLLOW|syscall.O_CLOEXEC, 0o644)
		if err == nil {
			syscall.Close(made)
		}
	}
	if err != nil {
		return -1, err
	}
	return m.open(name, oPath)
}

// maxLinks is how many links may follow each other.
const maxLinks = 8

// follow gives where name leads if its last name is a link, or a link that leads to one. Nothing on the way may be one,
// and the end must be on the root's own file system: one of the kernel's would do what is mounted over its files.
func (m *machine) follow(name string) (string, error) {
	for range maxLinks {
		fd, err := m.resolve(name, oPath|syscall.O_NOFOLLOW, resolveNoXdev)
		if errors.Is(err, syscall.ENOENT) { // it will be made
			return name, nil
		}
		if err != nil {
			return "", err
		}
		var to [syscall.PathMax]byte
		n, err := readlinkat(fd, to[:])
		syscall.Close(fd)
		if err != nil { // no link
			return name, nil //nolint:nilerr // that is what it says
		}
		link := string(to[:n])
		if !path.IsAbs(link) {
			link = path.Join(path.Dir(name), link)
		}
		name = path.Clean("/" + link)
	}
	return "", syscall.ELOOP
}

// attach puts a kept mount at its place.
func (m *machine) attach(slot int, name string, follow bool) (err error) {
	m.where = name
	fd := m.slots[slot]
	if fd == 0 {
		return nil
	}
	var st syscall.Stat_t
	if err := syscall.Fstat(fd, &st); err != nil {
		return err
	}
	if follow {
		if name, err = m.follow(name); err != nil {
			return err
		}
	}
	to, err := m.target(name, st.Mode&syscall.S_IFMT == syscall.S_IFDIR)
	if err != nil {
		return err
	}
	defer syscall.Close(to)
	return move(fd, to)
}

// unmount takes away the topmost mount at a path. The kernel finds it by its last name, from the directory that was opened
// without following a link, and does not follow one either.
func (m *machine) unmount(name string) error {
	m.where = name
	dir, last := path.Split(path.Clean(name))
	up, err := m.open(dir, oPath|syscall.O_DIRECTORY)
	if err != nil {
		return err
	}
	defer syscall.Close(up)
	if err := syscall.Fchdir(up); err != nil {
		return err
	}
	const nofollow = 8 // UMOUNT_NOFOLLOW
	return syscall.Unmount(last, nofollow)
}

func move(fd, to int) error {
	return moveMount(fd, to, "")
}

func (m *machine) symlink(content, name string) error {
	m.where = name
	up, last, err := m.parent(name)
	if err != nil {
		return err
	}
	defer syscall.Close(up)
	return symlinkat(content, up, last)
}

// readOnly covers paths with read-only copies of themselves.
func (m *machine) readOnly(paths []string) error {
	for _, name := range paths {
		m.where = name
		to, err := m.open(name, oPath)
		if errors.Is(err, syscall.ENOENT) {
			continue
		}
		if err != nil {
			return err
		}
		const deep = atEmptyPath | atRecursive
		fd, err := openTree(to, "", openTreeClone|openTreeCloexec|deep)
		if err != nil {
			return err
		}
		if err := mountSetattr(fd, atRecursive, &mountAttr{set: mountAttrRdonly}); err != nil {
			return err
		}
		if err := move(fd, to); err != nil {
			return err
		}
		syscall.Close(fd)
		syscall.Close(to)
	}
	return nil
}

// mask covers directories with empty ones and files with the null device: not with whatever the root
// has under /dev/null, which its owner could have replaced, but with a device that says it is null's.
func (m *machine) mask(paths []string) error {
	null, err := m.openNull(oPath)
	if err != nil {
		return err
	}
	defer syscall.Close(null)
	for _, name := range paths {
		m.where = name
		if err := m.maskOne(name, null); err != nil && !errors.Is(err, syscall.ENOENT) {
			return err
		}
	}
	return nil
}

func (m *machine) maskOne(name string, null int) error {
	to, err := m.open(name, oPath)
	if err != nil {
		return err
	}
	defer syscall.Close(to)
	var st syscall.Stat_t
	if err := syscall.Fstat(to, &st); err != nil {
		return err
	}
	if st.Mode&syscall.S_IFMT == syscall.S_IFDIR {
		const empty = mountAttrRdonly | mountAttrNosuid | mountAttrNodev | mountAttrNoexec
		if err := m.filesystem(0, 0, empty, "tmpfs", nil); err != nil {
			return err
		}
		defer syscall.Close(m.slots[0])
		return move(m.slots[0], to)
	}
	fd, err := openTree(null, "", openTreeClone|openTreeCloexec|atEmptyPath)
	if err != nil {
		return err
	}
	defer syscall.Close(fd)
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
	var st syscall.Stat_t
	if err := syscall.Fstat(fd, &st); err != nil {
		return -1, err
	}
	if st.Mode&syscall.S_IFMT != syscall.S_IFCHR || st.Rdev != device(1, 3) {
		m.where = name + ": not the null device"
		return -1, syscall.ENXIO
	}
	return fd, nil
}

// null puts the null device in the place of standard files that nobody has given. The host's would do,
// but whoever has a descriptor of it could change its mode for everybody.
func (m *machine) null(fds []int64) error {
	if len(fds) == 0 {
		return nil
	}
	null, err := m.openNull(syscall.O_RDWR)
	if err != nil {
		return err
	}
	defer syscall.Close(null)
	for _, fd := range fds {
		if err := syscall.Dup3(null, int(fd), 0); err != nil {
			return err
		}
	}
	return nil
}
