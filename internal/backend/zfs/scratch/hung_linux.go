package scratch

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"
)

// Hung mounts a file system that looks like the ZFS one called name, and never answers: whoever looks into it waits, and
// cannot be killed, until the test is over; asked is closed when the first one does. It must be called in a mount
// namespace of the test's own.
func Hung(t testing.TB, name string) (dir string, asked <-chan struct{}) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("not root: no file system can be mounted")
	}
	fuse, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Skip(err)
	}
	dir = t.TempDir()
	options := fmt.Sprintf("fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other", fuse)
	if err := unix.Mount(name, dir, "fuse.zfs", 0, options); err != nil {
		t.Fatal(err, unix.Close(fuse))
	}
	first := make(chan struct{})
	var over atomic.Bool
	t.Cleanup(func() {
		over.Store(true)
		<-first
		if err := errors.Join(unix.Close(fuse), unix.Unmount(dir, unix.MNT_DETACH)); err != nil { // who waits gets an error
			t.Error(err)
		}
	})
	go func() {
		defer close(first)
		request := make([]byte, 128<<10)
		for begun := false; !over.Load(); {
			n, err := unix.Read(fuse, request)
			switch {
			case errors.Is(err, unix.EAGAIN):
				_, _ = unix.Poll([]unix.PollFd{{Fd: int32(fuse), Events: unix.POLLIN}}, 100)
			case err != nil, begun: // a request that was read is one that cannot be taken back
				return
			case n >= 16:
				_, _ = unix.Write(fuse, welcome(request[8:16]))
				begun = true
			}
		}
	}()
	return dir, first
}

// welcome is the answer to the first request of the kernel, FUSE_INIT, whose number it repeats: fuse_out_header and fuse_init_out of
// linux/fuse.h.
func welcome(unique []byte) []byte {
	out := make([]byte, 16+64)
	native := binary.NativeEndian
	native.PutUint32(out, uint32(len(out)))
	copy(out[8:], unique)
	native.PutUint32(out[16:], 7)      // major
	native.PutUint32(out[20:], 31)     // minor
	native.PutUint32(out[36:], 64<<10) // max_write
	return out
}
