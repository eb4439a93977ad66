//go:build !linux

package zfs

// viaFUSE is for Linux: elsewhere ZFS is part of the kernel.
func viaFUSE(string) bool { return false }
