//go:build freebsd || darwin

package journal

import (
	"bytes"
	"errors"
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

// bootTime is when the machine booted.
func bootTime() (id BootID) {
	tv, err := unix.SysctlTimeval("kern.boottime")
	if err != nil {
		return id
	}
	return ofTime(int64(tv.Sec)) //nolint:unconvert // int32 on 32 bits
}

// hasExited reports whether a process is no more. One whose exit status nobody has asked for counts as there.
func hasExited(pid int) bool { return errors.Is(unix.Kill(pid, 0), unix.ESRCH) }
