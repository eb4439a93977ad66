package journal

import (
	"encoding/hex"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// systemBoot reads kern.bootsessionuuid.
func systemBoot() (id BootID, err error) {
	text, err := unix.Sysctl("kern.bootsessionuuid")
	if err != nil {
		return bootTime()
	}
	raw, err := hex.DecodeString(strings.ReplaceAll(strings.TrimSpace(text), "-", ""))
	if err != nil || len(raw) != len(id) {
		return bootTime()
	}
	return BootID(raw), nil
}

// dataSync is fcntl(2) F_FULLFSYNC, which is what os.File.Sync does on Darwin: its fsync leaves the
// data in the drive's cache.
func dataSync(f *os.File, _ int) error { return f.Sync() }
