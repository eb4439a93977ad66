package linuxns

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// probeDescriptors lists the descriptors that the process was born with.
func probeDescriptors([]string) int {
	dir, err := unix.Open("/proc/self/fd", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	buf := make([]byte, 8192)
	n, err := unix.ReadDirent(dir, buf)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	_, _, names := unix.ParseDirent(buf[:n], -1, nil)
	sort.Strings(names)
	for _, name := range names {
		to, err := os.Readlink("/proc/self/fd/" + name)
		if err == nil && name != strconv.Itoa(dir) && !strings.HasPrefix(to, "anon_inode:[event") { // the Go runtime's own
			fmt.Println(name, to)
		}
	}
	return 0
}

// probeDenied tries what a jail must not be able to do, and says how each ended.
func probeDenied([]string) int {
	call := func(nr uintptr, a ...uintptr) error {
		a = append(a, 0, 0, 0, 0, 0, 0)
		_, _, e := unix.RawSyscall6(nr, a[0], a[1], a[2], a[3], a[4], a[5])
		if e == 0 {
			return nil
		}
		return e
	}
	ptr := func(s string) uintptr {
		p, _ := unix.BytePtrFromString(s)
		return uintptr(unsafe.Pointer(p))
	}
	var args [11]uint64 // struct clone_args
	args[0], args[4] = unix.CLONE_NEWUSER, uint64(unix.SIGCHLD)
	const notYet = 2000 // a number that no kernel has
	for _, c := range []struct {
		name string
		err  error
	}{
		{"mount", unix.Mount("none", "/tmp", "tmpfs", 0, "")},
		{"remount", unix.Mount("", "/proc/sys", "", unix.MS_REMOUNT|unix.MS_BIND, "")},
		{"umount", unix.Unmount("/proc/kcore", 0)},
		{"pivot_root", unix.PivotRoot("/", "/")},
		{"open_tree", call(unix.SYS_OPEN_TREE, 0, ptr("/"), unix.OPEN_TREE_CLONE)},
		{"fsopen", call(unix.SYS_FSOPEN, ptr("tmpfs"))},
		{"mount_setattr", call(unix.SYS_MOUNT_SETATTR)},
		{"unshare_user", unix.Unshare(unix.CLONE_NEWUSER)},
		{"unshare_mount", unix.Unshare(unix.CLONE_NEWNS)},
		{"clone_user", call(unix.SYS_CLONE, unix.CLONE_NEWUSER|uintptr(unix.SIGCHLD))},
		{"clone3", call(unix.SYS_CLONE3, uintptr(unsafe.Pointer(&args)), unsafe.Sizeof(args))},
		{"setns", call(unix.SYS_SETNS, 0, 0)},
		{"bpf", call(unix.SYS_BPF, 0, 0, 0)},
		{"perf_event_open", call(unix.SYS_PERF_EVENT_OPEN)},
		{"keyctl", call(unix.SYS_KEYCTL, 0)},
		{"add_key", call(unix.SYS_ADD_KEY)},
		{"request_key", call(unix.SYS_REQUEST_KEY)},
		{"init_module", call(unix.SYS_INIT_MODULE)},
		{"kexec_load", call(unix.SYS_KEXEC_LOAD)},
		{"reboot", call(unix.SYS_REBOOT, 0, 0, 0)},
		{"swapon", call(unix.SYS_SWAPON, ptr("/probe"))},
		{"settimeofday", call(unix.SYS_SETTIMEOFDAY)},
		{"sethostname", unix.Sethostname([]byte("x"))},
		{"syslog", call(unix.SYS_SYSLOG, 3)},
		{"userfaultfd", call(unix.SYS_USERFAULTFD)},
		{"io_uring_setup", call(unix.SYS_IO_URING_SETUP)},
		{"open_by_handle_at", call(unix.SYS_OPEN_BY_HANDLE_AT)},
		{"pidfd_getfd", call(unix.SYS_PIDFD_GETFD)},
		{"socket_alg", call(unix.SYS_SOCKET, unix.AF_ALG, unix.SOCK_SEQPACKET)},
		{"socket_vsock", call(unix.SYS_SOCKET, unix.AF_VSOCK, unix.SOCK_STREAM)},
		{"personality", call(unix.SYS_PERSONALITY, 0x0040000)},
		{"unknown", call(notYet)},
	} {
		fmt.Println(c.name, errnoName(c.err))
	}
	return 0
}

// probeWrites tries to write what a jail must not be able to write.
func probeWrites([]string) int {
	for _, path := range []string{
		"/proc/sys/kernel/core_pattern", "/proc/sys/vm/panic_on_oom", "/proc/sysrq-trigger", "/proc/irq/default_smp_affinity",
		"/proc/kcore", "/proc/keys", "/proc/timer_list", "/sys/kernel/uevent_helper", "/sys/power/state",
		"/sys/fs/cgroup/cgroup.procs", "/sys/fs/cgroup/cgroup.kill",
	} {
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err == nil {
			_, err = f.WriteString("0")
			f.Close()
			if _, serr := os.Stat(path); serr == nil && isNull(path) {
				err = unix.ENXIO // masked: whatever is written goes nowhere
			}
		}
		fmt.Println(path, errnoName(err))
	}
	for _, name := range []string{"null", "zero", "full", "random", "urandom", "tty"} {
		fmt.Println("chmod", name, errnoName(os.Chmod("/dev/"+name, 0o600)))
		fmt.Println("chown", name, errnoName(os.Chown("/dev/"+name, 1, 1)))
	}
	return 0
}

func isNull(path string) bool {
	var st unix.Stat_t
	return unix.Stat(path, &st) == nil && st.Rdev == unix.Mkdev(1, 3)
}

// probeDevices uses the devices there are, and makes one that there must not be.
func probeDevices([]string) int {
	say := func(what string, err error) { fmt.Println(what, errnoName(err)) }
	b := make([]byte, 8)
	for _, name := range []string{"zero", "full", "random", "urandom"} {
		f, err := os.Open("/dev/" + name)
		if err == nil {
			_, err = f.Read(b)
			f.Close()
		}
		say("read "+name, err)
	}
	for _, name := range []string{"null", "full"} {
		say("write "+name, os.WriteFile("/dev/"+name, b, 0))
	}
	if _, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0); err != nil {
		say("ptmx", err)
	}
	for _, dir := range []string{"/", "/tmp", "/dev", "/dev/shm"} {
		node := filepath.Join(dir, "node")
		err := unix.Mknod(node, unix.S_IFBLK|0o600, int(unix.Mkdev(7, 0)))
		if err == nil {
			var fd int
			fd, err = unix.Open(node, unix.O_RDONLY, 0)
			if err == nil {
				unix.Close(fd)
			}
			os.Remove(node)
		}
		say("node in "+dir, err)
	}
	entries, _ := os.ReadDir("/dev")
	for _, e := range entries {
		fmt.Println("dev", e.Name())
	}
	return 0
}

// probeAttack is CVE-2019-5736: whenever another process appears it takes the file that it executes and
// tries to write it, for as long as it is told to.
func probeAttack([]string) int {
	fmt.Println("ready")
	seen := map[string]int{}
	stop := make(chan struct{})
	go func() { // until standard input ends
		_, _ = os.Stdin.Read(make([]byte, 1))
		close(stop)
	}()
	for {
		select {
		case <-stop:
			for what, n := range seen {
				fmt.Println(what, n)
			}
			return 0
		default:
		}
		entries, _ := os.ReadDir("/proc")
		for _, e := range entries {
			pid, err := strconv.Atoi(e.Name())
			if err != nil || pid == os.Getpid() {
				continue
			}
			seen["looked"]++
			attackExe(pid, seen)
			attackDescriptors(pid, seen)
		}
	}
}

// attackExe holds the executable of a process and writes it as soon as nobody executes it any more.
func attackExe(pid int, seen map[string]int) {
	fd, err := unix.Open(fmt.Sprintf("/proc/%d/exe", pid), unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		seen["exe "+errnoName(err)]++
		return
	}
	defer unix.Close(fd)
	target, _ := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd))
	if target == "/probe" || strings.Contains(target, "ioc-init") && seen["held "+filepath.Base(target)] > 0 {
		return // the jail's own file may be written, in vain; sealed memory is tried once
	}
	seen["held "+filepath.Base(target)]++
	for deadline := time.Now().Add(5 * time.Millisecond); time.Now().Before(deadline); {
		w, err := unix.Open(fmt.Sprintf("/proc/self/fd/%d", fd), unix.O_WRONLY|unix.O_APPEND, 0)
		if err != nil {
			seen["write "+errnoName(err)]++
			if !errors.Is(err, unix.ETXTBSY) {
				return
			}
			continue
		}
		_, err = unix.Write(w, []byte("x"))
		seen["written "+errnoName(err)]++
		unix.Close(w)
		return
	}
}

// attackDescriptors looks for descriptors and a working directory that lead to the host (CVE-2024-21626).
func attackDescriptors(pid int, seen map[string]int) {
	for _, name := range []string{"cwd", "root"} {
		if _, err := os.Stat(fmt.Sprintf("/proc/%d/%s/proc/self", pid, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			seen[name+" "+errnoName(err)]++
		}
		if entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/%s/", pid, name)); err == nil && !inRoot(entries) {
			seen["OUTSIDE "+name]++
		}
	}
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		seen["fd "+errnoName(err)]++
		return
	}
	for _, e := range entries {
		name := fmt.Sprintf("/proc/%d/fd/%s", pid, e.Name())
		if info, err := os.Stat(name); err == nil && info.IsDir() {
			if below, err := os.ReadDir(name); err == nil && !inRoot(below) {
				seen["OUTSIDE fd"]++
			}
		}
	}
}

// inRoot says that a directory may be one of the jail's: that of the host has a name that no jail has.
func inRoot(entries []os.DirEntry) bool {
	for _, e := range entries {
		if e.Name() == "boot" || e.Name() == "linuxns.test" {
			return false
		}
	}
	return true
}

// errnoName is an error as one word.
func errnoName(err error) string {
	if err == nil {
		return "ok"
	}
	var e syscall.Errno
	if errors.As(err, &e) {
		if name := unix.ErrnoName(e); name != "" {
			return name
		}
	}
	return strings.ReplaceAll(err.Error(), " ", "_")
}
