package filetree

import (
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// earlyBytes is how much is written before the disk is made to take it.
const earlyBytes = 8 << 20

// early makes the disk take what was written while more is written, so that Sync has little left to wait for: the kernel by itself
// begins when most trees are complete. It is all that is in the file system at a time: file by file costs the disk, and
// the processor, more than it gains.
type early struct {
	top   int // a directory of that file system
	dirty atomic.Int64
	busy  sync.Mutex
	calls sync.WaitGroup
	err   error // valid once calls have ended. The kernel tells of a failed write once, so that Sync would not hear of it
}

// wrote is told of n bytes more. It does not wait for the disk.
func (e *early) wrote(n int) {
	if e.dirty.Add(int64(n)) < earlyBytes || !e.busy.TryLock() {
		return
	}
	e.dirty.Store(0)
	e.calls.Go(func() {
		defer e.busy.Unlock()
		if err := unix.Syncfs(e.top); err != nil && e.err == nil {
			e.err = failed("sync", ".", err)
		}
	})
}

// end waits for what is under way.
func (e *early) end() error {
	e.calls.Wait()
	return e.err
}
