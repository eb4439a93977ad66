package itest

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

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
	world, machine, had := look(t, root), mountsAndGroups(t), children(t) // of other tests' jails, which others have ended
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
	if left := children(t); left != had {
		t.Errorf("children are left: %s, at first %s", left, had)
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

// volume is how many bytes the files of a root have, but for those of its jails and what was kept of operations,
// which has bounds of its own.
func volume(t testing.TB, root string) (n int64) {
	t.Helper()
	err := filepath.Walk(root, func(_ string, info os.FileInfo, err error) error {
		if err == nil && (info.Name() == "layers" || info.Name() == "history") {
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
	return strings.Join(slices.Sorted(slices.Values(strings.Fields(all))), " ")
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
