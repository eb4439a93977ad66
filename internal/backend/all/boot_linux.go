package all

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// bootID says which boot of the machine this is, by random(4).
func bootID() (string, error) {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return strings.TrimSpace(string(id)), err
}

// emptyAfterReboot removes what the last boot of the machine left in some directories, whose files say nothing
// any more. A file system in memory is empty by itself; the run directory of a root that is not the
// system's lies on a disk. run/boot says of which boot the files are; of many that come at once one removes them.
func emptyAfterReboot(boot, run string, dirs ...string) error {
	path := filepath.Join(run, "boot")
	if of, err := os.ReadFile(path); err == nil && string(of) == boot {
		return nil
	}
	if err := os.MkdirAll(run, 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()                                                     //nolint:errcheck // what was written was checked
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil { //nolint:gosec // a descriptor is small
		return err
	}
	if of, err := io.ReadAll(f); err != nil || string(of) == boot {
		return err
	}
	for _, dir := range dirs {
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
	}
	_, err = f.WriteAt([]byte(boot), 0)
	return errors.Join(err, f.Truncate(int64(len(boot))))
}
