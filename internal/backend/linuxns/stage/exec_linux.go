package stage

import (
	"errors"
	"runtime"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	mfdExec  = 0x10 // MFD_EXEC, Linux 6.3
	sealExec = 0x20 // F_SEAL_EXEC, Linux 6.3
)

// exec executes the jail's program and returns only if it could not. The name is looked up here, inside,
// by trying: what is executed is what was found.
func (m *machine) exec(argv, env []string) error {
	m.where = argv[0]
	env = m.complete(env)
	leave()
	if strings.Contains(argv[0], "/") {
		return syscall.Exec(argv[0], argv, env)
	}
	last := error(unix.ENOENT)
	for dir := range strings.SplitSeq(value(env, "PATH"), ":") {
		if !strings.HasPrefix(dir, "/") {
			continue // a relative one would mean the working directory
		}
		err := syscall.Exec(strings.TrimSuffix(dir, "/")+"/"+argv[0], argv, env)
		if !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.ENOTDIR) {
			last = err
		}
	}
	return last
}

// complete adds what every program may count on.
func (m *machine) complete(env []string) []string {
	for _, d := range []string{
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"HOME=" + m.user.home,
	} {
		name, _, _ := strings.Cut(d, "=")
		if value(env, name) == "" {
			env = append(env, d)
		}
	}
	return env
}

func value(env []string, name string) string {
	for i := len(env) - 1; i >= 0; i-- {
		if n, v, _ := strings.Cut(env[i], "="); n == name {
			return v
		}
	}
	return ""
}

// execInit executes a program that is in no file system. Whoever opens it through /proc gets memory that
// is sealed.
func (m *machine) execInit(elf []byte, name, arg string) error {
	m.where = name
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING|mfdExec)
	if errors.Is(err, unix.EINVAL) { // before Linux 6.3 there was no other way
		fd, err = unix.MemfdCreate(name, unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	}
	if err != nil {
		return err
	}
	if n, err := unix.Write(fd, elf); err != nil || n != len(elf) {
		return errors.Join(unix.EIO, err)
	}
	const seals = unix.F_SEAL_SEAL | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_WRITE
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, seals|sealExec); err != nil {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, seals); err != nil {
			return err
		}
	}
	leave()
	argv0, err := unix.BytePtrFromString(arg)
	if err != nil {
		return err
	}
	argv, env, empty := []*byte{argv0, nil}, []*byte{nil}, byte(0)
	_, _, e := unix.RawSyscall6(unix.SYS_EXECVEAT, uintptr(fd), uintptr(unsafe.Pointer(&empty)),
		uintptr(unsafe.Pointer(&argv[0])), uintptr(unsafe.Pointer(&env[0])), unix.AT_EMPTY_PATH, 0)
	runtime.KeepAlive(argv0)
	return e
}

// leave is the last thing before an execution. Descriptors but the standard ones are marked to be closed
// by it: closing them here would take the runtime's own from under it, should the execution fail. A
// program expects that no signal is blocked and, whatever ioc was started with, none ignored; those that
// the runtime handles become default by themselves.
func leave() {
	_ = unix.CloseRange(ControlFD, ^uint(0), unix.CLOSE_RANGE_CLOEXEC)
	_, _ = unix.Write(ErrorFD, []byte{reached})
	var set [1]uint64
	_, _, _ = unix.RawSyscall6(unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, uintptr(unsafe.Pointer(&set)), 0, 8, 0, 0)
	var action [4]uint64 // struct sigaction: SIG_DFL
	for _, s := range []unix.Signal{unix.SIGHUP, unix.SIGINT} {
		_, _, _ = unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(s), uintptr(unsafe.Pointer(&action)), 0, 8, 0, 0)
	}
}
