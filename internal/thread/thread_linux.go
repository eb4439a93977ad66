package thread

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// Away does something on a thread that ends with it. The first thread of a process cannot end, and /proc/self is its:
// that one stays where it is, locked, until another one has done it.
func Away(do func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // and, but for the first thread, never unlocked
		if unix.Gettid() == unix.Getpid() {
			defer runtime.UnlockOSThread()
			done <- Away(do)
			return
		}
		done <- do()
	}()
	return <-done
}
