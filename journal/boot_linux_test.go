package journal

import (
	"os"
	"os/exec"
	"syscall"
	"testing"
)

// TestWithoutProc kills a process that has /proc, or none, and recovers in one that has none, or has it.
func TestWithoutProc(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("it takes a mount namespace, thus root")
	}
	blind := func(c *exec.Cmd) *exec.Cmd { // what it has of /proc lies under a mount
		c.Args = []string{"sh", "-c", `mount -t tmpfs none /proc && exec "$0"`, c.Path}
		c.Path = "/bin/sh"
		c.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
		return c
	}
	sees := func(c *exec.Cmd) *exec.Cmd { return c }
	for _, tc := range []struct {
		name       string
		run, other func(*exec.Cmd) *exec.Cmd
	}{{"killed", blind, sees}, {"recovered", sees, blind}, {"both", blind, blind}} {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			if _, _, err := openTestDir(dir); err != nil {
				t.Fatal(err)
			}
			if killed, _ := finish(t, tc.run(child(t, dir, "run", "a va b vb", 12))); !killed {
				t.Fatal("it was not killed")
			}
			finish(t, tc.other(child(t, dir, "recover", "", 0)))
			j, w, err := openTestDir(dir)
			if err != nil {
				t.Fatal(err)
			}
			wantWorld(t, w, "")
			wantClean(t, j)
		})
	}
}
