package journal

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// systemBoot reads kern.boot_id: 16 bytes that the kernel draws once per boot, since FreeBSD 13.
func systemBoot() BootID {
	raw, err := unix.SysctlRaw("kern.boot_id")
	if id := bootIDOf(raw); err == nil && id.known() {
		return id
	}
	return bootTime()
}

// dataSync is fdatasync(2).
func dataSync(_ *os.File, fd int) error {
	for {
		_, _, errno := unix.Syscall(unix.SYS_FDATASYNC, uintptr(fd), 0, 0)
		if errno == 0 {
			return nil
		}
		if !errors.Is(errno, unix.EINTR) {
			return errno
		}
	}
}
