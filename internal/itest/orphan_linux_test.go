package itest

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// leaveChild makes what a killed process can leave when it was about to execute a program: a child that has
// all its open files still, and with them its locks. It lives for as long as a loaded machine takes.
func leaveChild() {
	wait := unix.Timespec{Nsec: 300_000_000}
	// Nothing of Go runs in the child: it has one thread, and that is not the runtime's.
	pid, _, _ := syscall.RawSyscall6(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
	if pid == 0 {
		_, _, _ = syscall.RawSyscall(unix.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&wait)), 0, 0)
		_, _, _ = syscall.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0)
	}
}

// TestOrphan wants operations and recoveries to wait for what a dead process has left for a moment, and
// not to take it for an operation in progress.
func TestOrphan(t *testing.T) {
	for _, next := range []string{"recover", "start", "set", "destroy"} {
		t.Run(next, func(t *testing.T) {
			t.Parallel()
			root, equal := place(t, created), place(t, created)
			before := look(t, root)
			on := func(do string) task { return task{Root: root, Jail: "web", Do: []string{do}} }
			dead := on("start")
			dead.Die, dead.Leave = "journaled-sandbox.spawn", true
			if _, a, err := dead.run(t.Context(), t.TempDir()); err != nil || a.Error != "signal: killed" {
				t.Fatalf("%v, %+v", err, a)
			}
			if got := look(t, root); !strings.Contains(got, "at work jail.start") {
				t.Errorf("nobody is at work: %s", got)
			}
			on(next).must(t)
			if next == "recover" {
				same(t, root, before)
				return
			}
			alone := on(next)
			alone.Root = equal
			alone.must(t)
			same(t, root, look(t, equal))
		})
	}
}

// TestKilledProbe leaves what a process leaves that is killed while it asks the kernel what it can do with
// the root's file system. That is nobody's effect, and has to go all the same.
func TestKilledProbe(t *testing.T) {
	root := place(t, created)
	before := look(t, root)
	if err := os.MkdirAll(filepath.Join(root, "trash", "probe-1.dead", "w", "work"), 0o700); err != nil {
		t.Fatal(err)
	}
	task{Root: root, Do: []string{"recover"}}.must(t)
	same(t, root, before)
}
