package overlay_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/internal/backend/overlay"
	"github.com/libioc/ioc/storage"
	"github.com/libioc/ioc/storage/storagetest"
)

func TestSuite(t *testing.T) { storagetest.Run(t, newWorld(overlay.Options{})) }

func TestSuiteOfCopies(t *testing.T) { storagetest.Run(t, newWorld(overlay.Options{Copies: true})) }

// TestUnprivileged runs the suite as a user who owns nothing but the root directory.
func TestUnprivileged(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("the whole program runs as a user")
	}
	if os.Getenv(envStage) != "inside" {
		t.Skip("no mount namespace of its own")
	}
	const user = 54321
	dir := t.TempDir()
	for d := dir; d != scratch; d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chown(dir, user, user); err != nil {
		t.Fatal(err)
	}
	args := []string{"-test.run=^TestSuite$|^TestFeatures$", "-test.v=" + fmt.Sprint(testing.Verbose())}
	cmd := exec.Command("/proc/self/exe", args...)
	cmd.Env = append(os.Environ(), "TMPDIR="+dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Credential: &syscall.Credential{Uid: user, Gid: user}, Pdeathsig: syscall.SIGKILL,
	}
	out, err := cmd.CombinedOutput()
	if testing.Verbose() || err != nil {
		t.Logf("%s", out)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestFeatures looks at what was found out, and that nothing of the search is left.
func TestFeatures(t *testing.T) {
	w := newWorld(overlay.Options{})(t)
	before := w.State(t)
	f := w.Driver(t).Features(t.Context())
	t.Log(f.Why)
	if !f.Cheap || !strings.HasPrefix(f.Why, "overlay: ") {
		t.Errorf("features: %+v, want layers", f)
	}
	if root := os.Geteuid() == 0; f.Ownership != root || f.Devices != root {
		t.Errorf("features: %+v as root: %v", f, root)
	}
	if after := w.State(t); strings.Join(after, "\n") != strings.Join(before, "\n") {
		t.Errorf("the probe left something behind:\n%s", strings.Join(after, "\n"))
	}
	if f := newWorld(overlay.Options{Copies: true})(t).Driver(t).Features(t.Context()); f.Cheap {
		t.Errorf("features with copies: %+v", f)
	}
	no := newWorld(overlay.Options{Try: func(_ context.Context, r storage.Root) error {
		if r.Overlay == nil || len(r.Overlay.Lower) != 1 {
			t.Errorf("try of %+v", r)
		}
		return errors.New("not today")
	}})(t)
	if f := no.Driver(t).Features(t.Context()); f.Cheap || !strings.Contains(f.Why, "not today") {
		t.Errorf("features where the mount fails: %+v", f)
	}
}

// TestOnOverlay keeps a root on an overlay, as in a container: it works with copies. The layers are on
// two file systems, so that files have another device than the directories that they are in.
func TestOnOverlay(t *testing.T) {
	if os.Getenv(envStage) != "inside" || os.Geteuid() != 0 {
		t.Skip("mounting needs root")
	}
	dir := t.TempDir()
	o := &storage.Overlay{Lower: []string{dir + "/l"}, Upper: dir + "/fs/u", Work: dir + "/fs/w"}
	unmount := func(at string) func() {
		return func() {
			if err := syscall.Unmount(at, 0); err != nil {
				t.Error(err)
			}
		}
	}
	for _, sub := range []string{o.Lower[0], dir + "/fs", o.Upper, o.Work, dir + "/m"} {
		if err := os.Mkdir(sub, 0o755); err != nil {
			t.Fatal(err)
		}
		if sub == dir+"/fs" {
			if err := syscall.Mount("tmpfs", sub, "tmpfs", 0, "size=16m"); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(unmount(sub))
		}
	}
	if err := mount(o, dir+"/m"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(unmount(dir + "/m"))
	w := &world{root: dir + "/m/root"}
	d := w.Driver(t)
	if f := d.Features(t.Context()); f.Cheap || !strings.Contains(f.Why, "is on an overlay itself") {
		t.Errorf("features on an overlay: %+v", f)
	}
	s := newSession(t, w)
	s.release("base")
	s.must(d.Clone(t.Context(), storage.Release("base").Now(), storage.Jail("web"), storage.CloneOptions{}))
	root, err := d.Root(t.Context(), storage.Jail("web"))
	if err != nil || root.Dir == "" {
		t.Fatalf("root of a copy: %+v, %v", root, err)
	}
	if motd, err := os.ReadFile(filepath.Join(root.Dir, "etc/motd")); string(motd) != "hello\n" {
		t.Errorf("a file of the copy: %q, %v", motd, err)
	}
}

type session struct {
	testing.TB
	w *world
	d storage.Driver
}

func newSession(t testing.TB, w *world) *session { return &session{t, w, w.Driver(t)} }

type payload struct{}

func (payload) EventType() string { return "overlaytest" }

func (s *session) must(c storage.Change, err error) {
	s.Helper()
	if err == nil {
		_, err = events.New(payload{}, func(st events.Step) (struct{}, error) {
			return struct{}{}, c.Apply(st)
		}).Do(s.Context())
	}
	if err != nil {
		s.Fatal(err)
	}
}

func (s *session) release(n storage.Name) {
	s.Helper()
	f, err := s.d.Fill(s.Context(), storage.Release(n))
	if err != nil {
		s.Fatal(err)
	}
	s.must(f.Stage(), nil)
	tree, err := f.Tree(s.Context())
	if err != nil {
		s.Fatal(err)
	}
	err = errors.Join(
		tree.Mkdir(".", storage.Attr{Mode: 0o755}),
		tree.File("etc/motd", storage.Attr{Mode: 0o644}, strings.NewReader("hello\n")),
		tree.Close(),
	)
	if err != nil {
		s.Fatal(err)
	}
	s.must(f.Publish(), nil)
}

func (s *session) layers() int {
	s.Helper()
	entries, err := os.ReadDir(filepath.Join(s.w.root, "layers"))
	if err != nil {
		s.Fatal(err)
	}
	return len(entries)
}

// TestLayersAreFreed counts layers while snapshots come and go.
func TestLayersAreFreed(t *testing.T) {
	w := newWorld(overlay.Options{})(t).(*world)
	s := newSession(t, w)
	s.release("base")
	web, ctx := storage.Jail("web"), t.Context()
	s.must(s.d.Clone(ctx, storage.Release("base").Now(), web, storage.CloneOptions{}))
	for i := range 10 {
		w.Edit(t, web, storagetest.Edit{Op: storagetest.Write, Path: "n", Data: []byte{byte(i)}})
		s.must(s.d.Snapshot(ctx, web, storage.SnapshotName(fmt.Sprint("s", i)), storage.SnapshotOptions{}))
	}
	if n := s.layers(); n != 11 {
		t.Errorf("%d layers for 10 snapshots, want 11", n)
	}
	for i := range 5 {
		s.must(s.d.DestroySnapshot(ctx, web, storage.SnapshotName(fmt.Sprint("s", 2*i)), storage.SnapshotOptions{}))
	}
	if n := s.layers(); n != 6 {
		t.Errorf("%d layers for 5 snapshots, want 6", n)
	}
	for i := range 5 {
		s.must(s.d.DestroySnapshot(ctx, web, storage.SnapshotName(fmt.Sprint("s", 2*i+1)), storage.SnapshotOptions{}))
	}
	if n := s.layers(); n > 2 {
		t.Errorf("%d layers for no snapshot, want at most 2", n)
	}
	s.must(s.d.Destroy(ctx, web, storage.DestroyOptions{}))
	if n := s.layers(); n != 0 {
		t.Errorf("%d layers for no jail", n)
	}
}

// TestDepth takes snapshots until there may be no more, and mounts what it has.
func TestDepth(t *testing.T) {
	w := newWorld(overlay.Options{})(t).(*world)
	s := newSession(t, w)
	s.release("base")
	web, ctx := storage.Jail("web"), t.Context()
	s.must(s.d.Clone(ctx, storage.Release("base").Now(), web, storage.CloneOptions{}))
	n := 0
	for ; n < 200; n++ {
		w.Edit(t, web, storagetest.Edit{Op: storagetest.Write, Path: fmt.Sprint("n", n)})
		c, err := s.d.Snapshot(ctx, web, storage.SnapshotName(fmt.Sprint("s", n)), storage.SnapshotOptions{})
		if errors.Is(err, fault.NoSpace) && len(fault.Remedies(err)) > 0 {
			t.Log(err)
			break
		}
		s.must(c, err)
	}
	if n != 100 {
		t.Errorf("%d snapshots, want 100", n)
	}
	if look := w.Look(t, web); len(look) != 100+4 {
		t.Errorf("%d files, want 104: %q", len(look), look)
	}
	_, err := s.d.Clone(ctx, web.Now(), storage.Jail("x"), storage.CloneOptions{})
	if !errors.Is(err, fault.NoSpace) {
		t.Errorf("clone of a jail with all the layers there may be: %v", err)
	}
	s.must(s.d.Clone(ctx, web.Now(), storage.Jail("x"), storage.CloneOptions{Thick: true}))
	if look := w.Look(t, storage.Jail("x")); len(look) != 100+4 {
		t.Errorf("%d files in a thick clone, want 104", len(look))
	}
	s.must(s.d.DestroySnapshot(ctx, web, "s50", storage.SnapshotOptions{}))
	s.must(s.d.Snapshot(ctx, web, "again", storage.SnapshotOptions{}))
}

// TestBroken damages jails: they are listed, with the reason, and can be destroyed; others are not
// harmed, nor are their layers.
func TestBroken(t *testing.T) {
	w := newWorld(overlay.Options{})(t).(*world)
	s := newSession(t, w)
	s.release("base")
	ctx := t.Context()
	file := func(n string) string { return filepath.Join(w.root, "jails", n, "storage.json") }
	for n, spoil := range map[string]func() error{
		"garbage": func() error { return os.WriteFile(file("garbage"), []byte("{"), 0o600) },
		"missing": func() error { return os.Remove(file("missing")) },
		"newer":   func() error { return os.WriteFile(file("newer"), []byte(`{"version":99}`), 0o600) },
		"escape": func() error {
			return os.WriteFile(file("escape"), []byte(`{"version":1,"id":"`+strings.Repeat("a", 26)+`","upper":"../../../etc"}`), 0o600)
		},
		"layer": func() error {
			var st struct{ Upper string }
			text, err := os.ReadFile(file("layer"))
			if err == nil {
				err = json.Unmarshal(text, &st)
			}
			return errors.Join(err, os.RemoveAll(filepath.Join(w.root, "layers", st.Upper)))
		},
		"whole": func() error { return nil },
	} {
		s.must(s.d.Clone(ctx, storage.Release("base").Now(), storage.Jail(storage.Name(n)), storage.CloneOptions{}))
		if err := spoil(); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(w.root, "jails", "no name!"), 0o700); err != nil {
		t.Fatal(err)
	}
	all, err := s.d.List(ctx, storage.Jails)
	if err != nil || len(all) != 6 {
		t.Fatalf("list: %+v, %v", all, err)
	}
	for _, i := range all {
		t.Log(i.Dataset, i.Broken)
		if whole := i.Dataset.Name == "whole"; (i.Broken == nil) != whole || !whole && !errors.Is(i.Broken, fault.Corrupt) {
			t.Errorf("%s: broken %v", i.Dataset, i.Broken)
		}
		if _, err := s.d.Root(ctx, i.Dataset); (err == nil) != (i.Broken == nil) {
			t.Errorf("root of %s: %v", i.Dataset, err)
		}
	}
	// While nobody knows what a broken jail uses, no layer is removed. One jail more comes and goes.
	s.must(s.d.Clone(ctx, storage.Release("base").Now(), storage.Jail("x"), storage.CloneOptions{}))
	n := s.layers()
	s.must(s.d.Destroy(ctx, storage.Jail("x"), storage.DestroyOptions{}))
	if got := s.layers(); got != n {
		t.Errorf("%d layers, had %d: one was removed that a broken jail may use", got, n)
	}
	for _, i := range all {
		s.must(s.d.Destroy(ctx, i.Dataset, storage.DestroyOptions{}))
	}
	if all, err := s.d.List(ctx, storage.Jails); err != nil || len(all) != 0 {
		t.Errorf("list: %+v, %v", all, err)
	}
}

// TestNobodyLooksInside checks the permissions that keep users of the host from a jail's programs.
func TestNobodyLooksInside(t *testing.T) {
	w := newWorld(overlay.Options{})(t).(*world)
	for _, sub := range []string{"", "releases", "jails", "layers", "trash"} {
		info, err := os.Stat(filepath.Join(w.root, sub))
		if err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("%q: %v, %v", sub, info.Mode(), err)
		}
	}
}

func BenchmarkOverlay(b *testing.B) { storagetest.Benchmark(b, newWorld(overlay.Options{})(b)) }

func BenchmarkProbe(b *testing.B) {
	w := newWorld(overlay.Options{})(b)
	for b.Loop() {
		if f := w.Driver(b).Features(b.Context()); !f.Cheap {
			b.Fatal(f.Why)
		}
	}
}

// TestMountedInside destroys a jail in whose layer something is mounted still: what is mounted is not
// touched, and the deletion can be repeated when it is gone.
func TestMountedInside(t *testing.T) {
	if os.Getenv(envStage) != "inside" || os.Geteuid() != 0 {
		t.Skip("mounting needs root")
	}
	w := newWorld(overlay.Options{Copies: true})(t).(*world)
	s := newSession(t, w)
	s.release("base")
	web, ctx := storage.Jail("web"), t.Context()
	s.must(s.d.Clone(ctx, storage.Release("base").Now(), web, storage.CloneOptions{}))
	root, err := s.d.Root(ctx, web)
	if err != nil {
		t.Fatal(err)
	}
	theirs := t.TempDir()
	if err := os.WriteFile(filepath.Join(theirs, "precious"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	// One of the same file system, which a look at device numbers alone does not tell, and another.
	at := []string{filepath.Join(root.Dir, "etc"), filepath.Join(root.Dir, "other")}
	if err := os.Mkdir(at[1], 0o755); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(unix.Mount(theirs, at[0], "", unix.MS_BIND, ""), unix.Mount("tmpfs", at[1], "tmpfs", 0, "")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(at[1], "precious"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := s.d.Destroy(ctx, web, storage.DestroyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Do[0].Do(ctx); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := c.After[0].Do(ctx); err == nil {
			t.Error("a layer was deleted with what is mounted in it")
		}
		if names, err := os.ReadDir(theirs); err != nil || len(names) != 1 {
			t.Fatalf("what was mounted: %v, %v", names, err)
		}
	}
	// The layer has moved, and the mounts with it.
	mounts, err := mountinfo.GetMounts(mountinfo.PrefixFilter(w.root))
	if err != nil || len(mounts) != 2 {
		t.Fatalf("mounts: %v, %v", mounts, err)
	}
	for _, m := range mounts {
		if err := unix.Unmount(m.Mountpoint, 0); err != nil {
			t.Error(err)
		}
	}
	if err := c.After[0].Do(ctx); err != nil {
		t.Error(err)
	}
	if n := s.layers(); n != 0 {
		t.Errorf("%d layers are left", n)
	}
}

// TestMergeShowsTheSame merges layers as a kernel may leave them, though this one does not, and looks
// at both through a mount.
func TestMergeShowsTheSame(t *testing.T) {
	if os.Getenv(envStage) != "inside" || os.Geteuid() != 0 {
		t.Skip("mounting needs root")
	}
	dir := t.TempDir()
	path := func(elem ...string) string { return filepath.Join(append([]string{dir}, elem...)...) }
	var failed error
	do := func(err error) { failed = errors.Join(failed, err) }
	for _, d := range []string{
		"base/a/sub", "base/b", "base/c", "base/d/sub", "one/d", "two/a/sub", "two/b/new", "two/d", "two/e", "merged", "m", "work", "up1", "up2",
	} {
		do(os.MkdirAll(path(d), 0o755))
	}
	for _, f := range []string{"base/a/old", "base/a/sub/old", "base/b/old", "base/c/old", "base/d/old", "one/d/one", "two/a/new", "two/d/two", "one/e", "two/c"} {
		do(os.WriteFile(path(f), []byte(f), 0o644))
	}
	whiteout := func(f string) { do(unix.Mknod(path(f), unix.S_IFCHR, 0)) }
	whiteout("one/a") // and two/a is a directory that is not marked as hiding it
	do(os.WriteFile(path("one/b"), []byte("a file"), 0o600))
	do(unix.Setxattr(path("one/d"), "trusted.overlay.opaque", []byte("y"), 0))
	if failed != nil {
		t.Fatal(failed)
	}
	look := func(work string, lowers ...string) []string {
		t.Helper()
		up := path("up" + work)
		if err := os.MkdirAll(path("work"+work), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := mount(&storage.Overlay{Lower: lowers, Upper: up, Work: path("work" + work)}, path("m")); err != nil {
			t.Fatal(err)
		}
		lines, err := storagetest.Look(path("m"))
		if err := errors.Join(err, unix.Unmount(path("m"), 0)); err != nil {
			t.Fatal(err)
		}
		return lines
	}
	want := look("1", path("two"), path("one"), path("base"))
	if err := overlay.MergeLayers(t.Context(), path("merged"), []string{path("one"), path("two")}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, look("2", path("merged"), path("base"))); diff != "" {
		t.Errorf("the merged layer shows something else (-want +got):\n%s", diff)
	}
}

// TestSourceGoesMeanwhile destroys what a thick clone is copied from while it is copied.
func TestSourceGoesMeanwhile(t *testing.T) {
	w := newWorld(overlay.Options{})(t).(*world)
	s := newSession(t, w)
	s.release("base")
	web, copied, ctx := storage.Jail("web"), storage.Jail("copy"), t.Context()
	s.must(s.d.Clone(ctx, storage.Release("base").Now(), web, storage.CloneOptions{}))
	w.Edit(t, web, storagetest.Edit{Op: storagetest.Write, Path: "new", Data: []byte("x")})
	s.must(s.d.Snapshot(ctx, web, "s", storage.SnapshotOptions{}))
	want := w.Look(t, web)
	c, err := s.d.Clone(ctx, web.At("s"), copied, storage.CloneOptions{Thick: true})
	if err != nil {
		t.Fatal(err)
	}
	destroyed := false
	err = c.Do[0].Do(storage.WithPoints(ctx, func(name string) {
		if name == "layer begun" {
			destroyed = true
			s.must(s.d.Destroy(ctx, web, storage.DestroyOptions{}))
			if _, err := s.d.Destroy(ctx, storage.Release("base"), storage.DestroyOptions{}); !errors.Is(err, fault.Busy) {
				t.Errorf("destroy of a release that is being copied: %v", err)
			}
		}
	}))
	if err != nil || !destroyed {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, w.Look(t, copied)); diff != "" {
		t.Errorf("the copy (-want +got):\n%s", diff)
	}
	for _, e := range c.After {
		if err := e.Do(ctx); err != nil {
			t.Error(err)
		}
	}
	if n := s.layers(); n != 1 {
		t.Errorf("%d layers, want that of the copy alone", n)
	}
}
