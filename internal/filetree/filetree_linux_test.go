package filetree_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/internal/filetree"
	"github.com/libioc/ioc/storage"
	"github.com/libioc/ioc/storage/storagetest"
)

func owners() filetree.Options { return filetree.Options{Owners: os.Geteuid() == 0} }

// TestNothingLeadsOut writes through every kind of link that could lead out of the tree.
func TestNothingLeadsOut(t *testing.T) {
	top := t.TempDir()
	dir, outside := filepath.Join(top, "tree"), filepath.Join(top, "outside")
	for _, d := range []string{dir, outside} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	victim := filepath.Join(outside, "victim")
	if err := os.WriteFile(victim, []byte("whole"), 0o600); err != nil {
		t.Fatal(err)
	}
	w, err := filetree.NewWriter(dir, owners())
	if err != nil {
		t.Fatal(err)
	}
	a := storage.Attr{Mode: 0o777}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(w.Symlink("up", "../outside", a))
	must(w.Symlink("abs", outside, a))
	must(w.Symlink("file", victim, a))
	must(w.Symlink("proc", "/proc/self/cwd", a))
	must(w.Mkdir("in", a))
	must(w.Symlink("round", "in", a))
	for _, name := range []string{
		"up/x", "abs/x", "up/victim", "proc/x", "up/new/deep", "../outside/x", "/etc/x", "a/../../outside/x", "", "..", "a//b", "./a",
	} {
		for what, err := range map[string]error{
			"file":    w.File(name, a, strings.NewReader("bad")),
			"mkdir":   w.Mkdir(name, a),
			"symlink": w.Symlink(name, "x", a),
			"node":    w.Node(name, storage.Attr{Mode: fs.ModeNamedPipe}, 0, 0),
			"link":    w.Link(name, "in"),
			"linked":  w.Link("mine", name),
		} {
			if err == nil || what != "linked" && !errors.Is(err, fault.Invalid) {
				t.Errorf("%s of %q: %v, want it refused", what, name, err)
			}
		}
	}
	// The last element is never followed: the link itself is replaced, and linked.
	must(w.Link("file2", "file"))
	must(w.File("file", a, strings.NewReader("mine")))
	must(w.Mkdir("abs", a))
	must(w.File("abs/x", a, strings.NewReader("mine")))
	must(w.File("round/x", a, strings.NewReader("inside, by a link that stays inside")))
	must(w.Close())
	if data, err := os.ReadFile(victim); string(data) != "whole" {
		t.Errorf("the victim is %q, %v", data, err)
	}
	if info, err := os.Stat(victim); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the victim is %v, %v", info.Mode(), err)
	}
	if names, err := os.ReadDir(outside); err != nil || len(names) != 1 {
		t.Errorf("outside: %v, %v", names, err)
	}
	if info, err := os.Lstat(filepath.Join(dir, "file2")); err != nil || info.Mode()&fs.ModeSymlink == 0 {
		t.Errorf("a link to a link: %v, %v", info, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "in", "x")); err != nil {
		t.Error(err)
	}
}

// TestForeignMarks: an archive must not bring what steers an overlay mount.
func TestForeignMarks(t *testing.T) {
	dir := t.TempDir()
	w, err := filetree.NewWriter(dir, filetree.Options{Owners: os.Geteuid() == 0, Devices: true})
	if err != nil {
		t.Fatal(err)
	}
	marks := map[string][]byte{"user.overlay.opaque": []byte("y"), "user.overlay.redirect": []byte("/etc"), "user.kept": []byte("1")}
	if os.Geteuid() == 0 {
		marks["trusted.overlay.redirect"] = []byte("/etc")
	}
	err = errors.Join(
		w.Mkdir("d", storage.Attr{Mode: 0o755, Xattrs: marks}),
		w.File("f", storage.Attr{Mode: 0o755, Xattrs: marks}, nil),
	)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Node("whiteout", storage.Attr{Mode: fs.ModeDevice | fs.ModeCharDevice}, 0, 0); !errors.Is(err, fault.Invalid) {
		t.Errorf("character device 0:0: %v, want it refused", err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	lines, err := storagetest.Everything(dir, func(string) bool { return false })
	if err != nil {
		t.Fatal(err)
	}
	all := strings.Join(lines, "\n")
	if strings.Contains(all, "overlay") || strings.Count(all, "user.kept") != 2 {
		t.Errorf("what was stored:\n%s", all)
	}
}

// TestReplace writes the same names again, as other things.
func TestReplace(t *testing.T) {
	dir := t.TempDir()
	w, err := filetree.NewWriter(dir, owners())
	if err != nil {
		t.Fatal(err)
	}
	a := storage.Attr{Mode: 0o700}
	for i, step := range []func() error{
		func() error { return w.File("x", a, strings.NewReader("1")) },
		func() error { return w.Mkdir("x", a) },
		func() error { return w.Symlink("x", "y", a) },
		func() error { return w.Mkdir("x", storage.Attr{Mode: 0o500}) },
		func() error { return w.File("x/y/z", a, nil) },
		func() error { return w.Mkdir("x", storage.Attr{Mode: 0o511}) },
		func() error { return w.Node("p", storage.Attr{Mode: fs.ModeNamedPipe | 0o600}, 0, 0) },
		func() error { return w.Link("q", "p") },
		func() error { return w.Link("q", "p") },
		func() error { return w.File("p", a, strings.NewReader("no pipe now")) },
		func() error { return w.File("gone", a, nil) },
		func() error { return w.RemoveAll("gone") },
		func() error { return w.RemoveAll("gone") },
	} {
		if err := step(); err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
	}
	if err := w.File("x", a, nil); err == nil {
		t.Error("a directory with something in it was replaced by a file")
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		info, err := d.Info()
		if err == nil {
			got[strings.TrimPrefix(path, dir+"/")] = info.Mode().String()
		}
		return err
	})
	want := map[string]string{"x": "dr-x--x--x", "x/y": "drwxr-xr-x", "x/y/z": "-rwx------", "p": "-rwx------", "q": "prw-------"}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if err := filetree.Remove(t.Context(), filepath.Join(dir, "x")); err != nil {
		t.Error(err)
	}
}

// TestCopy copies a tree, and a copy of it, whatever the umask is.
func TestCopy(t *testing.T) {
	old := unix.Umask(0o077)
	defer unix.Umask(old)
	top := t.TempDir()
	src := filepath.Join(top, "src")
	if err := os.Mkdir(src, 0o711); err != nil {
		t.Fatal(err)
	}
	edits := []storagetest.Edit{
		{Op: storagetest.Mkdir, Path: "d"},
		{Op: storagetest.Write, Path: "d/f", Data: []byte("content")},
		{Op: storagetest.Link, Path: "d/l", To: "d/f"},
		{Op: storagetest.Link, Path: "m", To: "d/f"},
		{Op: storagetest.Symlink, Path: "d/s", To: "/nowhere"},
		{Op: storagetest.Fifo, Path: "p"},
		{Op: storagetest.Chmod, Path: "d/f", Mode: fs.ModeSetuid | 0o751},
		{Op: storagetest.Xattr, Path: "d", To: "user.a", Data: []byte("b")},
		{Op: storagetest.Chmod, Path: "d", Mode: 0o757},
	}
	if err := storagetest.Apply(src, edits); err != nil {
		t.Fatal(err)
	}
	sparse, err := os.Create(filepath.Join(src, "sparse"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = sparse.WriteAt([]byte("end"), 8<<20)
	_, err2 := sparse.WriteAt([]byte("middle"), 4<<20)
	if err := errors.Join(err, err2, sparse.Close()); err != nil {
		t.Fatal(err)
	}
	want, err := storagetest.Look(src)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"one", "two"} {
		dst := filepath.Join(top, name)
		if err := os.Mkdir(dst, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := filetree.Copy(t.Context(), dst, src, owners()); err != nil {
			t.Fatal(err)
		}
		got, err := storagetest.Look(dst)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("copy %s: %v (-want +got):\n%s", name, err, diff)
		}
		var a, b filetree.Size
		if err := errors.Join(a.Add(t.Context(), src), b.Add(t.Context(), dst)); err != nil {
			t.Fatal(err)
		}
		if b.Bytes > a.Bytes+64<<10 {
			t.Errorf("the copy takes %d bytes, the original %d: holes were filled", b.Bytes, a.Bytes)
		}
		src = dst
	}
}

// TestRemove removes what resists, and nothing else.
func TestRemove(t *testing.T) {
	top := t.TempDir()
	dir, outside := filepath.Join(top, "tree"), filepath.Join(top, "outside")
	for _, d := range []string{outside, filepath.Join(dir, "locked", "deep"), filepath.Join(dir, "hidden")} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(d, "f"), nil, 0o400); err != nil {
			t.Fatal(err)
		}
	}
	for name, to := range map[string]string{"link": outside, "up": "../outside", "dangling": "nowhere"} {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	for d, mode := range map[string]fs.FileMode{"locked/deep": 0o500, "locked": 0o555, "hidden": 0} {
		if err := os.Chmod(filepath.Join(dir, d), mode); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if err := filetree.Remove(t.Context(), dir); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Lstat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it is still there: %v", err)
	}
	if _, err := os.Stat(filepath.Join(outside, "f")); err != nil {
		t.Errorf("what a link named was removed: %v", err)
	}
	if err := filetree.Remove(t.Context(), filepath.Join(top, "no", "parent")); err != nil {
		t.Error(err)
	}
	if err := filetree.Remove(t.Context(), filepath.Join(outside, "f")); err != nil {
		t.Error(err)
	}
}
