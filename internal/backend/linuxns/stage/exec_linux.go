package stage

import (
	"errors"
	"runtime"
	"syscall"
	"unsafe"
)

// exec executes the jail's program and returns only if it could not. The name is looked up here, inside,
// by trying: what is executed is what was found.
func (m *machine) exec(argv, env []string) error {
	m.where = argv[0]
	env = m.complete(env)
	leave(0)
	if _, _, slash := cut(argv[0], '/'); slash {
		return syscall.Exec(argv[0], argv, env)
	}
	last := error(syscall.ENOENT)
	for _, dir := range split(value(env, "PATH"), ':') {
		if dir == "" || dir[0] != '/' {
			continue // a relative one would mean the working directory
		}
		err := syscall.Exec(trimEnd(dir, '/')+"/"+argv[0], argv, env)
		if !errors.Is(err, syscall.ENOENT) && !errors.Is(err, syscall.ENOTDIR) {
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
		name, _, _ := cut(d, '=')
		if value(env, name) == "" {
			env = append(env, d)
		}
	}
	return env
}

func value(env []string, name string) string {
	for i := len(env) - 1; i >= 0; i-- {
		if n, v, _ := cut(env[i], '='); n == name {
			return v
		}
	}
	return ""
}

// execInit executes a program that is in no file system. Whoever opens it through /proc gets memory that
// is sealed.
func (m *machine) execInit(elf []byte, name, arg string) error {
	m.where = name
	fd, err := memfdCreate(name, mfdCloexec|mfdAllowSealing|mfdExec)
	if errors.Is(err, syscall.EINVAL) { // before Linux 6.3 there was no other way
		fd, err = memfdCreate(name, mfdCloexec|mfdAllowSealing)
	}
	if err != nil {
		return err
	}
	if n, err := syscall.Write(fd, elf); err != nil || n != len(elf) {
		return errors.Join(syscall.EIO, err)
	}
	const seals = fSealSeal | fSealShrink | fSealGrow | fSealWrite
	if seal(fd, seals|fSealExec) != nil {
		if err := seal(fd, seals); err != nil {
			return err
		}
	}
	leave(^uint64(0))
	argv0, err := syscall.BytePtrFromString(arg)
	if err != nil {
		return err
	}
	argv, env, empty := []*byte{argv0, nil}, []*byte{nil}, byte(0)
	_, _, e := syscall.RawSyscall6(sysExecveat, uintptr(fd), uintptr(unsafe.Pointer(&empty)),
		uintptr(unsafe.Pointer(&argv[0])), uintptr(unsafe.Pointer(&env[0])), atEmptyPath, 0)
	runtime.KeepAlive(argv0)
	return e
}

// leave is the last thing before an execution. Descriptors but the standard ones are marked to be closed
// by it: closing them here would take the runtime's own from under it, should the execution fail. A
// program expects that no signal is blocked and, whatever ioc was started with, none ignored; those that
// the runtime handles become default by themselves.
//
// The tiny init is executed with all signals blocked, as it fetches them: one that came before it could
// block them itself would be lost.
func leave(blocked uint64) {
	closeOnExec(ControlFD)
	_, _ = syscall.Write(ErrorFD, []byte{reached})
	set := [1]uint64{blocked}
	_, _, _ = syscall.RawSyscall6(syscall.SYS_RT_SIGPROCMASK, sigSetmask, uintptr(unsafe.Pointer(&set)), 0, 8, 0, 0)
	const signals, ignore = 64, 1 // _NSIG, SIG_IGN
	var action, was [4]uint64     // struct sigaction: SIG_DFL
	for s := uintptr(1); s <= signals; s++ {
		_, _, _ = syscall.RawSyscall6(syscall.SYS_RT_SIGACTION, s, 0, uintptr(unsafe.Pointer(&was)), 8, 0, 0)
		if was[0] == ignore { // by posix_spawn of glibc even 32, which is the C library's own
			_, _, _ = syscall.RawSyscall6(syscall.SYS_RT_SIGACTION, s, uintptr(unsafe.Pointer(&action)), 0, 8, 0, 0)
		}
	}
}
