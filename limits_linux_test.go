package ioc_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/libioc/ioc"
	"github.com/libioc/ioc/config"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/jail"
)

// TestLinuxLimitsLive changes limits of a jail that runs: those of the whole jail in the kernel's files, those of each process for
// processes that begin from then on.
func TestLinuxLimitsLive(t *testing.T) {
	h := realHost(t)
	if f := h.Features(t.Context()).Sandbox; !f.Memory || !f.PIDs {
		t.Skipf("this host keeps no limits: %v", f.Why)
	}
	web := h.JailGenerator("web")
	must(t, web.Create(ioc.CreateOptions{Properties: map[string]string{"memoryuse": "64M", "openfiles": "77"}}))
	must(t, web.Start())
	i, err := web.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	holds := func(want string, files ...string) {
		t.Helper()
		for _, dir := range i.Sandbox.Groups {
			for _, file := range files {
				if text, err := os.ReadFile(filepath.Join(dir, file)); err == nil && strings.TrimSpace(string(text)) == want {
					return
				}
			}
		}
		t.Errorf("none of %v in %v has %s", files, i.Sandbox.Groups, want)
	}
	holds("67108864", "memory.max", "memory.limit_in_bytes")
	changed := must(t, web.Set(map[string]string{"memoryuse": "96M", "openfiles": "55"}))
	for _, c := range changed {
		if c.Restart {
			t.Errorf("%s wants a restart", c.Property)
		}
	}
	holds("100663296", "memory.max", "memory.limit_in_bytes")
	if got, err := output(h, "web", "grep 'open files' /proc/self/limits"); err != nil || !strings.Contains(got, " 55 ") {
		t.Errorf("got %q, %v", got, err)
	}
	// The jail has more than that: nothing is changed, neither in the kernel nor in the configuration.
	if _, err := output(h, "web", "head -c 3000000 /dev/zero > /dev/shm/full"); err != nil {
		t.Fatal(err)
	}
	if _, err := web.Set(map[string]string{"memoryuse": "4K", "notes": "x"}).Do(t.Context()); err != nil { // cgroup2 kills instead
		holds("100663296", "memory.max", "memory.limit_in_bytes")
		if now, err := web.Info(t.Context()); err != nil || now.Value("memoryuse") != "96M" || now.Value("notes") != "" {
			t.Errorf("got %q, %v", now.Value("memoryuse"), err)
		}
	}
	must(t, web.Stop(ioc.StopOptions{}))
	want(t, fault.NotSupported, web.Set(map[string]string{"wallclock": "5"}))
	nothingLeft(t, h)
}

// TestLinuxLimitNames sets each of rctl's names: it is in force in the kernel's files, or refused with a reason.
func TestLinuxLimitNames(t *testing.T) {
	h := realHost(t)
	disks, _ := filepath.Glob("/sys/block/[sv]d*/dev")
	disk := ""
	if len(disks) > 0 {
		text, err := os.ReadFile(disks[0])
		if err != nil {
			t.Fatal(err)
		}
		disk = strings.TrimSpace(string(text))
	}
	i, err := h.JailGenerator("web").Info(t.Context())
	if !errors.Is(err, fault.NotFound) {
		t.Fatal(err)
	}
	f := h.Features(t.Context()).Sandbox
	has := map[string]bool{"Memory": f.Memory, "PIDs": f.PIDs, "CPU": f.CPU, "CPUSet": f.CPUSet, "IO": f.IO && disk != "", "Swap": f.Swap, "IPC": f.IPC}
	type file struct{ name, text string }
	pages := func(bytes int) string { return fmt.Sprint(bytes / os.Getpagesize()) }
	all := map[string]struct {
		value, next string // to begin with, and then while it runs
		inside      string // what ulimit says of it in the jail
		files       []file // one of them has this, with value
		then        []file // as above, with next
		kernel      string // a file of the jail's kernel that has that, and the mount that has the option
		after       string // as above, with next
		refused     string
	}{
		"memoryuse":       {value: "64M", next: "96M", files: []file{{"memory.max", "67108864"}, {"memory.limit_in_bytes", "67108864"}}, then: []file{{"memory.max", "100663296"}, {"memory.limit_in_bytes", "100663296"}}},
		"swapuse":         {value: "32M", next: "8M", files: []file{{"memory.swap.max", "33554432"}, {"memory.memsw.limit_in_bytes", "100663296"}}, then: []file{{"memory.swap.max", "8388608"}, {"memory.memsw.limit_in_bytes", "109051904"}}},
		"maxproc":         {value: "40", next: "50", files: []file{{"pids.max", "30"}}, then: []file{{"pids.max", "50"}}}, // nthr is lower
		"nthr":            {value: "30", next: "60", files: []file{{"pids.max", "30"}}, then: []file{{"pids.max", "50"}}},
		"pcpu":            {value: "50", next: "75", files: []file{{"cpu.max", "50000 100000"}, {"cpu.cfs_quota_us", "50000"}}, then: []file{{"cpu.max", "75000 100000"}, {"cpu.cfs_quota_us", "75000"}}},
		"cpuset":          {value: "0", next: "0-1", files: []file{{"cpuset.cpus", "0"}}, then: []file{{"cpuset.cpus", "0-1"}}},
		"readbps":         {value: "1M", next: "2M", files: []file{{"io.max", disk + " rbps=1048576 wbps=3145728 riops=100 wiops=200"}, {"blkio.throttle.read_bps_device", disk + " 1048576"}}, then: []file{{"io.max", disk + " rbps=2097152 wbps=4194304 riops=101 wiops=201"}, {"blkio.throttle.read_bps_device", disk + " 2097152"}}},
		"writebps":        {value: "3M", next: "4M", files: []file{{"io.max", disk + " rbps=1048576 wbps=3145728 riops=100 wiops=200"}, {"blkio.throttle.write_bps_device", disk + " 3145728"}}, then: []file{{"io.max", disk + " rbps=2097152 wbps=4194304 riops=101 wiops=201"}, {"blkio.throttle.write_bps_device", disk + " 4194304"}}},
		"readiops":        {value: "100", next: "101", files: []file{{"io.max", disk + " rbps=1048576 wbps=3145728 riops=100 wiops=200"}, {"blkio.throttle.read_iops_device", disk + " 100"}}, then: []file{{"io.max", disk + " rbps=2097152 wbps=4194304 riops=101 wiops=201"}, {"blkio.throttle.read_iops_device", disk + " 101"}}},
		"writeiops":       {value: "200", next: "201", files: []file{{"io.max", disk + " rbps=1048576 wbps=3145728 riops=100 wiops=200"}, {"blkio.throttle.write_iops_device", disk + " 200"}}, then: []file{{"io.max", disk + " rbps=2097152 wbps=4194304 riops=101 wiops=201"}, {"blkio.throttle.write_iops_device", disk + " 201"}}},
		"coredumpsize":    {value: "1M", next: "2M", inside: "Max core file size"},
		"cputime":         {value: "100", next: "200", inside: "Max cpu time"},
		"datasize":        {value: "1G", next: "2G", inside: "Max data size"},
		"memorylocked":    {value: "1M", next: "2M", inside: "Max locked memory"},
		"openfiles":       {value: "77", next: "78", inside: "Max open files"},
		"stacksize":       {value: "4M", next: "8M", inside: "Max stack size"},
		"vmemoryuse":      {value: "8G", next: "9G", inside: "Max address space"},
		"msgqqueued":      {value: "5", refused: "has nothing that counts it"},
		"wallclock":       {value: "5", refused: "has nothing that counts it"},
		"nmsgq":           {value: "5", next: "6", kernel: "/proc/sys/kernel/msgmni 5", after: "/proc/sys/kernel/msgmni 6"},
		"msgqsize":        {value: "1M", next: "4K", kernel: "/proc/sys/kernel/msgmnb 1048576", after: "/proc/sys/kernel/msgmnb 4096"},
		"nsem":            {value: "7", next: "9", kernel: "/proc/sys/kernel/sem 32000 7 8 32000", after: "/proc/sys/kernel/sem 32000 9 10 32000"},
		"nsemop":          {value: "8", next: "10", kernel: "/proc/sys/kernel/sem 32000 7 8 32000", after: "/proc/sys/kernel/sem 32000 9 10 32000"},
		"nshm":            {value: "11", next: "12", kernel: "/proc/sys/kernel/shmmni 11", after: "/proc/sys/kernel/shmmni 12"},
		"shmsize":         {value: "1M", next: "2M", kernel: "/proc/sys/kernel/shmall " + pages(1<<20), after: "/proc/sys/kernel/shmall " + pages(2<<20)},
		"pseudoterminals": {value: "13", next: "14", kernel: "/dev/pts max=13", after: "/dev/pts max=14"},
	}
	web := h.JailGenerator("web")
	first, next := map[string]string{}, map[string]string{}
	must(t, web.Create(ioc.CreateOptions{}))
	for name, l := range all {
		p, ok := config.Lookup(name)
		switch {
		case !ok || len(all) != 26: // rctl's 25, and cpuset
			t.Fatalf("%s: there is none of that name, or there are %d", name, len(all))
		case l.refused != "":
			if err := want(t, fault.NotSupported, web.Set(map[string]string{name: l.value})); !strings.Contains(err.Error(), l.refused) {
				t.Errorf("%s: got %v", name, err)
			}
		case p.Needs != "" && !has[p.Needs]:
			want(t, fault.NotSupported, web.Set(map[string]string{name: l.value}))
			t.Logf("%s: this host cannot: %s", name, f.Why[p.Needs])
			delete(all, name)
		default:
			first[name], next[name] = l.value, l.next
		}
	}
	must(t, web.Set(first))
	must(t, web.Start())
	if i, err = web.Info(t.Context()); err != nil {
		t.Fatal(err)
	}
	holds := func(what string, any []file) {
		t.Helper()
		for _, dir := range i.Sandbox.Groups {
			for _, f := range any {
				text, err := os.ReadFile(filepath.Join(dir, f.name))
				for line := range strings.Lines(string(text)) {
					if err == nil && strings.TrimSpace(line) == f.text {
						return
					}
				}
			}
		}
		t.Errorf("%s: none of %v holds in %v", what, any, i.Sandbox.Groups)
	}
	check := func(then bool) {
		t.Helper()
		limits, err := output(h, "web", "cat /proc/self/limits")
		if err != nil {
			t.Error(err)
		}
		kernel, err := output(h, "web", `cd /proc/sys/kernel && for f in msg* sem shm*; do echo /proc/sys/kernel/$f $(cat $f); done; grep devpts /proc/mounts`)
		if err != nil {
			t.Error(err)
		}
		for name, l := range all {
			value, files := l.value, l.files
			if then {
				value, files = l.next, l.then
			}
			file, text, _ := strings.Cut(map[bool]string{false: l.kernel, true: l.after}[then], " ")
			switch {
			case file == "/dev/pts":
				if !strings.Contains(kernel, ","+text+" ") && !strings.Contains(kernel, ","+text+",") {
					t.Errorf("%s: want %s in:\n%s", name, text, kernel)
				}
			case file != "":
				if !strings.Contains(kernel+"\n", file+" "+text+"\n") {
					t.Errorf("%s: want %s %s in:\n%s", name, file, text, kernel)
				}
			case len(files) > 0:
				holds(name, files)
			case l.inside != "":
				n, err := config.Limit(value, true)
				if _, rest, found := strings.Cut(limits, l.inside); err != nil || !found || strings.Fields(rest)[0] != fmt.Sprint(n) {
					t.Errorf("%s: want %d in:\n%s", name, n, limits)
				}
			}
		}
	}
	check(false)
	for _, c := range must(t, web.Set(next)) {
		if c.Restart {
			t.Errorf("%s wants a restart", c.Property)
		}
	}
	check(true)
	// All of them can be taken away while it runs.
	none := map[string]string{}
	for name := range next {
		none[name] = ""
	}
	for _, c := range must(t, web.Set(none)) {
		if c.Restart {
			t.Errorf("%s wants a restart", c.Property)
		}
	}
	kernel, err := output(h, "web", "cat /proc/sys/kernel/msgmni /proc/sys/kernel/sem /proc/sys/kernel/shmmni; grep -c 'devpts.*max=' /proc/mounts || true")
	if want := "32000\n32000\t1024000000\t500\t32000\n4096\n0"; err != nil || kernel != want {
		t.Errorf("without limits: got %q, %v, want %q", kernel, err, want)
	}
	must(t, web.Stop(ioc.StopOptions{}))
	want(t, fault.Invalid, web.Set(map[string]string{"cpuset": "2-1"}))
	must(t, web.Set(map[string]string{"shmsize": "100"}))
	if err := want(t, fault.Invalid, web.Start()); !strings.Contains(err.Error(), "less than a page") {
		t.Errorf("got %v", err)
	}
	nothingLeft(t, h)
}

// TestLinuxLeastProcesses enters a jail that may have as few processes as can be, and refuses fewer.
func TestLinuxLeastProcesses(t *testing.T) {
	h := realHost(t)
	if f := h.Features(t.Context()).Sandbox; !f.PIDs {
		t.Skip("this host keeps no limits: ", f.Why["PIDs"])
	}
	web := h.JailGenerator("web")
	must(t, web.Create(ioc.CreateOptions{}))
	for _, name := range []string{"maxproc", "nthr"} {
		if err := want(t, fault.Invalid, web.Set(map[string]string{name: "15"})); !strings.Contains(err.Error(), "too low") {
			t.Errorf("%s: got %v", name, err)
		}
	}
	must(t, web.Set(map[string]string{"maxproc": "16"}))
	must(t, web.Start())
	if got, err := output(h, "web", "echo entered"); err != nil || got != "entered" {
		t.Errorf("got %q, %v", got, err)
	}
	must(t, web.Stop(ioc.StopOptions{}))
	nothingLeft(t, h)
}

// TestLinuxDevices gives a jail a device, and no other.
func TestLinuxDevices(t *testing.T) {
	h := realHost(t)
	device := ""
	for _, name := range []string{"/dev/fuse", "/dev/net/tun", "/dev/kvm", "/dev/kmsg"} {
		if info, err := os.Stat(name); err == nil && info.Mode()&os.ModeCharDevice != 0 {
			device = name
			break
		}
	}
	if device == "" {
		t.Skip("this host has no device to give away")
	}
	web := h.JailGenerator("web")
	must(t, web.Create(ioc.CreateOptions{}))
	must(t, web.Start())
	if got, err := output(h, "web", "ls /dev"); err != nil || strings.Join(strings.Fields(got), " ") !=
		"fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero" {
		t.Errorf("got %q, %v", got, err)
	}
	must(t, web.Stop(ioc.StopOptions{}))
	must(t, web.Set(map[string]string{"devices": device}))
	must(t, web.Start())
	if got, err := output(h, "web", "test -c "+device+" && (exec 3<"+device+") && echo opened"); err != nil || got != "opened" {
		t.Errorf("got %q, %v", got, err)
	}
	must(t, web.Stop(ioc.StopOptions{}))
	want(t, fault.Invalid, web.Set(map[string]string{"devices": "/etc/passwd"}))
	must(t, web.Set(map[string]string{"devices": "/dev/ioc-no-such"}))
	if _, err := web.Start().Do(t.Context()); err == nil || !strings.Contains(err.Error(), "/dev/ioc-no-such: no such file or directory") {
		t.Errorf("got %v", err)
	}
	nothingLeft(t, h)
}

// TestLinuxDevicesOnly lets a jail make device nodes wherever it can: none of them is of use to it, nor can it change those that
// it was given.
func TestLinuxDevicesOnly(t *testing.T) {
	h := realHost(t)
	if os.Geteuid() != 0 {
		t.Skip("an ordinary user's jails cannot make device nodes at all")
	}
	data := t.TempDir() // an ordinary file system of the host, with a device on it
	if err := unix.Mknod(filepath.Join(data, "zero"), unix.S_IFCHR|0o666, int(unix.Mkdev(1, 5))); err != nil {
		t.Fatal(err)
	}
	given, err := os.MkdirTemp("/dev", "ioctest-") // a directory of devices, as /dev/net and /dev/dri are
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(given); err != nil {
			t.Error(err)
		}
	})
	if err := errors.Join(os.Chmod(given, 0o755), unix.Mknod(filepath.Join(given, "zero"), unix.S_IFCHR|0o600, int(unix.Mkdev(1, 5)))); err != nil {
		t.Fatal(err)
	}
	web := h.JailGenerator("web")
	must(t, web.Create(ioc.CreateOptions{Properties: map[string]string{"devices": given}}))
	must(t, web.AddMount(jail.Mount{Source: data, Target: "/data"}))
	must(t, web.AddMount(jail.Mount{Target: "/memory", Type: "tmpfs"}))
	must(t, web.Start())
	must(t, web.AddMount(jail.Mount{Target: "/later", Type: "tmpfs"}))
	must(t, web.AddMount(jail.Mount{Source: data, Target: "/again"}))
	if got, err := output(h, "web", "head -c 1 "+given+"/zero | wc -c"); err != nil || strings.TrimSpace(got) != "1" {
		t.Errorf("what it was given: got %q, %v", got, err)
	}
	for _, dir := range []string{"/", "/tmp", "/dev", "/dev/shm", "/dev/pts", "/dev/mqueue", "/data", "/memory", "/later", "/again", given} {
		node := filepath.Join(dir, "node")
		if got, err := output(h, "web", "mknod "+node+" c 1 5 2>&- && { head -c 1 "+node+" 2>&- | wc -c; }; true"); err != nil || strings.TrimSpace(got) != "" && strings.TrimSpace(got) != "0" {
			t.Errorf("a node in %s: got %q, %v", dir, got, err)
		}
	}
	if got, err := output(h, "web", "head -c 1 /data/zero /again/zero 2>&- | wc -c"); err != nil || strings.TrimSpace(got) != "0" {
		t.Errorf("a node of the host's: got %q, %v", got, err)
	}
	if got, err := output(h, "web", "chmod 666 "+given+"/zero 2>&- || echo refused"); err != nil || got != "refused" {
		t.Errorf("the host's device has another mode: %q, %v", got, err)
	}
	must(t, web.Stop(ioc.StopOptions{}))
	nothingLeft(t, h)
}

// TestLinuxFrozen does not wait for a jail that is held still.
func TestLinuxFrozen(t *testing.T) {
	h := realHost(t)
	web := h.JailGenerator("web")
	must(t, web.Create(ioc.CreateOptions{}))
	must(t, web.Start())
	i, err := web.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	freezer := ""
	for _, dir := range i.Sandbox.Groups {
		if _, err := os.Stat(filepath.Join(dir, "cgroup.freeze")); err == nil {
			freezer = filepath.Join(dir, "cgroup.freeze")
		}
	}
	if freezer == "" {
		t.Skip("this host holds no jail still")
	}
	if err := os.WriteFile(freezer, []byte("1"), 0); err != nil {
		t.Fatal(err)
	}
	err = want(t, fault.Busy, web.Exec(command("/bin/true")))
	if err == nil || !strings.Contains(err.Error(), "it is held still") {
		t.Errorf("got %v", err)
	}
	if err := os.WriteFile(freezer, []byte("0"), 0); err != nil {
		t.Fatal(err)
	}
	if _, err := output(h, "web", "true"); err != nil {
		t.Error(err)
	}
	// It can be stopped as it is.
	if err := os.WriteFile(freezer, []byte("1"), 0); err != nil {
		t.Fatal(err)
	}
	must(t, web.Stop(ioc.StopOptions{Force: true}))
	nothingLeft(t, h)
}
