package stage

import (
	"errors"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// becomeRoot takes the ids that the parent has mapped meanwhile. The raw calls change this thread alone;
// the C library's way of changing all threads would wait for threads that need not be asked.
func becomeRoot() error {
	if _, _, e := unix.RawSyscall(unix.SYS_SETRESGID, 0, 0, 0); e != 0 {
		return e
	}
	if _, _, e := unix.RawSyscall(unix.SYS_SETRESUID, 0, 0, 0); e != 0 {
		return e
	}
	return unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0)
}

// loopback brings lo up; the kernel then gives it its addresses.
func loopback() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	ifr, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	ifr.SetUint16(unix.IFF_UP)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, ifr)
}

// keyring joins a new anonymous session keyring. The caller's would let the jail read its keys.
func keyring() error {
	_, _, e := unix.Syscall(unix.SYS_KEYCTL, unix.KEYCTL_JOIN_SESSION_KEYRING, 0, 0)
	if e != 0 && e != unix.ENOSYS { // a kernel without keys
		return e
	}
	return nil
}

// chdir changes directory and makes sure that the kernel finds it below the root. A descriptor of the
// host that leaked would let a path like /proc/self/fd/7 lead out.
func (m *machine) chdir(dir string) error {
	m.where = dir
	if err := unix.Chdir(dir); err != nil {
		return err
	}
	var buf [unix.PathMax]byte
	n, err := unix.Getcwd(buf[:])
	if err != nil {
		return err
	}
	if n < 1 || buf[0] != '/' { // "(unreachable)/..."
		m.where = dir + ": outside of the root"
		return unix.EXDEV
	}
	return nil
}

// drop gives up what the jail's program must not have, and takes its user's identity. The order is the
// only one possible: each line needs what a later one takes away.
func (m *machine) drop(bounding, effective, ambient uint64, keepGroups bool) error {
	for c := range uintptr(64) {
		if bounding&(1<<c) != 0 {
			continue
		}
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0); errors.Is(err, unix.EINVAL) {
			break // beyond the last one this kernel has
		} else if err != nil {
			return err
		}
	}
	if err := unix.Prctl(unix.PR_SET_KEEPCAPS, 1, 0, 0, 0); err != nil {
		return err
	}
	if err := m.user.become(keepGroups); err != nil {
		return err
	}
	if err := unix.Prctl(unix.PR_SET_KEEPCAPS, 0, 0, 0, 0); err != nil {
		return err
	}
	if m.user.uid != 0 {
		effective &= ambient // what a user other than root does not inherit, it does not have
	}
	inheritable := effective & ambient
	head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	data := [2]unix.CapUserData{
		{Effective: uint32(effective), Permitted: uint32(effective), Inheritable: uint32(inheritable)},
		{Effective: uint32(effective >> 32), Permitted: uint32(effective >> 32), Inheritable: uint32(inheritable >> 32)},
	}
	if err := unix.Capset(&head, &data[0]); err != nil {
		return err
	}
	if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil {
		return err
	}
	for c := range uintptr(64) {
		if inheritable&(1<<c) != 0 {
			if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_RAISE, c, 0, 0); err != nil {
				return err
			}
		}
	}
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil { // it came back with the new ids
		return err
	}
	return unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
}

// filter loads a program of struct sock_filter for this thread, which is the one that will live.
func filter(raw string) error {
	b := []byte(raw)
	prog := unix.SockFprog{Len: uint16(len(b) / 8), Filter: (*unix.SockFilter)(unsafe.Pointer(&b[0]))}
	_, _, e := unix.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, uintptr(unsafe.Pointer(&prog)))
	runtime.KeepAlive(b)
	if e != 0 {
		return e
	}
	return nil
}
