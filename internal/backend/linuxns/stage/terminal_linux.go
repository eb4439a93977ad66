package stage

import (
	"syscall"
	"unsafe"
)

// terminal begins a session, with a controlling terminal if one is wanted.
func (m *machine) terminal(how int64, rows, cols uint16) error {
	if _, err := syscall.Setsid(); err != nil && how != TTYNone {
		return err // who is a session's leader already keeps what it has
	}
	switch how {
	case TTYInside:
		return m.newTerminal(rows, cols)
	case TTYControl:
		return control(0)
	default:
		return nil
	}
}

// newTerminal makes a terminal in the jail's own devpts, so that its name means the same inside, and
// hands the controlling side out. The multiplexer must be the kernel's: whatever else the jail has put in
// its place would be given a descriptor that the host reads and writes.
func (m *machine) newTerminal(rows, cols uint16) error {
	master, err := m.open("/dev/pts/ptmx", syscall.O_RDWR|syscall.O_NOCTTY)
	if err != nil {
		m.where = "/dev/pts/ptmx"
		return err
	}
	defer syscall.Close(master)
	var st syscall.Stat_t
	var fs syscall.Statfs_t
	if err := syscall.Fstat(master, &st); err != nil {
		return err
	}
	if err := syscall.Fstatfs(master, &fs); err != nil {
		return err
	}
	if fs.Type != devptsMagic || st.Rdev != device(5, 2) {
		m.where = "/dev/pts/ptmx is not the multiplexer"
		return syscall.ENXIO
	}
	if err := unlock(master); err != nil {
		return err
	}
	// The other side is asked for by descriptor: its path could be another's by now.
	slave, err := peer(master)
	if err != nil {
		return err
	}
	if rows|cols != 0 {
		if err := ioctlPtr(master, syscall.TIOCSWINSZ, unsafe.Pointer(&winsize{row: rows, col: cols})); err != nil {
			return err
		}
	}
	if err := syscall.Fchown(slave, int(m.user.uid), -1); err != nil {
		return err
	}
	if err := syscall.Sendmsg(ControlFD, []byte{'t'}, syscall.UnixRights(master), nil, 0); err != nil {
		return err
	}
	if err := control(slave); err != nil {
		return err
	}
	for fd := range 3 {
		if err := syscall.Dup3(slave, fd, 0); err != nil {
			return err
		}
	}
	if slave > 2 {
		syscall.Close(slave)
	}
	return nil
}

// peer opens the other side of a terminal by its controlling side.
func peer(master int) (int, error) {
	return ioctl(master, tiocgptpeer, syscall.O_RDWR|syscall.O_NOCTTY|syscall.O_CLOEXEC)
}

// unlock lets the other side be opened.
func unlock(master int) error {
	var no int32
	return ioctlPtr(master, syscall.TIOCSPTLCK, unsafe.Pointer(&no))
}

// control makes a terminal this session's.
func control(fd int) error {
	_, err := ioctl(fd, syscall.TIOCSCTTY, 0)
	return err
}
