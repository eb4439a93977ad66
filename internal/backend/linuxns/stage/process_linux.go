package stage

import (
	"errors"
	"runtime"
	"syscall"
	"unsafe"
)

// becomeRoot takes the ids that the parent has mapped meanwhile. The raw calls change this thread alone;
// the C library's way of changing all threads would wait for threads that need not be asked.
func becomeRoot() error {
	if _, _, e := syscall.RawSyscall(syscall.SYS_SETRESGID, 0, 0, 0); e != 0 {
		return e
	}
	if _, _, e := syscall.RawSyscall(syscall.SYS_SETRESUID, 0, 0, 0); e != 0 {
		return e
	}
	return prctl(syscall.PR_SET_DUMPABLE, 0, 0)
}

// loopback brings lo up; the kernel then gives it its addresses.
func loopback() error {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_DGRAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer syscall.Close(fd)
	request := struct { // struct ifreq
		name  [syscall.IFNAMSIZ]byte
		flags uint16
		_     [22]byte
	}{name: [syscall.IFNAMSIZ]byte{'l', 'o'}, flags: syscall.IFF_UP}
	return ioctlPtr(fd, syscall.SIOCSIFFLAGS, unsafe.Pointer(&request))
}

// keyring joins a new anonymous session keyring. The caller's would let the jail read its keys.
func keyring() error {
	_, _, e := syscall.Syscall(syscall.SYS_KEYCTL, keyctlJoinSessionKeyring, 0, 0)
	if e != 0 && e != syscall.ENOSYS { // a kernel without keys
		return e
	}
	return nil
}

// chdir changes directory and makes sure that the kernel finds it below the root. A descriptor of the
// host that leaked would let a path like /proc/self/fd/7 lead out.
func (m *machine) chdir(dir string) error {
	m.where = dir
	if err := syscall.Chdir(dir); err != nil {
		return err
	}
	var buf [syscall.PathMax]byte
	n, err := syscall.Getcwd(buf[:])
	if err != nil {
		return err
	}
	if n < 1 || buf[0] != '/' { // "(unreachable)/..."
		m.where = dir + ": outside of the root"
		return syscall.EXDEV
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
		if err := prctl(syscall.PR_CAPBSET_DROP, c, 0); errors.Is(err, syscall.EINVAL) {
			break // beyond the last one this kernel has
		} else if err != nil {
			return err
		}
	}
	if err := prctl(syscall.PR_SET_KEEPCAPS, 1, 0); err != nil {
		return err
	}
	if err := m.user.become(keepGroups); err != nil {
		return err
	}
	if err := prctl(syscall.PR_SET_KEEPCAPS, 0, 0); err != nil {
		return err
	}
	if m.user.uid != 0 {
		effective &= ambient // what a user other than root does not inherit, it does not have
	}
	inheritable := effective & ambient
	if err := capset(effective, inheritable); err != nil {
		return err
	}
	if err := prctl(prCapAmbient, prCapAmbientClear, 0); err != nil {
		return err
	}
	for c := range uintptr(64) {
		if inheritable&(1<<c) != 0 {
			if err := prctl(prCapAmbient, prCapAmbientRaise, c); err != nil {
				return err
			}
		}
	}
	if err := prctl(syscall.PR_SET_DUMPABLE, 0, 0); err != nil { // it came back with the new ids
		return err
	}
	return prctl(prSetNoNewPrivs, 1, 0)
}

// filter loads a program of struct sock_filter for this thread, which is the one that will live.
func filter(raw string) error {
	b := []byte(raw)
	prog := struct { // struct sock_fprog
		size   uint16
		filter unsafe.Pointer
	}{uint16(len(b) / 8), unsafe.Pointer(&b[0])}
	_, _, e := syscall.RawSyscall(sysSeccomp, seccompModes, 0, uintptr(unsafe.Pointer(&prog)))
	runtime.KeepAlive(b)
	return failed(e)
}
