package stage

import "golang.org/x/sys/unix"

// terminal begins a session, with a controlling terminal if one is wanted.
func (m *machine) terminal(how int64, rows, cols uint16) error {
	if _, err := unix.Setsid(); err != nil && how != TTYNone {
		return err // who is a session's leader already keeps what it has
	}
	switch how {
	case TTYInside:
		return m.newTerminal(rows, cols)
	case TTYControl:
		return unix.IoctlSetInt(0, unix.TIOCSCTTY, 0)
	default:
		return nil
	}
}

// newTerminal makes a terminal in the jail's own devpts, so that its name means the same inside, and
// hands the controlling side out. The multiplexer must be the kernel's: whatever else the jail has put in
// its place would be given a descriptor that the host reads and writes.
func (m *machine) newTerminal(rows, cols uint16) error {
	master, err := m.open("/dev/pts/ptmx", unix.O_RDWR|unix.O_NOCTTY)
	if err != nil {
		m.where = "/dev/pts/ptmx"
		return err
	}
	defer unix.Close(master)
	var st unix.Stat_t
	var fs unix.Statfs_t
	if err := unix.Fstat(master, &st); err != nil {
		return err
	}
	if err := unix.Fstatfs(master, &fs); err != nil {
		return err
	}
	if fs.Type != unix.DEVPTS_SUPER_MAGIC || st.Rdev != unix.Mkdev(5, 2) {
		m.where = "/dev/pts/ptmx is not the multiplexer"
		return unix.ENXIO
	}
	if err := unix.IoctlSetPointerInt(master, unix.TIOCSPTLCK, 0); err != nil {
		return err
	}
	// The other side is asked for by descriptor: its path could be another's by now.
	slave, err := peer(master)
	if err != nil {
		return err
	}
	if rows|cols != 0 {
		if err := unix.IoctlSetWinsize(master, unix.TIOCSWINSZ, &unix.Winsize{Row: rows, Col: cols}); err != nil {
			return err
		}
	}
	if err := unix.Fchown(slave, int(m.user.uid), -1); err != nil {
		return err
	}
	if err := unix.Sendmsg(ControlFD, []byte{'t'}, unix.UnixRights(master), nil, 0); err != nil {
		return err
	}
	if err := unix.IoctlSetInt(slave, unix.TIOCSCTTY, 0); err != nil {
		return err
	}
	for fd := range 3 {
		if err := unix.Dup3(slave, fd, 0); err != nil {
			return err
		}
	}
	if slave > 2 {
		unix.Close(slave)
	}
	return nil
}

// peer opens the other side of a terminal by its controlling side.
func peer(master int) (int, error) {
	fd, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(master), unix.TIOCGPTPEER, unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC)
	if e != 0 {
		return -1, e
	}
	return int(fd), nil
}
