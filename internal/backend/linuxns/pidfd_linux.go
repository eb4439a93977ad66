package linuxns

import (
	"context"
	"errors"
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/libioc/ioc/sandbox"
)

// pidfd is a process held by a descriptor.
type pidfd struct{ file *os.File }

// Flags and requests that are newer than the system call package. The kernel's names are in comments.
const (
	pidfdNonblock      = unix.O_NONBLOCK // PIDFD_NONBLOCK, Linux 5.10
	signalProcessGroup = 1 << 2          // PIDFD_SIGNAL_PROCESS_GROUP, Linux 6.9
	pidfdGetInfo       = 0xc040ff0b      // PIDFD_GET_INFO with 64 bytes, Linux 6.13
	pidfdInfoExit      = 1 << 3          // PIDFD_INFO_EXIT, Linux 6.15
)

func openPidfd(pid int) (*pidfd, error) {
	fd, err := unix.PidfdOpen(pid, pidfdNonblock)
	if err != nil {
		return nil, err
	}
	return wrapPidfd(fd), nil
}

// wrapPidfd takes a descriptor over. It does not block, so that waiting costs no thread.
func wrapPidfd(fd int) *pidfd {
	_ = unix.SetNonblock(fd, true)
	return &pidfd{os.NewFile(uintptr(fd), "pidfd")}
}

func (p *pidfd) Close() { _ = p.file.Close() }

// with runs f on the descriptor.
func (p *pidfd) with(f func(fd int) error) error {
	raw, err := p.file.SyscallConn()
	if err != nil {
		return err
	}
	inner := error(nil)
	if err := raw.Control(func(fd uintptr) { inner = f(int(fd)) }); err != nil {
		return err
	}
	return inner
}

// signal sends a signal; to a process that has ended it gives unix.ESRCH.
func (p *pidfd) signal(s unix.Signal) error {
	return p.with(func(fd int) error { return unix.PidfdSendSignal(fd, s, nil, 0) })
}

// signalGroup sends a signal to the process group that the process leads. Kernels that cannot do that by
// descriptor are asked by number, which is safe as long as the process is not reaped.
func (p *pidfd) signalGroup(pid int, s unix.Signal) error {
	return p.with(func(fd int) error {
		err := unix.PidfdSendSignal(fd, s, nil, signalProcessGroup)
		if errors.Is(err, unix.EINVAL) {
			if err = unix.PidfdSendSignal(fd, 0, nil, 0); err == nil {
				err = unix.Kill(-pid, s)
			}
		}
		return err
	})
}

// ended says whether the process, with all its threads, has ended. Of a namespace's first process that
// means that all others of the namespace have ended before.
func (p *pidfd) ended() bool {
	gone := false
	_ = p.with(func(fd int) error {
		gone = readable(fd)
		return nil
	})
	return gone
}

func readable(fd int) bool {
	set := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	n, err := unix.Poll(set, 0)
	return err == nil && n == 1 && set[0].Revents&unix.POLLIN != 0
}

// wait returns when the process has ended, or with ctx's error.
func (p *pidfd) wait(ctx context.Context) error {
	raw, err := p.file.SyscallConn()
	if err != nil {
		return err
	}
	if err := p.file.SetReadDeadline(time.Time{}); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = p.file.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	err = raw.Read(func(fd uintptr) bool { return readable(int(fd)) })
	if errors.Is(err, os.ErrDeadlineExceeded) && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// reap takes the exit status of a process that has ended. Whose child it is not, the kernel tells newer
// callers nevertheless; else nobody can say. A child that is traced has its status from its tracer first, and
// nobody else gets it before that has looked: then with unix.WNOHANG nothing is known, and with 0 it is waited for,
// after which the descriptor is of no use for wait.
func (p *pidfd) reap(how int) sandbox.Exit {
	exit := sandbox.Exit{}
	_ = p.with(func(fd int) error {
		if how&unix.WNOHANG == 0 { // of one that does not block waitid gives EAGAIN: pidfd_open(2)
			_ = unix.SetNonblock(fd, false)
		}
		var info unix.Siginfo
		err := unix.Waitid(unix.P_PIDFD, fd, &info, unix.WEXITED|how, nil)
		for errors.Is(err, unix.EINTR) {
			err = unix.Waitid(unix.P_PIDFD, fd, &info, unix.WEXITED|how, nil)
		}
		if err == nil && info.Signo == int32(unix.SIGCHLD) {
			exit = exitOf(&info)
			return nil
		}
		if status, ok := exitInfo(fd); ok {
			exit = exitStatus(status)
		}
		return nil
	})
	return exit
}

// exitOf reads si_code and si_status, which lie behind si_pid and si_uid.
func exitOf(info *unix.Siginfo) sandbox.Exit {
	const cldExited, statusAt = 1, 24 // CLD_EXITED; the offset on 64-bit architectures
	status := *(*int32)(unsafe.Add(unsafe.Pointer(info), statusAt))
	if info.Code == cldExited {
		return sandbox.Exit{Code: int(status), Known: true}
	}
	return sandbox.Exit{Signal: unix.Signal(status), Known: true}
}

func exitStatus(w unix.WaitStatus) sandbox.Exit {
	if w.Signaled() {
		return sandbox.Exit{Signal: w.Signal(), Known: true}
	}
	return sandbox.Exit{Code: w.ExitStatus(), Known: true}
}

// exitInfo asks for the wait status of a process that somebody else has reaped.
func exitInfo(fd int) (unix.WaitStatus, bool) {
	var info struct { // struct pidfd_info
		mask, cgroupid                                   uint64
		pid, tgid, ppid                                  uint32
		ruid, rgid, euid, egid, suid, sgid, fsuid, fsgid uint32
		exitCode                                         int32
	}
	info.mask = pidfdInfoExit
	_, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), pidfdGetInfo, uintptr(unsafe.Pointer(&info)))
	return unix.WaitStatus(info.exitCode), e == 0 && info.mask&pidfdInfoExit != 0
}
