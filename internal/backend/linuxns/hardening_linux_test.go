package linuxns

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/libioc/ioc/sandbox"
)

// status reads a process's status as a map.
func (l *lab) status(t *testing.T, j sandbox.State, pid string) map[string]string {
	t.Helper()
	all := map[string]string{}
	for line := range strings.Lines(l.probe(t, j, "read", "/proc/"+pid+"/status")) {
		k, v, _ := strings.Cut(line, ":")
		all[k] = strings.TrimSpace(v)
	}
	return all
}

// fourteen is the default bound as the kernel prints it.
const fourteen = "00000000a80425fb"

// TestHardeningCredentials reads back what processes of a jail are held to: one that joined, the
// driver's own first one, and a program that is the first.
func TestHardeningCredentials(t *testing.T) {
	l := newLab(t)
	j := l.begin(t)
	for _, pid := range []string{"self", "1"} {
		t.Run(pid, func(t *testing.T) {
			s := l.status(t, j, pid)
			for key, want := range map[string]string{
				"CapPrm": fourteen, "CapEff": fourteen, "CapBnd": fourteen,
				"CapInh": "0000000000000000", "CapAmb": "0000000000000000",
				"NoNewPrivs": "1", "Seccomp": "2", "Seccomp_filters": "1", "Groups": "",
			} {
				if s[key] != want && !(key == "Groups" && l.users(t).oneGroup) {
					t.Errorf("%s = %q, want %q", key, s[key], want)
				}
			}
			if s["Uid"] != "0\t0\t0\t0" || s["Gid"] != "0\t0\t0\t0" {
				t.Errorf("ids = %q %q", s["Uid"], s["Gid"])
			}
		})
	}
	if s := l.status(t, j, "1"); s["Name"] != "ioc-init" {
		t.Errorf("process 1 is %q", s["Name"])
	}
	if got := l.probe(t, j, "read", "/proc/1/cmdline"); !strings.HasPrefix(got, processName(l.spec.ID)) {
		t.Errorf("process 1 is called %q", got)
	}

	first := newLab(t)
	p := probeProcess("read", "/proc/self/status")
	first.spec.Process = &p
	first.spec.Console = first.dir + "/console"
	j = first.begin(t)
	if _, err := first.Wait(t.Context(), j); err != nil {
		t.Fatal(err)
	}
	console, err := os.ReadFile(first.spec.Console)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"CapEff:\t" + fourteen, "CapBnd:\t" + fourteen, "NoNewPrivs:\t1", "Seccomp:\t2", "Pid:\t1\n"} {
		if !strings.Contains(string(console), want) {
			t.Errorf("first process: no %q in\n%s", want, console)
		}
	}
}

// users is the mapping that the lab's jails get.
func (l *lab) users(t *testing.T) *users {
	t.Helper()
	u, err := l.host().mapping(&l.spec)
	if err != nil {
		t.Fatal(err)
	}
	if u == nil {
		u = &users{}
	}
	return u
}

func TestHardeningCapabilities(t *testing.T) {
	l := newLab(t)
	l.spec.Capabilities = []string{"CHOWN", "KILL", "SETUID", "SETGID"}
	j := l.begin(t)
	eff := func(p sandbox.Process) (eff, bnd, amb string) {
		p.Args = probeProcess("read", "/proc/self/status").Args
		out, _, err := l.run(t, j, p)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(out) {
			switch k, v, _ := strings.Cut(line, ":"); k {
			case "CapEff":
				eff = strings.TrimSpace(v)
			case "CapBnd":
				bnd = strings.TrimSpace(v)
			case "CapAmb":
				amb = strings.TrimSpace(v)
			}
		}
		return eff, bnd, amb
	}
	const none, four = "0000000000000000", "00000000000000e1"
	p := probeProcess()
	if e, b, a := eff(p); e != four || b != four || a != none {
		t.Errorf("root has %s of %s, ambient %s; want the jail's four", e, b, a)
	}
	p.Capabilities = []string{}
	if e, b, a := eff(p); e != none || b != none || a != none {
		t.Errorf("nothing asked for: %s of %s, ambient %s", e, b, a)
	}
	if l.Features().IDRanges {
		p = probeProcess()
		p.User.Name = "web"
		if e, b, a := eff(p); e != none || b != four || a != none {
			t.Errorf("a user has %s of %s, ambient %s; want none of four", e, b, a)
		}
		p.Capabilities = []string{"KILL"}
		if e, b, a := eff(p); e != "0000000000000020" || b != e || a != e {
			t.Errorf("a user with KILL has %s of %s, ambient %s", e, b, a)
		}
	}
	p = probeProcess("true")
	p.Capabilities = []string{"SYS_ADMIN"}
	if _, err := l.Exec(j, p, sandbox.Stdio{}); err == nil {
		t.Error("a process may have more than its jail")
	}
}

// TestHardeningDenied tries from inside what must not work.
func TestHardeningDenied(t *testing.T) {
	l := newLab(t)
	j := l.begin(t)
	got := l.probe(t, j, "denied")
	for line := range strings.Lines(got) {
		name, result, _ := strings.Cut(strings.TrimSpace(line), " ")
		want := "EPERM"
		if name == "clone3" || name == "unknown" {
			want = "ENOSYS"
		}
		if result != want {
			t.Errorf("%s: %s, want %s", name, result, want)
		}
	}
	for line := range strings.Lines(l.probe(t, j, "writes")) {
		f := strings.Fields(line)
		if f[len(f)-1] == "ok" {
			t.Errorf("jail could write: %s", line)
		}
	}
	var st unix.Stat_t
	if err := unix.Stat("/dev/null", &st); err != nil || st.Mode&0o777 != 0o666 || st.Uid != 0 {
		t.Errorf("the host's null device is now mode %o of %d (%v)", st.Mode, st.Uid, err)
	}
}

func TestHardeningDescriptors(t *testing.T) {
	l := newLab(t)
	host, err := os.Open("/") // what a careless caller has open without the flag
	if err != nil {
		t.Fatal(err)
	}
	defer host.Close()
	fd, err := unix.Dup(int(host.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	j := l.begin(t)
	out := strings.Split(l.probe(t, j, "descriptors"), "\n")
	if len(out) != 3 || out[0] != "0 /dev/null" {
		t.Errorf("a process that joined has %q, want three", out)
	}
	for i := range 3 {
		if to, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", j.PID, i)); err == nil && to != "/dev/null" {
			t.Errorf("the first process has %s as %d", to, i)
		}
	}
	if entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", j.PID)); err == nil && len(entries) != 3 {
		t.Errorf("the first process has descriptors %v, want three", entries)
	}
}

func TestHardeningDevices(t *testing.T) {
	l := newLab(t)
	j := l.begin(t)
	var names []string
	for line := range strings.Lines(l.probe(t, j, "devices")) {
		line = strings.TrimSpace(line)
		if name, ok := strings.CutPrefix(line, "dev "); ok {
			names = append(names, name)
			continue
		}
		want := "ok"
		switch {
		case line == "write full ENOSPC":
			want = "ENOSPC"
		case strings.HasPrefix(line, "node in"):
			if want = "EACCES"; l.users(t).uids != nil {
				want = "EPERM"
			}
		}
		if !strings.HasSuffix(line, " "+want) {
			t.Errorf("%s, want %s", line, want)
		}
	}
	want := []string{"fd", "full", "mqueue", "null", "ptmx", "pts", "random", "shm", "stderr", "stdin", "stdout", "tty", "urandom", "zero"}
	if !slices.Equal(names, want) {
		t.Errorf("/dev has %q, want %q", names, want)
	}
}

// TestHardeningNodes: the mounts of a jail in which devices work are its terminals, where nobody makes nodes, and such that
// cannot be written to.
func TestHardeningNodes(t *testing.T) {
	l := newLab(t)
	l.spec.Mounts = append(l.spec.Mounts,
		sandbox.Mount{Type: "bind", Source: t.TempDir(), Target: "/data", Options: []string{"rbind"}},
		sandbox.Mount{Type: "tmpfs", Target: "/memory"},
		sandbox.Mount{Type: "bind", Source: "/dev/null", Target: "/dev/given", Options: []string{"ro", "dev", "nosuid", "noexec"}})
	found := map[string]bool{}
	for line := range strings.Lines(l.probe(t, l.begin(t), "read", "/proc/self/mountinfo")) {
		f := strings.Fields(line)
		options := strings.Split(f[5], ",")
		if found[f[4]] = true; slices.Contains(options, "nodev") || f[4] == "/dev/pts" {
			continue
		}
		if !slices.Contains(options, "ro") {
			t.Errorf("devices work in %s", strings.TrimSpace(line))
		}
	}
	for _, name := range []string{"/", "/dev", "/dev/pts", "/dev/null", "/dev/given", "/data", "/memory"} {
		if !found[name] {
			t.Errorf("there is no mount at %s", name)
		}
	}
}

// TestHardeningView: what a jail sees of the machine.
func TestHardeningView(t *testing.T) {
	l := newLab(t)
	j := l.begin(t)
	for line := range strings.Lines(l.probe(t, j, "read", "/proc/self/cgroup")) {
		if f := strings.SplitN(strings.TrimSpace(line), ":", 3); f[1] == "" && unifiedOf(j.Groups) != "" && f[2] != "/" {
			t.Errorf("cgroup seen as %q, want /", f[2])
		}
	}
	for _, line := range strings.Split(l.probe(t, j, "list", "/proc"), "\n") {
		if n := atoi(line); n > 100 {
			t.Errorf("sees process %d", n)
		}
	}
	if got := l.probe(t, j, "list", "/sys/class/net"); got != "lo" {
		t.Errorf("interfaces: %q, want lo", got)
	}
	for _, path := range []string{"/proc/kcore", "/proc/keys", "/proc/timer_list", "/proc/interrupts"} {
		if _, err := os.Stat(path); err != nil {
			continue // this kernel has none
		}
		if got := l.probe(t, j, "read", path); got != "" {
			t.Errorf("%s is readable: %.40q", path, got)
		}
	}
	for _, path := range []string{"/sys/firmware", "/proc/acpi"} {
		if _, err := os.Stat(path); err != nil {
			continue
		}
		if got := l.probe(t, j, "list", path); got != "" {
			t.Errorf("%s has %q", path, got)
		}
	}
	// The namespaces are all its own; the keyring too.
	for _, ns := range []string{"mnt", "pid", "ipc", "uts", "net", "cgroup"} {
		ours, err1 := os.Readlink("/proc/self/ns/" + ns)
		theirs, err2 := os.Readlink(fmt.Sprintf("/proc/%d/ns/%s", j.PID, ns))
		if err1 != nil || err2 == nil && ours == theirs {
			t.Errorf("namespace %s: %s and %s (%v)", ns, ours, theirs, err1)
		}
	}

	host := newLab(t)
	host.spec.Network = sandbox.NetworkHost
	j = host.begin(t)
	ours, err := os.ReadDir("/sys/class/net")
	if err != nil {
		t.Fatal(err)
	}
	if theirs := strings.Split(host.probe(t, j, "list", "/sys/class/net"), "\n"); len(theirs) != len(ours) {
		t.Errorf("with the host's network: %q, want the host's %d", theirs, len(ours))
	}
}

// TestHardeningSession: the first process has left the caller's session and terminal.
func TestHardeningSession(t *testing.T) {
	l := newLab(t)
	j := l.begin(t)
	p, err := readProcess(j.PID)
	if err != nil || p.session != j.PID {
		t.Errorf("session %d of process %d (%v), want its own", p.session, j.PID, err)
	}
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", j.PID))
	if err != nil {
		t.Fatal(err)
	}
	if f := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:])); f[4] != "0" {
		t.Errorf("controlling terminal %s", f[4])
	}
}

// TestHardeningInitMemory: a jail that does nothing costs next to nothing.
func TestHardeningInitMemory(t *testing.T) {
	l := newLab(t)
	j := l.begin(t)
	s := l.status(t, j, "1")
	if s["VmRSS"] != "" && atoi(strings.Fields(s["VmRSS"])[0]) > 32 {
		t.Errorf("the first process has %s resident", s["VmRSS"])
	}
	if s["Threads"] != "1" {
		t.Errorf("the first process has %s threads", s["Threads"])
	}
	t.Log("resident:", s["VmRSS"])
}
