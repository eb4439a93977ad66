package linuxns

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The runtime's own steps around a fork. They are named for this use by other programs that need it;
// there is no other way to a process with a single thread, and only such a one may enter a user namespace
// (setns(2) refuses a process whose threads would then be in two).

//go:linkname runtimeBeforeFork syscall.runtime_BeforeFork
func runtimeBeforeFork()

//go:linkname runtimeAfterFork syscall.runtime_AfterFork
func runtimeAfterFork()

//go:linkname runtimeAfterForkInChild syscall.runtime_AfterForkInChild
func runtimeAfterForkInChild()

// rawVfork makes a system call that may return twice on one stack: it keeps its own return address where the
// child, which goes on first, does not overwrite it. The one of package syscall cannot be used from here: a call
// into another package goes through a frame that the child would overwrite.
//
//go:noescape
func rawVfork(trap, a1, a2, a3 uintptr) (r1 uintptr, err syscall.Errno)

// forkJoin forks a child that enters the namespaces and forks again: only children of a process that has
// entered a process namespace are in it. The second child is made a child of this process, executes the
// stage there, and the first tells its number and ends.
//
// Between fork and execution there is one thread and a heap whose locks may be held for ever: nothing but
// raw system calls, no allocation, no growing of the stack, no instrumentation. If the plan shares memory the heap
// is this process's own, whose thread waits until the first child is gone, and that one until the second executes:
// to copy what maps the memory, and to fault it in again afterwards, would take longer than all else.
//
//go:noinline
//go:norace
//go:nocheckptr
func forkJoin(p *joinPlan) (pid uintptr, errno syscall.Errno) {
	var (
		empty byte
		tell  [2]uint32
		head  = unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		data  [2]unix.CapUserData
		r     uintptr
		i     uintptr
	)
	syscall.ForkLock.Lock()
	runtimeBeforeFork()
	pid, errno = rawVfork(unix.SYS_CLONE3, uintptr(unsafe.Pointer(&p.first)), unsafe.Sizeof(p.first), 0)
	if errno != 0 || pid != 0 {
		runtimeAfterFork()
		syscall.ForkLock.Unlock()
		return pid, errno
	}

	runtimeAfterForkInChild()
	// From the moment it is inside, processes of the jail can see this one. They find nothing to look into.
	_, _, _ = syscall.RawSyscall(unix.SYS_PRCTL, unix.PR_SET_DUMPABLE, 0, 0)
	if _, _, errno = syscall.RawSyscall(unix.SYS_SETNS, p.pidfd, p.namespaces, 0); errno != 0 {
		tell[0] = uint32(joinSetns)
		goto fail
	}
	if p.ambient {
		if _, _, errno = syscall.RawSyscall(unix.SYS_CAPGET, uintptr(unsafe.Pointer(&head)), uintptr(unsafe.Pointer(&data)), 0); errno != 0 {
			tell[0] = uint32(joinCapabilities)
			goto fail
		}
		data[0].Inheritable, data[1].Inheritable = data[0].Permitted, data[1].Permitted
		if _, _, errno = syscall.RawSyscall(unix.SYS_CAPSET, uintptr(unsafe.Pointer(&head)), uintptr(unsafe.Pointer(&data)), 0); errno != 0 {
			tell[0] = uint32(joinCapabilities)
			goto fail
		}
		for i = 0; i <= p.lastCap; i++ {
			if _, _, errno = syscall.RawSyscall6(unix.SYS_PRCTL, unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_RAISE, i, 0, 0, 0); errno != 0 {
				tell[0] = uint32(joinCapabilities)
				goto fail
			}
		}
	}
	for i = 0; i < uintptr(len(p.from)); i++ {
		r = 0
		if i >= joinExe {
			r = unix.O_CLOEXEC
		}
		if _, _, errno = syscall.RawSyscall(unix.SYS_DUP3, p.from[i], i, r); errno != 0 {
			tell[0] = uint32(joinDescriptors)
			goto fail
		}
		p.from[i] = i
	}
	// Nothing else of the caller's is left when there is a process inside.
	if _, _, errno = syscall.RawSyscall(unix.SYS_CLOSE_RANGE, uintptr(len(p.from)), ^uintptr(0)>>32, 0); errno != 0 {
		tell[0] = uint32(joinDescriptors)
		goto fail
	}
	r, errno = rawVfork(unix.SYS_CLONE3, uintptr(unsafe.Pointer(&p.second)), unsafe.Sizeof(p.second), 0)
	if errno != 0 {
		tell[0] = uint32(joinClone)
		goto fail
	}
	if r == 0 {
		_, _, errno = syscall.RawSyscall6(unix.SYS_EXECVEAT, joinExe, uintptr(unsafe.Pointer(&empty)),
			uintptr(unsafe.Pointer(&p.argv[0])), uintptr(unsafe.Pointer(&p.envv[0])), unix.AT_EMPTY_PATH, 0)
		tell[0] = uint32(joinExec)
		goto fail
	}
	tell[0], tell[1] = uint32(joinBorn), uint32(r)
	_, _, _ = syscall.RawSyscall(unix.SYS_WRITE, p.from[joinTell], uintptr(unsafe.Pointer(&tell)), 8)
	for {
		_, _, _ = syscall.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0)
	}

fail:
	tell[1] = uint32(errno)
	_, _, _ = syscall.RawSyscall(unix.SYS_WRITE, p.from[joinTell], uintptr(unsafe.Pointer(&tell)), 8)
	for {
		_, _, _ = syscall.RawSyscall(unix.SYS_EXIT_GROUP, 1, 0, 0)
	}
}
