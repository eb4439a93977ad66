package itest

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// TestPictureSees changes one thing at a time and wants the picture to be another, and the first one again
// when it is changed back. Two copies of a world have one picture.
func TestPictureSees(t *testing.T) {
	root := place(t, history)
	before := look(t, root)
	same(t, place(t, history), before)
	upper, err := upperOf(root, "web")
	if err != nil {
		t.Fatal(err)
	}
	id, err := rootID(root)
	if err != nil {
		t.Fatal(err)
	}
	h, err := open(filepath.Dir(root))
	if err != nil {
		t.Fatal(err)
	}
	groups, err := filepath.Glob("/sys/fs/cgroup/*/cgroup.procs") // of cgroup2 or any other
	if err != nil || len(groups) == 0 {
		groups = []string{"/sys/fs/cgroup/cgroup.procs"}
	}
	group := filepath.Join(filepath.Dir(groups[0]), "ioc-"+id)
	file := filepath.Join(upper, "last")
	nothing := func() error { return nil }
	var lock *os.File
	for name, change := range map[string]struct{ do, undo func() error }{
		"content": {
			func() error { return os.WriteFile(file, []byte("thre!"), 0o600) },
			func() error { return errors.Join(os.WriteFile(file, []byte("three"), 0o600), age(file)) },
		},
		"mode":      {func() error { return os.Chmod(file, 0o640) }, func() error { return os.Chmod(file, 0o600) }},
		"attribute": {func() error { return unix.Lsetxattr(file, "user.a", []byte("b"), 0) }, func() error { return unix.Lremovexattr(file, "user.a") }},
		"name":      {func() error { return os.Rename(file, file+"2") }, func() error { return errors.Join(os.Rename(file+"2", file), age(upper)) }},
		"link":      {func() error { return os.Symlink("x", root+"/trash/x") }, func() error { return os.Remove(root + "/trash/x") }},
		"lock": {
			func() (err error) {
				if lock, err = os.Create(filepath.Join(root, "run", "locks", "jails-web")); err != nil {
					return err
				}
				return syscall.Flock(int(lock.Fd()), syscall.LOCK_EX)
			},
			func() error { return errors.Join(os.Remove(lock.Name()), lock.Close()) },
		},
		"running": {
			func() error { task{Root: root, Jail: "web", Do: []string{"start"}}.must(t); return nil },
			func() error { task{Root: root, Jail: "web", Do: []string{"kill"}}.must(t); return nil },
		},
		"dead run": {
			func() error { return dies("done-storage.write", "set")(h) },
			func() error { task{Root: root, Do: []string{"recover"}}.must(t); return nil },
		},
		"group": {func() error { return os.Mkdir(group, 0o755) }, func() error { return os.Remove(group) }},
		"mount": {
			func() error { return unix.Mount("none", root+"/trash", "tmpfs", 0, "") },
			func() error { return unix.Unmount(root+"/trash", 0) },
		},
		"nothing": {nothing, nothing},
	} {
		if err := change.do(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got := look(t, root); (got == before) != (name == "nothing") {
			t.Errorf("%s: it is not seen", name)
		}
		if err := change.undo(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		same(t, root, before)
	}
}
