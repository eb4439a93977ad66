// Package scratch gives tests a ZFS pool of their own.
//
// It owns a zfs-fuse that serves one test program: started by it, in a mount namespace of its own, with the
// pool in a file in memory there. So any number of test programs run at once, beside a host's own ZFS, and
// when one ends, killed or not, all of it is gone with its last process; there is nothing to sweep.
//
// The zfs-fuse of Debian stands still now and then; preload/zfs-fuse.c, which is loaded into it, says why and prevents it.
//
// It refuses to touch a ZFS that it has not started. A test program begins with Enter:
//
//	func TestMain(m *testing.M) {
//		scratch.Enter()
//		os.Exit(m.Run())
//	}
package scratch
