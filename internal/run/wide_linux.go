package run

import (
	"os"
	"syscall"
)

const (
	setPipeSize = 1031    // F_SETPIPE_SZ, which package syscall does not have
	pipeSize    = 1 << 20 // what the kernel lets everybody have: /proc/sys/fs/pipe-max-size
)

// WidePipe is a pipe for much, to be a command's Stdout: where the kernel can, 1 MiB lies in it and not 64 KiB, and
// who writes waits less often for who reads.
func WidePipe() (read, write *os.File, err error) {
	if read, write, err = os.Pipe(); err != nil {
		return nil, nil, err
	}
	if raw, bad := write.SyscallConn(); bad == nil {
		_ = raw.Control(func(fd uintptr) { _, _, _ = syscall.Syscall(syscall.SYS_FCNTL, fd, setPipeSize, pipeSize) }) // it works without
	}
	return read, write, nil
}
