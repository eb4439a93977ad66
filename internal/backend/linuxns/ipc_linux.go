package linuxns

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/internal/thread"
	"github.com/libioc/ioc/sandbox"
)

// tunables is where the kernel has the limits of the reader's IPC namespace (sysvipc(7), proc_sys_kernel(5)).
const tunables = "/proc/sys/kernel"

// tunable is a limit of an IPC namespace: its file, what is asked for, and what a new namespace has (include/uapi/linux/msg.h,
// sem.h, shm.h), which is no limit that ioc has set.
type tunable struct{ name, want, fresh string }

// tunablesOf are the limits of an IPC namespace, in the order in which they are written.
func tunablesOf(r sandbox.Resources) []tunable {
	const most = 32768 // IPCMNI: more of a kind there cannot be
	number := func(n, fresh, most int64) string {
		if n == 0 {
			n = fresh
		}
		return strconv.FormatInt(min(n, most), 10)
	}
	// A message that no queue has room for would be waited with for ever; a longer one than msgmax is refused.
	longest := int64(8192)
	if r.QueueBytes > 0 {
		longest = min(longest, r.QueueBytes)
	}
	pages := "18446744073692774399"
	if r.SharedBytes > 0 {
		pages = strconv.FormatInt(r.SharedBytes/int64(os.Getpagesize()), 10)
	}
	return []tunable{
		{"msgmni", number(r.Queues, 32000, most), "32000"},
		{"msgmax", number(longest, 0, math.MaxInt32), "8192"},
		{"msgmnb", number(r.QueueBytes, 16384, math.MaxInt32), "16384"},
		{
			"sem",
			"32000\t" + number(r.Semaphores, 1024000000, math.MaxInt32) + "\t" + number(r.SemaphoreOps, 500, math.MaxInt32) + "\t32000",
			"32000\t1024000000\t500\t32000",
		},
		{"shmmni", number(r.SharedSegments, 4096, most), "4096"},
		{"shmall", pages, "18446744073692774399"},
	}
}

// tuning is what a new IPC namespace has to be told: names and values in turn.
func tuning(r sandbox.Resources) (all []string) {
	for _, t := range tunablesOf(r) {
		if t.want != t.fresh {
			all = append(all, t.name, t.want)
		}
	}
	return all
}

// terminals is devpts's option for a limit of pseudo terminals: NR_UNIX98_PTY_MAX is none.
func terminals(r sandbox.Resources) string {
	const most = 1 << 20
	if r.Terminals == 0 {
		return strconv.Itoa(most)
	}
	return strconv.FormatInt(min(r.Terminals, most), 10)
}

// checkIPC refuses what cannot be written down in the kernel's units.
func checkIPC(r sandbox.Resources) error {
	if page := int64(os.Getpagesize()); r.SharedBytes > 0 && r.SharedBytes < page {
		return invalid("shared memory", errors.New("it is less than a page, "+strconv.FormatInt(page, 10)+" bytes"))
	}
	return nil
}

// ipcWhy says why an IPC namespace cannot be limited here; empty: it can.
func ipcWhy() string {
	if !exists(filepath.Join(tunables, "msgmni")) {
		return "the kernel has no System V IPC"
	}
	return ""
}

// insideIPC calls f on a thread that is in the IPC namespace of a jail's first process, as the jail's root: that one alone
// may write there. The thread ends with it.
func insideIPC(pid int, init *pidfd, f func() error) error {
	root, err := rootOf(pid)
	if err != nil {
		return err
	}
	return thread.Away(func() error {
		return init.with(func(fd int) error {
			if err := unix.Setns(fd, unix.CLONE_NEWIPC); err != nil {
				return fault.New("enter", kindOf(err), "IPC namespace", err)
			}
			const same = ^uintptr(0)
			if _, _, e := unix.RawSyscall(unix.SYS_SETRESUID, same, root, same); e != 0 { // of this thread only
				return fault.New("become", kindOf(e), "root of the jail", e)
			}
			return f()
		})
	})
}

// rootOf is the host's number of the user who is 0 where a process is.
func rootOf(pid int) (uintptr, error) {
	text, err := os.ReadFile("/proc/" + itoa(pid) + "/uid_map")
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == "0" {
			n, err := strconv.ParseUint(f[1], 10, 32)
			return uintptr(n), err
		}
	}
	return 0, fault.New("read", kindOf(err), "users of process "+itoa(pid), bare(err))
}

// planIPC plans what changes in the limits of a running jail's IPC namespace, and of its terminals.
func (l *Relimit) planIPC(init *pidfd, r sandbox.Resources) error {
	err := insideIPC(l.Of.PID, init, func() error {
		for _, t := range tunablesOf(r) {
			text, err := os.ReadFile(filepath.Join(tunables, t.name))
			if err != nil && t.want == t.fresh {
				continue // what there is not needs no limit
			}
			if err != nil {
				return fault.New("read", kindOf(err), "kernel."+t.name, bare(err))
			}
			if before := strings.TrimSpace(string(text)); before != t.want {
				l.IPC = append(l.IPC, Setting{t.name, t.want, before})
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	before, err := terminalsOf(l.Of.PID)
	if err != nil && r.Terminals == 0 { // as above
		return nil
	}
	if err == nil && before != terminals(r) {
		l.Terminals = Setting{"max", terminals(r), before}
	}
	return err
}

// terminalOptions are devpts's of a process's mounts, without the limit, and the limit.
func terminalOptions(pid int) (rest []string, limit string, err error) {
	text, err := os.ReadFile("/proc/" + itoa(pid) + "/mountinfo")
	if err != nil {
		return nil, "", fault.New("read", kindOf(err), "mounts of process "+itoa(pid), bare(err))
	}
	for line := range strings.Lines(string(text)) {
		before, after, _ := strings.Cut(line, " - ")
		b, a := strings.Fields(before), strings.Fields(after)
		if len(b) < 5 || len(a) < 3 || b[4] != "/dev/pts" || a[0] != "devpts" {
			continue
		}
		rest, limit = nil, terminals(sandbox.Resources{})
		for option := range strings.SplitSeq(a[2], ",") {
			if n, ok := strings.CutPrefix(option, "max="); ok {
				limit = n
			} else if option != "rw" {
				rest = append(rest, option)
			}
		}
	}
	if limit == "" {
		return nil, "", fault.New("", fault.NotFound, "devpts of process "+itoa(pid), nil)
	}
	return rest, limit, nil
}

func terminalsOf(pid int) (string, error) {
	_, limit, err := terminalOptions(pid)
	return limit, err
}

// limitTerminals gives a jail's devpts another limit. It is found from the jail's root without a link on the way: the jail
// is not to have the host's changed.
func limitTerminals(pid int, limit string) error {
	failed := func(err error) error { return fault.New("limit", kindOf(err), "pseudo terminals", err) }
	rest, _, err := terminalOptions(pid)
	if err != nil {
		return err
	}
	root, err := unix.Open("/proc/"+itoa(pid)+"/root", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return failed(err)
	}
	defer unix.Close(root)
	pts, err := unix.Openat2(root, "dev/pts", &unix.OpenHow{
		Flags:   unix.O_PATH | unix.O_DIRECTORY | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS,
	})
	if err != nil {
		return failed(err)
	}
	defer unix.Close(pts)
	var st unix.Statfs_t
	if err := unix.Fstatfs(pts, &st); err != nil || st.Type != unix.DEVPTS_SUPER_MAGIC {
		return failed(errors.Join(err, errors.New("/dev/pts of the jail is something else")))
	}
	fs, err := unix.Fspick(pts, "", unix.FSPICK_CLOEXEC|unix.FSPICK_EMPTY_PATH)
	if err != nil {
		return failed(err)
	}
	defer unix.Close(fs)
	for _, option := range append(rest, "max="+limit) { // what is not said becomes the default
		key, value, _ := strings.Cut(option, "=")
		if err := unix.FsconfigSetString(fs, key, value); err != nil {
			return failed(err)
		}
	}
	if err := unix.FsconfigReconfigure(fs); err != nil {
		return failed(err)
	}
	return nil
}

// writeIPC writes limits of a running jail's IPC namespace.
func (l *Relimit) writeIPC(init *pidfd, value func(Setting) string) error {
	if len(l.IPC) == 0 {
		return nil
	}
	return insideIPC(l.Of.PID, init, func() error {
		for _, s := range l.IPC {
			if err := writeFile(filepath.Join(tunables, s.Path), value(s)); err != nil {
				return fault.New("limit", kindOf(err), "kernel."+s.Path, bare(err))
			}
		}
		return nil
	})
}
