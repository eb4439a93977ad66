package stage

import (
	"errors"
	"strconv"
	"syscall"
	"unsafe"
)

// user is who the jail's program runs as.
type user struct {
	uid, gid uint32
	groups   []uint32
	home     string
}

// maxDatabase bounds what is read of the jail's user database.
const maxDatabase = 1 << 20

// setUser takes numbers, or looks up "name", "name:group" or numbers in their place, in the jail's own
// database. The file is read from inside, where it can only lead to what the jail may read anyway.
func (m *machine) setUser(n []int64, name string) error {
	if name == "" {
		m.user = user{uid: uint32(n[0]), gid: uint32(n[1]), home: "/"}
		for _, g := range n[2:] {
			m.user.groups = append(m.user.groups, uint32(g))
		}
		if u, ok, err := m.lookup("/etc/passwd", "", m.user.uid); err == nil && ok {
			m.user.home = u[5]
		}
		return nil
	}
	m.where = name
	who, group, explicit := cut(name, ':')
	id, numeric := number(who)
	row, ok, err := m.lookup("/etc/passwd", who, id)
	switch {
	case err != nil && !(numeric && errors.Is(err, syscall.ENOENT)):
		return err
	case ok:
		uid, ok1 := number(row[2])
		gid, ok2 := number(row[3])
		if !ok1 || !ok2 {
			return syscall.EINVAL
		}
		m.user = user{uid: uid, gid: gid, home: row[5]}
		if !explicit {
			m.user.groups, err = m.member(row[0])
			return err
		}
	case numeric:
		m.user = user{uid: id, home: "/"}
	default:
		m.where = name + ": no such user"
		return syscall.ENOENT
	}
	if explicit {
		return m.setGroup(group)
	}
	return nil
}

func (m *machine) setGroup(group string) error {
	id, numeric := number(group)
	row, ok, err := m.lookup("/etc/group", group, id)
	if err != nil && !(numeric && errors.Is(err, syscall.ENOENT)) {
		return err
	}
	if ok {
		id, numeric = number(row[2])
	}
	if !numeric {
		m.where = group + ": no such group"
		return syscall.ENOENT
	}
	m.user.gid = id
	return nil
}

// lookup finds a row by its name, or if there is none of that name by its number.
func (m *machine) lookup(file, name string, id uint32) (row []string, ok bool, err error) {
	text, err := m.read(file)
	if err != nil {
		return nil, false, err
	}
	for _, line := range split(text, '\n') {
		f := split(line, ':')
		f = append(f, make([]string, max(0, 7-len(f)))...)
		if f[0] == name && name != "" {
			return f, true, nil
		}
		if n, isNumber := number(f[2]); isNumber && n == id && !ok {
			if _, asked := number(name); asked || name == "" {
				row, ok = f, true
			}
		}
	}
	return row, ok, nil
}

// member lists the groups that name the user.
func (m *machine) member(name string) ([]uint32, error) {
	text, err := m.read("/etc/group")
	if errors.Is(err, syscall.ENOENT) {
		return nil, nil
	}
	var all []uint32
	for _, line := range split(text, '\n') {
		f := split(line, ':')
		if len(f) < 4 {
			continue
		}
		for _, who := range split(f[3], ',') {
			if id, ok := number(f[2]); ok && who == name {
				all = append(all, id)
			}
		}
	}
	return all, err
}

// read reads a regular file of the root, following no link.
func (m *machine) read(name string) (string, error) {
	fd, err := m.open(name, syscall.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOCTTY)
	if err != nil {
		return "", err
	}
	defer syscall.Close(fd)
	var st syscall.Stat_t
	if err := syscall.Fstat(fd, &st); err != nil {
		return "", err
	}
	if st.Mode&syscall.S_IFMT != syscall.S_IFREG || st.Size > maxDatabase {
		return "", syscall.EFBIG
	}
	b := make([]byte, maxDatabase)
	got := 0
	for got < len(b) {
		n, err := syscall.Read(fd, b[got:])
		if err != nil {
			return "", err
		}
		if n == 0 {
			break
		}
		got += n
	}
	return string(b[:got]), nil
}

func number(s string) (uint32, bool) {
	n, err := strconv.ParseUint(s, 10, 32)
	return uint32(n), err == nil
}

// become takes the identity, in this thread alone. Where groups cannot be set (a user namespace with one
// group) those of the caller stay, and mean nothing inside.
func (u *user) become(keepGroups bool) error {
	if !keepGroups {
		var first unsafe.Pointer
		if len(u.groups) > 0 {
			first = unsafe.Pointer(&u.groups[0])
		}
		if _, _, e := syscall.RawSyscall(syscall.SYS_SETGROUPS, uintptr(len(u.groups)), uintptr(first), 0); e != 0 {
			return e
		}
	}
	gid, uid := uintptr(u.gid), uintptr(u.uid)
	if _, _, e := syscall.RawSyscall(syscall.SYS_SETRESGID, gid, gid, gid); e != 0 {
		return e
	}
	if _, _, e := syscall.RawSyscall(syscall.SYS_SETRESUID, uid, uid, uid); e != 0 {
		return e
	}
	return nil
}
