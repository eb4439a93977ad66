//go:build unix

package run

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
)

// How a process group is ended.
const (
	politely  = syscall.SIGTERM
	certainly = syscall.SIGKILL
)

// ownGroup makes the command the leader of a new process group, so that its children end with it.
func ownGroup(c *exec.Cmd) {
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
}

// endGroup signals every process of the command's group. The group may be gone already; its number
// cannot belong to others as long as one of its processes lives, and Run stops signalling a moment
// after the last has ended.
func endGroup(c *exec.Cmd, how syscall.Signal) {
	_ = syscall.Kill(-c.Process.Pid, how)
}

// readNow reads what lies in a pipe without waiting, whatever its deadline is; 0: nothing.
func readNow(f *os.File, buf []byte) (n int) {
	raw, err := f.SyscallConn()
	if err != nil {
		return 0
	}
	if raw.Control(func(fd uintptr) {
		n, err = syscall.Read(int(fd), buf) // the descriptor is non-blocking
		for errors.Is(err, syscall.EINTR) {
			n, err = syscall.Read(int(fd), buf)
		}
	}) != nil {
		return 0
	}
	return max(n, 0)
}
