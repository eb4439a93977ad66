package linuxns

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/libioc/ioc/sandbox"
)

// bootID says which boot of the machine this is.
func bootID() string {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// process is what /proc says of one.
type process struct {
	state   byte   // 'R', 'S', 'D', 'Z' ...
	name    string // comm
	session int
	started uint64 // clock ticks since boot
}

var errNoProcess = errors.New("no such process")

// readProcess reads /proc/PID/stat. The name in it may contain anything, also spaces and parentheses.
func readProcess(pid int) (p process, err error) {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
		return p, errNoProcess
	}
	if err != nil {
		return p, err
	}
	open, end := bytes.IndexByte(b, '('), bytes.LastIndexByte(b, ')')
	if open < 0 || end < open {
		return p, fmt.Errorf("/proc/%d/stat: no name", pid)
	}
	f := strings.Fields(string(b[end+1:]))
	if len(f) < 20 {
		return p, fmt.Errorf("/proc/%d/stat: %d fields", pid, len(f))
	}
	p.name, p.state = string(b[open+1:end]), f[0][0]
	p.session, _ = strconv.Atoi(f[3])
	p.started, err = strconv.ParseUint(f[19], 10, 64)
	return p, err
}

// pidNamespace is the inode of the namespace that the process's children are born in, 0 if unknown.
func pidNamespace(pid int) uint64 {
	var st unix.Stat_t
	if err := unix.Stat("/proc/"+strconv.Itoa(pid)+"/ns/pid", &st); err != nil {
		return 0
	}
	return st.Ino
}

// find opens the process that a state is of, by a descriptor that stays that process's whatever becomes
// of its number. The order makes it sure: a descriptor is taken first, and then the number's start time
// is compared; had the process ended in between, the descriptor would say so. A process that has
// ended is reaped on the way if it was a child of this process.
func find(pid int, started uint64, boot, now string) (*pidfd, sandbox.Status, error) {
	if boot != now {
		return nil, sandbox.Rebooted, nil
	}
	if pid <= 0 {
		return nil, sandbox.Gone, nil
	}
	fd, err := openPidfd(pid)
	if errors.Is(err, unix.ESRCH) {
		return nil, sandbox.Gone, nil
	}
	if err != nil {
		return nil, "", err
	}
	p, err := readProcess(pid)
	switch {
	case errors.Is(err, errNoProcess):
		fd.Close()
		return nil, sandbox.Gone, nil
	case err != nil:
		fd.Close()
		return nil, "", err
	case p.started != started:
		fd.Close()
		return nil, sandbox.Foreign, nil
	}
	if fd.ended() {
		return fd, sandbox.Gone, nil
	}
	return fd, sandbox.Running, nil
}
