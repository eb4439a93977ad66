package journal

import (
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// systemBoot reads random(4)'s boot_id: a UUID that the kernel draws once per boot. It is nowhere but in
// /proc. The time of the boot is no substitute: where there is no clock that goes on without power, every
// boot is at the same time.
func systemBoot() (id BootID) {
	text, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return id
	}
	raw, err := hex.DecodeString(strings.ReplaceAll(strings.TrimSpace(string(text)), "-", ""))
	if err != nil {
		return id
	}
	return bootIDOf(raw)
}

// dataSync is fdatasync(2): data, size and block map, but no times.
func dataSync(_ *os.File, fd int) error {
	for {
		if err := unix.Fdatasync(fd); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// remoteFileSystem reports whether path is on a file system that other machines write to.
func remoteFileSystem(path string) (kind string, remote bool, err error) {
	var st unix.Statfs_t
	if err := unix.Statfs(path, &st); err != nil {
		return "", false, fmt.Errorf("statfs %s: %w", path, err)
	}
	switch uint32(st.Type) { //nolint:gosec // the magic numbers have 32 bits
	case unix.NFS_SUPER_MAGIC:
		return "NFS", true, nil
	case unix.SMB_SUPER_MAGIC, unix.SMB2_SUPER_MAGIC, unix.CIFS_SUPER_MAGIC:
		return "SMB", true, nil
	case unix.AFS_SUPER_MAGIC, unix.AFS_FS_MAGIC:
		return "AFS", true, nil
	default:
		return "", false, nil
	}
}

// hasExited reports whether a process is no more, or is about to be: one that has been killed has no program any more while its files
// are closed one after the other, and until somebody has asked for its exit status.
func hasExited(pid int) bool {
	_, err := os.Readlink("/proc/" + strconv.Itoa(pid) + "/exe")
	return errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ESRCH)
}
