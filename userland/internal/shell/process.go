//go:build linux

package shell

import (
	"context"
	"errors"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/libioc/ioc/userland/internal/applet"
	"golang.org/x/sys/unix"
)

// closed is a descriptor that a new process shall not have.
const closed = ^uintptr(0)

// descriptors lists what a new process has as its descriptors, by their numbers here.
func (s *Shell) descriptors() []uintptr {
	list := make([]uintptr, len(s.fds))
	for i, f := range s.fds {
		list[i] = closed
		if f != nil {
			list[i] = f.Fd()
		}
	}
	// Process substitutions are named by their number here, so it must be the same there.
	for _, f := range s.pipes {
		n := int(f.Fd())
		for len(list) <= n {
			list = append(list, closed)
		}
		list[n] = uintptr(n)
	}
	return list
}

// spawn starts a process. A file without a known format is a script for the shell.
func (s *Shell) spawn(path string, args []string, fds []uintptr, own bool) (int, error) {
	attr := &syscall.ProcAttr{Dir: s.procDir(), Env: s.exported(), Files: fds, Sys: &syscall.SysProcAttr{Setpgid: own}}
	pid, err := syscall.ForkExec(path, args, attr)
	// Another thread that forks while a file is written may hold the file open for a moment.
	for delay := time.Millisecond; errors.Is(err, syscall.ETXTBSY) && delay < 100*time.Millisecond; delay *= 2 {
		time.Sleep(delay)
		pid, err = syscall.ForkExec(path, args, attr)
	}
	if errors.Is(err, syscall.ENOEXEC) {
		pid, err = syscall.ForkExec(applet.Self(), append([]string{"sh", path}, args[1:]...), attr)
	}
	return pid, err
}

// process runs a program in the foreground.
func (s *Shell) process(path string, args []string) int {
	pid, err := s.spawn(path, args, s.descriptors(), false)
	if err != nil {
		s.notRun(args[0], err)
		return s.status
	}
	stop := s.passInterrupt(pid)
	ws, err := waitFor(pid)
	stop()
	if err != nil {
		s.errorf("wait for %s: %s", args[0], reason(err))
		return statusCannotRun
	}
	if ws.Stopped() {
		s.jobs.stopped(s, pid, args)
		return 128 + int(ws.StopSignal())
	}
	s.reportDeath(ws)
	return exitStatus(ws)
}

// passInterrupt closes a gap: a key that was pressed just before the program began to exist has reached
// the shell only. So an interrupt that is noticed early is sent on; a later one was the program's, too.
func (s *Shell) passInterrupt(pid int) (stop func()) {
	if s.ctx.Done() == nil {
		return func() {}
	}
	const early = 200 * time.Millisecond
	began := time.Now()
	var mu sync.Mutex
	ended := false
	cancel := context.AfterFunc(s.ctx, func() {
		mu.Lock()
		defer mu.Unlock()
		if !ended && time.Since(began) < early {
			syscall.Kill(pid, syscall.SIGINT)
		}
	})
	return func() {
		cancel()
		mu.Lock()
		ended = true
		mu.Unlock()
	}
}

// waitFor waits until a child has ended or was stopped.
func waitFor(pid int) (ws syscall.WaitStatus, err error) {
	for {
		_, err = syscall.Wait4(pid, &ws, syscall.WUNTRACED, nil)
		if !errors.Is(err, syscall.EINTR) {
			return ws, err
		}
	}
}

func exitStatus(ws syscall.WaitStatus) int {
	if ws.Signaled() {
		return 128 + int(ws.Signal())
	}
	return ws.ExitStatus()
}

// reportDeath tells people what ended a program. One that an interrupt ended takes the rest of the
// command line with it.
func (s *Shell) reportDeath(ws syscall.WaitStatus) {
	if !ws.Signaled() {
		return
	}
	switch sig := ws.Signal(); sig {
	case syscall.SIGINT:
		if s.interactive {
			s.flow.kind = flowInterrupt
			if s.main {
				s.write(2, "\n")
			}
		}
	case syscall.SIGPIPE:
	default:
		if s.interactive {
			text := unix.SignalName(sig)
			if ws.CoreDump() {
				text += " (core dumped)"
			}
			s.write(2, text+"\n")
		}
	}
}

// replace is exec: the program takes the place of the shell. It returns only if that is not possible.
func (s *Shell) replace(path string, args []string) {
	environ := s.exported()
	if err := s.settle(); err != nil {
		s.errorf("%s: %s", args[0], reason(err))
		s.exit(statusCannotRun)
		return
	}
	err := syscall.Exec(path, args, environ)
	if errors.Is(err, syscall.ENOEXEC) {
		err = syscall.Exec(applet.Self(), append([]string{"sh", path}, args[1:]...), environ)
	}
	s.notRun(args[0], err)
	s.exit(s.status)
}

// settle makes the process's own descriptors and directory what the shell says they are.
func (s *Shell) settle() error {
	const above = 100
	high := make([]int, len(s.fds))
	for i, f := range s.fds {
		high[i] = -1
		if f == nil {
			continue
		}
		n, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, above)
		if err != nil {
			return os.NewSyscallError("dup", err)
		}
		high[i] = n
	}
	for i, n := range high {
		if n < 0 {
			unix.Close(i)
			continue
		}
		if err := unix.Dup3(n, i, 0); err != nil {
			return os.NewSyscallError("dup", err)
		}
		s.fds[i] = os.NewFile(uintptr(i), s.fds[i].Name())
	}
	if s.virtual {
		return os.Chdir(s.dir)
	}
	return nil
}
