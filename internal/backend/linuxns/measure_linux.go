package linuxns

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/sandbox"
)

var (
	_ sandbox.Counter = (*Driver)(nil)
	_ sandbox.Meter   = (*Driver)(nil)
	_ sandbox.Opener  = (*Driver)(nil)
	_ sandbox.Pather  = (*Driver)(nil)
)

// Measure asks the jail's cgroups, and its processes for what they do not count.
func (d *Driver) Measure(_ context.Context, j sandbox.State) (sandbox.Usage, error) {
	fd, err := d.held("measure", j)
	if err != nil {
		return sandbox.Usage{}, err
	}
	defer fd.Close()
	all := processesOf(j)
	u := sandbox.Usage{CPU: -1, Memory: -1, Processes: int64(len(all))}
	for _, dir := range j.Groups {
		fromGroup(dir, &u)
	}
	if u.CPU < 0 || u.Memory < 0 {
		fromProcesses(all, &u)
	}
	return u, nil
}

// held opens the first process of a jail that runs.
func (d *Driver) held(op string, j sandbox.State) (*pidfd, error) {
	fd, status, err := find(j.PID, j.Started, j.Boot, d.host().boot)
	if err == nil && fd == nil {
		err = fault.New(op, fault.NotFound, "jail "+j.ID, errors.New(string(status)))
	}
	return fd, err
}

// fromGroup takes what one cgroup directory counts; the names are the kernel's, of cgroup2 and of the first
// version (Documentation/admin-guide/cgroup-v2.rst, cgroup-v1/). Pages of files that nobody uses at the moment are
// taken off, as the kernel gives them back first.
func fromGroup(dir string, u *sandbox.Usage) {
	if n, ok := field(filepath.Join(dir, "cpu.stat"), "usage_usec"); ok {
		u.CPU = time.Duration(n) * time.Microsecond
	} else if n, ok := readNumber(filepath.Join(dir, "cpuacct.usage")); ok {
		u.CPU = time.Duration(n)
	}
	if n, ok := readNumber(filepath.Join(dir, "memory.current")); ok {
		idle, _ := field(filepath.Join(dir, "memory.stat"), "inactive_file")
		u.Memory = max(0, n-idle)
	} else if n, ok := readNumber(filepath.Join(dir, "memory.usage_in_bytes")); ok {
		idle, _ := field(filepath.Join(dir, "memory.stat"), "total_inactive_file")
		u.Memory = max(0, n-idle)
	}
}

// field reads the number behind a name in a file of "name number" lines.
func field(file, name string) (int64, bool) {
	b, err := os.ReadFile(file)
	if err != nil {
		return 0, false
	}
	lines := bufio.NewScanner(bytes.NewReader(b))
	for lines.Scan() {
		if value, ok := strings.CutPrefix(lines.Text(), name+" "); ok {
			n, err := strconv.ParseInt(value, 10, 64)
			return n, err == nil
		}
	}
	return 0, false
}

// fromProcesses adds up what /proc says of processes: what is missing in u.
func fromProcesses(all []string, u *sandbox.Usage) {
	var cpu time.Duration
	var memory int64
	for _, pid := range all {
		b, err := os.ReadFile("/proc/" + pid + "/stat")
		if err != nil {
			continue // it has just ended
		}
		f := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
		if len(f) < 22 {
			continue
		}
		const tick = time.Second / 100 // USER_HZ, on every platform that Go runs on
		cpu += time.Duration(atoi(f[11])+atoi(f[12])) * tick
		memory += int64(atoi(f[21])) * int64(os.Getpagesize())
	}
	if u.CPU < 0 {
		u.CPU = cpu
	}
	if u.Memory < 0 {
		u.Memory = memory
	}
}

// processesOf lists the processes of a jail: those of its cgroup, or of its namespace.
func processesOf(j sandbox.State) []string {
	for _, dir := range j.Groups {
		if all := members(dir); len(all) > 0 {
			return all
		}
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var all []string
	for _, e := range entries {
		if n := atoi(e.Name()); n > 0 && j.Mark != 0 && pidNamespace(n) == j.Mark {
			all = append(all, e.Name())
		}
	}
	return all
}

// OpenRoot opens what the first process has as its root. The descriptor of the process, taken before, says afterwards
// whether the number was its own all the time.
func (d *Driver) OpenRoot(_ context.Context, j sandbox.State) (*os.File, error) {
	fd, err := d.held("open", j)
	if err != nil {
		return nil, err
	}
	defer fd.Close()
	path := d.RootPath(j)
	root, err := os.OpenFile(path, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fault.New("open", kindOf(err), "root of jail "+j.ID, bare(err))
	}
	if fd.ended() {
		_ = root.Close() // nothing can be lost
		return nil, fault.New("open", fault.NotFound, "jail "+j.ID, errors.New(string(sandbox.Gone)))
	}
	return root, nil
}

// RootPath is the kernel's name for the root of the first process.
func (d *Driver) RootPath(j sandbox.State) string {
	if j.PID == 0 {
		return ""
	}
	return "/proc/" + itoa(j.PID) + "/root"
}

// Killed asks the cgroup that counts the jail's memory. The first version tells it beside the switch that it is
// about (Documentation/admin-guide/cgroup-v1/memory.rst), since Linux 4.13.
func (d *Driver) Killed(_ context.Context, j sandbox.State) (int64, error) {
	for _, dir := range j.Groups {
		for _, name := range []string{"memory.events", "memory.oom_control"} {
			if n, ok := field(filepath.Join(dir, name), "oom_kill"); ok {
				return n, nil
			}
		}
	}
	return -1, nil
}
