//go:build !freebsd

package zfs

import "github.com/libioc/ioc/fault"

// canShare: OpenZFS 2.2 can give file systems to a user name space of Linux, by zfs zone. ioc does not: it starts jails of
// uid 0 without one that is theirs alone, and mounting in it takes more than /dev/zfs.
func canShare() error {
	return fault.Unsupported("letting a jail manage file systems", "FreeBSD, or OpenZFS 2.2's zoned name spaces, which ioc does not use")
}
