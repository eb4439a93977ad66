package zfs

import "golang.org/x/sys/unix"

// viaFUSE reports whether a program serves the file system at dir, not the kernel.
func viaFUSE(dir string) bool {
	var st unix.Statfs_t
	return unix.Statfs(dir, &st) == nil && st.Type == unix.FUSE_SUPER_MAGIC
}
