package itest

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/libioc/ioc"
	"github.com/libioc/ioc/events/eventstest"
	"github.com/libioc/ioc/sandbox"
)

// usage is what a process holds on to.
type usage struct {
	descriptors, threads, goroutines int
	resident                         int // kB
}

func used(t testing.TB, pid string) (u usage) {
	t.Helper()
	if pid == "self" {
		runtime.GC()
		debug.FreeOSMemory()
		u.goroutines = runtime.NumGoroutine()
	}
	fds, err := os.ReadDir("/proc/" + pid + "/fd")
	if err != nil {
		t.Fatal(err)
	}
	u.descriptors = len(fds)
	status, err := os.ReadFile("/proc/" + pid + "/status")
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(status) {
		name, value, _ := strings.Cut(string(line), ":")
		n, _ := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(value), " kB")) // of those that are numbers
		switch name {
		case "VmRSS":
			u.resident = n
		case "Threads":
			u.threads = n
		}
	}
	return u
}

// TestCycles starts and stops a jail again and again, from one process, and wants nothing to grow.
func TestCycles(t *testing.T) {
	n := 50
	if long() {
		n = 2000
	}
	root := place(t, created)
	h, err := open(filepath.Dir(root))
	if err != nil {
		t.Fatal(err)
	}
	web := h.JailGenerator("web")
	ends := ioc.ExecOptions{Process: sandbox.Process{Args: []string{"/bin/sh"}}}
	cycle := func() (first usage) {
		t.Helper()
		s, err := eventstest.Verify(t, web.Start())
		if err != nil {
			t.Fatal(err)
		}
		if exit, err := eventstest.Verify(t, web.Exec(ends)); err != nil || exit != (sandbox.Exit{Known: true}) {
			t.Fatalf("got %v, %v", exit, err)
		}
		first = used(t, strconv.Itoa(s.PID))
		if _, err := eventstest.Verify(t, web.Stop(ioc.StopOptions{})); err != nil {
			t.Fatal(err)
		}
		return first
	}
	for range 5 { // what is cached, is
		cycle()
	}
	world, machine := look(t, root), mountsAndGroups(t)
	init, self, size := cycle(), used(t, "self"), volume(t, root)
	began := time.Now()
	for range n {
		if now := cycle(); now.descriptors != init.descriptors || now.threads != init.threads || now.resident > init.resident+64 {
			t.Fatalf("the jail's init: %+v, at first %+v", now, init)
		}
	}
	t.Logf("%d cycles of start, exec and stop: %v each", n, (time.Since(began) / time.Duration(n)).Round(10*time.Microsecond))
	same(t, root, world)
	if now := mountsAndGroups(t); now != machine {
		t.Errorf("mounts and control groups: %s, at first %s", now, machine)
	}
	now := used(t, "self")
	t.Logf("init %+v; this process %+v, before %+v; the root %d bytes, before %d", init, now, self, volume(t, root), size)
	if now.descriptors > self.descriptors || now.goroutines > self.goroutines || now.threads > self.threads+8 || now.resident > self.resident+8<<10 {
		t.Errorf("this process: %+v, at first %+v", now, self)
	}
	if now := volume(t, root); now > size {
		t.Errorf("the root has %d bytes, at first %d", now, size)
	}
	if left := children(t); left != "" {
		t.Errorf("children are left: %s", left)
	}
}

// mountsAndGroups are how many there are with a name of ioc's place.
func mountsAndGroups(t testing.TB) string {
	t.Helper()
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	return "mounts " + strconv.Itoa(strings.Count(string(text), os.Getenv("TMPDIR")))
}

// volume is how many bytes the files of a root have, but for those of its jails.
func volume(t testing.TB, root string) (n int64) {
	t.Helper()
	err := filepath.Walk(root, func(_ string, info os.FileInfo, err error) error {
		if err == nil && info.Name() == "layers" {
			return filepath.SkipDir
		}
		if err == nil && info.Mode().IsRegular() {
			n += info.Size()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// children lists the processes whose parent is this one, zombies too.
func children(t testing.TB) string {
	t.Helper()
	tasks, err := filepath.Glob("/proc/self/task/*/children")
	if err != nil {
		t.Fatal(err)
	}
	all := ""
	for _, file := range tasks {
		text, _ := os.ReadFile(file) // a thread may have ended
		all += string(text)
	}
	return all
}

// TestFiftyAtOnce starts fifty jails from one process and looks at what that process holds afterwards.
func TestFiftyAtOnce(t *testing.T) {
	root := place(t, released)
	h, err := open(filepath.Dir(root))
	if err != nil {
		t.Fatal(err)
	}
	before := look(t, root)
	each := func(do string) {
		t.Helper()
		errs := make(chan error)
		const n = 50
		for i := range n {
			go func() { errs <- deeds(h, "j"+strconv.Itoa(i))[do](t.Context()) }()
		}
		for range n {
			if err := <-errs; err != nil {
				t.Errorf("%s: %v", do, err)
			}
		}
	}
	var first usage
	for round := range 3 {
		for _, do := range []string{"create", "start", "exec", "stop", "destroy"} {
			each(do)
		}
		same(t, root, before)
		if now := used(t, "self"); round == 0 {
			first = now
		} else if now.descriptors > first.descriptors || now.goroutines > first.goroutines {
			t.Errorf("round %d: %+v, at first %+v", round, now, first)
		}
	}
}

// TestKilledInit kills the first process of a jail with others in it; what they are doing ends too, and
// every operation copes. (TestLinuxKilled, beside package ioc, has the events.)
func TestKilledInit(t *testing.T) {
	for op, want := range map[string][]string{
		"start": {"start"}, "stop": {}, "kill": {}, "restart": {"start"}, "run": {"start"},
		"rename": {"rename"}, "snapshot": {"snapshot"}, "rollback": {"rollback"}, "forget": {"forget"}, "destroy": {"destroy"}, "clone": {"clone"},
	} {
		t.Run(op, func(t *testing.T) {
			t.Parallel()
			root, equal := place(t, history), place(t, history)
			h, err := open(filepath.Dir(root))
			if err != nil {
				t.Fatal(err)
			}
			task{Root: root, Jail: "web", Do: []string{"start"}}.must(t)
			i, err := h.Jail("web").Info(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			inside, ended := make(chan struct{}), make(chan error)
			go func() {
				o := waits(nil)
				o.Attach = func(sandbox.Session) func() { close(inside); return nil }
				exit, err := h.Jail("web").Exec(t.Context(), o)
				if err == nil && exit.Signal != syscall.SIGKILL {
					t.Errorf("what was inside ended with %v", exit)
				}
				ended <- err
			}()
			<-inside
			fd, err := unix.PidfdOpen(i.Sandbox.PID, 0)
			if err != nil {
				t.Fatal(err)
			}
			first := &process{pid: i.Sandbox.PID, fd: fd}
			if err := first.kill(); err != nil {
				t.Fatal(err)
			}
			if err := <-ended; err != nil {
				t.Error(err)
			}
			first.gone()
			if got := look(t, root); !strings.Contains(got, "jail web is dead") {
				t.Errorf("got %s", got)
			}
			task{Root: root, Jail: "web", Do: []string{op}}.must(t)
			if len(want) > 0 {
				task{Root: equal, Jail: "web", Do: want}.must(t)
			}
			if op == "clone" { // it is none of its business
				task{Root: root, Jail: "web", Do: []string{"stop"}}.must(t)
			}
			same(t, root, look(t, equal))
		})
	}
}

// TestRebooted takes away all that a reboot takes away, and gives the machine another boot id: the jail
// that ran is seen as what it is, and the next operation repairs it. (TestReboot, beside package ioc,
// has the events.)
func TestRebooted(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("another boot id: needs root")
	}
	for _, op := range []string{"start", "stop", "kill", "restart", "run", "rename", "snapshot", "rollback", "destroy"} {
		t.Run(op, func(t *testing.T) {
			t.Parallel()
			root, equal := place(t, history), place(t, history)
			boot := filepath.Join(t.TempDir(), "boot_id")
			if err := os.WriteFile(boot, []byte("01234567-89ab-cdef-0123-456789abcdef\n"), 0o444); err != nil {
				t.Fatal(err)
			}
			task{Root: root, Jail: "web", Do: []string{"start"}}.must(t)
			// In the middle of another start, and of a clone, when the power goes.
			for _, die := range []task{
				{Root: root, Jail: "db", Do: []string{"create", "start"}, Die: "done-sandbox.spawn"},
				{Root: root, Jail: "web", Do: []string{"set"}, Die: "done-storage.write"},
			} {
				if _, a, err := die.run(t.Context(), t.TempDir()); err != nil || a.Error != "signal: killed" {
					t.Fatalf("%v, %+v", err, a)
				}
			}
			if err := raze(root); err != nil {
				t.Fatal(err)
			}
			again := func(do ...string) string {
				return task{Root: root, Jail: "web", Do: do, Boot: boot, Show: true}.must(t)
			}
			if got := again(); !strings.Contains(got, "jail web is dead") || !strings.Contains(got, "booted") {
				t.Errorf("got %s", got)
			}
			want := []string{op}
			switch op {
			case "stop", "kill":
				want = nil
			case "restart", "run":
				want = []string{"start"}
			}
			task{Root: equal, Jail: "db", Do: []string{"create"}}.must(t)
			expected := task{Root: equal, Jail: "web", Do: want, Boot: boot, Show: true}.must(t)
			if got := again(op); got != expected {
				t.Errorf("got %s, want %s", got, expected)
			}
		})
	}
}
