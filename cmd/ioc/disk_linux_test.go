package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// onDisk gives root a file system of its own for jails, in which web runs.
func onDisk(t *testing.T, test func(t *testing.T, at *place, root string)) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("left out: a file system of its own needs root")
	}
	everywhere(t, func(t *testing.T, at *place) {
		if at.p.login != "" {
			t.Skip("mounting is root's")
		}
		root := filepath.Join(at.dir, "root")
		if err := os.Mkdir(root, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := unix.Mount("tmpfs", root, "tmpfs", 0, "size=64m,mode=700"); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			for _, problem := range clear(root, at.ioc) { // as the end of a test does, which comes too late
				t.Error("at the end:", problem)
			}
			if err := unix.Unmount(root, 0); err != nil {
				t.Error(err)
			}
		})
		at.do("create", "web", "stop_timeout=1")
		at.do("start", "web")
		test(t, at, root)
	})
}

// refused wants a call to end with code 1, or 125 if it runs a command, and to say these lines.
func (at *place) refused(want []string, args ...string) {
	at.t.Helper()
	code, out := at.fails(args...)
	if code != 1 && (code != 125 || args[0] != "exec") {
		at.t.Errorf("ioc %s ended with %d", strings.Join(args, " "), code)
	}
	for _, w := range want {
		if !strings.Contains(out, w) {
			at.t.Errorf("ioc %s does not say %q but\n%s", strings.Join(args, " "), w, out)
		}
	}
}

// TestFullDisk leaves what cannot be written as it was, says what to do, and lets jails be stopped and destroyed:
// that is how room is made.
func TestFullDisk(t *testing.T) {
	onDisk(t, func(t *testing.T, at *place, root string) {
		fill := filepath.Join(root, "fill")
		f, err := os.Create(fill)
		if err != nil {
			t.Fatal(err)
		}
		for some := make([]byte, 1<<16); err == nil; {
			_, err = f.Write(some)
		}
		if !errors.Is(err, unix.ENOSPC) || f.Close() != nil {
			t.Fatal(err)
		}
		full := []string{"no space left on device", "\n  make room there, then try again\n", ": ioc events will not show this operation"}
		at.refused(full, "set", "notes=x", "web")
		at.refused(full, "create", "db")
		at.refused(full, "cp", "/etc/passwd", "web:/root")
		at.refused(full[:2], "exec", "web", "true")
		if got := at.do("list", "-H", "-o", "name,state"); got != "web\trunning\n" {
			t.Errorf("list shows %q", got)
		}
		at.do("stop", "web")
		at.refused(full[:2], "start", "web")
		if got := at.do("list", "-H", "-o", "name,state"); got != "web\tstopped\n" {
			t.Errorf("list shows %q", got)
		}
		if got := at.do("get", "notes", "web"); got != "none\n" {
			t.Errorf("the notes are %q", got)
		}
		at.do("destroy", "--yes", "web")
		if left := at.do("recover", "--list"); left != "" {
			t.Errorf("something is left behind:\n%s", left)
		}
		if err := os.Remove(fill); err != nil {
			t.Fatal(err)
		}
		at.do("create", "db")
		at.do("doctor")
	})
}

// TestReadOnlyDisk answers questions, changes nothing and says why.
func TestReadOnlyDisk(t *testing.T) {
	onDisk(t, func(t *testing.T, at *place, root string) {
		at.do("stop", "web")
		remount := func(flags uintptr) {
			t.Helper()
			if err := unix.Mount("", root, "", unix.MS_REMOUNT|flags, ""); err != nil {
				t.Fatal(err)
			}
		}
		remount(unix.MS_RDONLY)
		defer remount(0)
		only := []string{"read-only file system", "\n  mount that file system for writing, then try again\n"}
		for _, args := range [][]string{
			{"set", "notes=x", "web"}, {"create", "db"}, {"start", "web"}, {"exec", "web", "true"}, {"cp", "web:/etc/passwd", at.dir}, {"destroy", "--yes", "web"},
		} {
			at.refused(only, args...)
		}
		at.refused([]string{"damage: root.read-only " + root}, "doctor")
		if got := at.do("list", "-H", "-o", "name,state"); got != "web\tstopped\n" {
			t.Errorf("list shows %q", got)
		}
		if got := at.do("get", "notes", "web"); got != "none\n" {
			t.Errorf("the notes are %q", got)
		}
		if got := at.do("events", "-H", "-o", "what"); !strings.Contains(got, "create web") {
			t.Errorf("the history shows %q", got)
		}
		remount(0)
		at.do("start", "web")
	})
}
