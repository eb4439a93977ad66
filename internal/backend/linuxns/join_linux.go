package linuxns

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/internal/backend/linuxns/stage"
)

// Descriptors of the forked child, besides the stage's; they are closed by its execution.
const (
	joinExe   = stage.LockFD + 1
	joinTell  = stage.LockFD + 2
	joinGroup = stage.LockFD + 3
)

// joinPlan is all that a forked child needs, made before it is forked: it can allocate nothing.
type joinPlan struct {
	pidfd      uintptr
	namespaces uintptr
	ambient    bool // raise all capabilities so that they survive the execution
	lastCap    uintptr
	first      cloneArgs
	second     cloneArgs
	from       [joinGroup + 1]uintptr // descriptors, by their numbers in the child
	argv, envv []*byte
}

// cloneArgs is the kernel's struct clone_args.
type cloneArgs struct {
	flags, pidfd, childTID, parentTID, exitSignal, stack, stackSize, tls, setTID, setTIDSize, cgroup uint64
}

// joinStep says where a forked child is.
type joinStep uint32

const (
	joinBorn joinStep = iota // the number that follows is the process's
	joinSetns
	joinCapabilities
	joinDescriptors
	joinClone
	joinExec
)

func (s joinStep) String() string {
	return [...]string{"be born", "enter namespaces", "keep capabilities", "arrange descriptors", "fork", "execute own program"}[s]
}

// join makes a process in the jail's namespaces that waits for its program, and returns its number. It is
// a child of this process.
func (e *Exec) join(self *executable, init *pidfd, b *birth) (int, error) {
	plan := joinPlan{
		namespaces: unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS | unix.CLONE_NEWCGROUP,
		lastCap:    uintptr(e.driver.host().lastCap),
		first:      cloneArgs{exitSignal: uint64(unix.SIGCHLD)},
		second:     cloneArgs{flags: unix.CLONE_PARENT},
	}
	// Who shares this process's memory hides it, too, for that moment. Without rights over /proc it could not look
	// into its own files there.
	shared := e.driver.host().privileged
	if shared {
		plan.first.flags |= unix.CLONE_VM | unix.CLONE_VFORK
		plan.second.flags |= unix.CLONE_VM | unix.CLONE_VFORK
	}
	if !e.Jail.HostNetwork { // even to stay where one is needs a right, over the host's
		plan.namespaces |= unix.CLONE_NEWNET
	}
	if e.Jail.OwnUsers {
		plan.namespaces |= unix.CLONE_NEWUSER
		plan.ambient = true
	}
	var group *os.File
	if dir := unifiedOf(e.Jail.Groups); dir != "" {
		var err error
		if group, err = os.Open(dir); err != nil {
			return 0, cgroupError("enter", dir, err)
		}
		defer group.Close()
		plan.second.flags |= unix.CLONE_INTO_CGROUP
		plan.second.cgroup = joinGroup
		// A child that is born frozen would not execute anything, and its parents wait for that.
		e.driver.still.RLock()
		defer e.driver.still.RUnlock()
		if frozen(dir) {
			return 0, fault.New("exec", fault.Busy, "jail "+e.Jail.ID, errors.New("it is held still"))
		}
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return 0, err
	}
	defer null.Close()
	var tell [2]int
	if err := unix.Pipe2(tell[:], unix.O_CLOEXEC); err != nil {
		return 0, fault.New("make", kindOf(err), "pipe", err)
	}
	told := os.NewFile(uintptr(tell[0]), "told")
	defer told.Close()
	teller := os.NewFile(uintptr(tell[1]), "teller")
	defer teller.Close()

	files := []*os.File{e.stdio.In, e.stdio.Out, e.stdio.Err, b.theirControl, b.theirReport, b.lock.File, self.File, teller, group}
	high, err := highCopies(files, null)
	if err != nil {
		return 0, err
	}
	defer func() {
		for _, fd := range high {
			unix.Close(fd)
		}
	}()
	for i, fd := range high {
		plan.from[i] = uintptr(fd)
	}
	if plan.argv, err = cStrings([]string{processName(e.Jail.ID)}); err != nil {
		return 0, err
	}
	if plan.envv, err = cStrings(stage.Environ(true)); err != nil {
		return 0, err
	}
	var first uintptr
	var errno syscall.Errno
	err = init.with(func(fd int) error {
		plan.pidfd = uintptr(fd)
		first, errno = forkJoin(&plan)
		if shared {
			_ = unix.Prctl(unix.PR_SET_DUMPABLE, 1, 0, 0, 0)
		}
		return nil
	})
	runtime.KeepAlive(plan)
	if err != nil {
		return 0, err
	}
	if errno != 0 {
		return 0, fault.New("fork", kindOf(errno), "process in jail "+e.Jail.ID, errno)
	}
	_ = teller.Close()
	for i, fd := range high { // the pipe ends when the child's copies alone are left and closed
		unix.Close(fd)
		high[i] = -1
	}
	b.born()
	var status unix.WaitStatus
	for {
		if _, err := unix.Wait4(int(first), &status, 0, nil); !errors.Is(err, unix.EINTR) {
			break
		}
	}
	return e.readBirth(told, status)
}

// readBirth takes the child's words: who the process is, or what failed where.
func (e *Exec) readBirth(told io.Reader, status unix.WaitStatus) (int, error) {
	var words [4]uint32
	raw := unsafe.Slice((*byte)(unsafe.Pointer(&words)), 16)
	n, err := io.ReadAtLeast(told, raw, 8)
	if err != nil {
		return 0, fault.New("join", fault.Unavailable, "jail "+e.Jail.ID, fmt.Errorf("child ended with status %#x", status))
	}
	for i := 0; i+1 < n/4; i += 2 {
		if s := joinStep(words[i]); s != joinBorn {
			errno := unix.Errno(words[i+1])
			if s == joinExec && errno == unix.ENOENT {
				// It is open: what is missing is the loader that it names.
				return 0, fault.Unsupported("running ioc inside a jail", "a static ioc (built with CGO_ENABLED=0)")
			}
			return 0, fault.New("join", kindOf(errno), "jail "+e.Jail.ID, fmt.Errorf("%v: %w", s, errno))
		}
	}
	return int(words[1]), nil
}

// firstFree is above all descriptors that a child is given.
const firstFree = 64

// highCopies duplicates descriptors to numbers that those of the child do not overlap.
func highCopies(files []*os.File, null *os.File) ([]int, error) {
	var all []int
	for _, f := range files {
		if f == nil {
			f = null
		}
		raw, err := f.SyscallConn()
		if err != nil {
			return all, err
		}
		fd, inner := -1, error(nil)
		err = raw.Control(func(low uintptr) { fd, inner = unix.FcntlInt(low, unix.F_DUPFD_CLOEXEC, firstFree) })
		if err = errors.Join(err, inner); err != nil {
			return all, err
		}
		all = append(all, fd)
	}
	return all, nil
}

func cStrings(list []string) ([]*byte, error) {
	var all []*byte
	for _, s := range list {
		p, err := unix.BytePtrFromString(s)
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return append(all, nil), nil
}
