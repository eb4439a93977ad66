//go:build freebsd || darwin

package journal

import (
	"bytes"
	"fmt"

	"golang.org/x/sys/unix"
)

// remoteFileSystem reports whether path is on a file system that other machines write to.
func remoteFileSystem(path string) (kind string, remote bool, err error) {
	var st unix.Statfs_t
	if err := unix.Statfs(path, &st); err != nil {
		return "", false, fmt.Errorf("statfs %s: %w", path, err)
	}
	var name []byte
	for _, c := range st.Fstypename {
		name = append(name, byte(c)) //nolint:unconvert // int8 on FreeBSD
	}
	name, _, _ = bytes.Cut(name, []byte{0})
	switch kind = string(name); kind {
	case "nfs", "smbfs", "afpfs", "webdav":
		return kind, true, nil
	default:
		return "", false, nil
	}
}

// bootTime stands in for a boot ID where the kernel has none. A step of the clock moves it, so that a
// reboot may be seen where there was none; it cannot hide one.
func bootTime() (id BootID, err error) {
	tv, err := unix.SysctlTimeval("kern.boottime")
	if err != nil {
		return id, fmt.Errorf("kern.boottime: %w", err)
	}
	copy(id[:], fmt.Sprintf("%016x", int64(tv.Sec))) //nolint:unconvert // int32 on 32 bits
	return id, nil
}
