package itest

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/libioc/ioc/sandbox"
)

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
