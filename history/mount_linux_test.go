package history_test

import (
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// lockedThread calls f where a file system of 128 KiB is mounted on dir, which nobody else sees.
func lockedThread(t *testing.T, dir string, f func()) {
	runtime.LockOSThread() // and not unlocked: the thread ends, and the namespace with it
	if err := unix.Unshare(unix.CLONE_FS | unix.CLONE_NEWNS); err != nil {
		t.Error("unshare:", err)
		return
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		t.Error("private mounts:", err)
		return
	}
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=128k"); err != nil {
		t.Error("mount:", err)
		return
	}
	f()
}
