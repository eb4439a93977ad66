package journal

import (
	"encoding/hex"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// systemBoot reads kern.bootsessionuuid.
func systemBoot() BootID {
	text, err := unix.Sysctl("kern.bootsessionuuid")
	if err != nil {
		return bootTime()
	}
	raw, err := hex.DecodeString(strings.ReplaceAll(strings.TrimSpace(text), "-", ""))
	if id := bootIDOf(raw); err == nil && id.known() {
		return id
	}
	return bootTime()
}

// dataSync is fcntl(2) F_FULLFSYNC, which is what os.File.Sync does on Darwin: its fsync leaves the
// data in the drive's cache.
func dataSync(f *os.File, _ int) error { return f.Sync() }
