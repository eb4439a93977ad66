package ioc_test

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/libioc/ioc"
	"github.com/libioc/ioc/internal/download"
	"github.com/libioc/ioc/release"
	"github.com/libioc/ioc/storage"
)

// look is what can be said of the files below dir: attributes and content, by their names.
func look(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	if err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		st := info.Sys().(*syscall.Stat_t)
		text := fmt.Sprint(info.Mode(), st.Ino, st.Uid, st.Gid, info.Size(), info.ModTime().UnixNano())
		if info.Mode().IsRegular() {
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			text += fmt.Sprintf(" %x", sha256.Sum256(content))
		}
		all[path] = text
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return all
}

// TestSharedLayers: releases of the same layers have the same files, a jail of one changes none of the other's, each lives as long as it is there, and prune removes the layers
// that none is made of.
func TestSharedLayers(t *testing.T) {
	h := realHost(t)
	must(t, h.Fetch(ioc.FetchOptions{}))
	base := filepath.Join(t.TempDir(), "base.tar")
	out, err := os.Create(base)
	if err != nil {
		t.Fatal(err)
	}
	pack := command("/bin/tar", "-c", "-f", "-", "-C", "/", "bin", "tmp")
	pack.Stdio.Out = out
	if exit := must(t, h.JailGenerator("pack").Run(ioc.RunOptions{Create: ioc.CreateOptions{}, Exec: pack, Temporary: true})); exit.Code != 0 {
		t.Fatal(exit)
	}
	text, err := os.ReadFile(base)
	if err != nil {
		t.Fatal(err)
	}
	layer := func(text []byte) release.Archive {
		sum := sha256.Sum256(text)
		return release.Archive{
			Name: "layer", Size: int64(len(text)), Plain: "sha256:" + hex.EncodeToString(sum[:]),
			Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(text)), nil },
		}
	}
	cache := &download.Cache{Dir: filepath.Join(h.Root(), "cache")}
	shelf := func(a release.Archive) string {
		return filepath.Join(cache.Dir, "layer-sha256-"+a.Plain[len("sha256:"):]+".dir")
	}
	number := func(name, file string) uint64 {
		info, err := os.Stat(filepath.Join(h.Root(), "releases", name, "root", file))
		if err != nil {
			t.Fatal(err)
		}
		return info.Sys().(*syscall.Stat_t).Ino
	}
	lower, tops := layer(text), map[string]release.Archive{}
	for _, name := range []string{"one", "two"} {
		var buf bytes.Buffer
		w := tar.NewWriter(&buf)
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "tmp/version", Mode: 0o644, Size: 3}); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, name); err != nil || w.Close() != nil {
			t.Fatal(err)
		}
		tops[name] = layer(buf.Bytes())
		if name == "two" { // what a fetch that was killed has left
			left := filepath.Join(shelf(tops[name]), "part", "left")
			if err := os.MkdirAll(left, 0o700); err != nil {
				t.Fatal(err)
			}
		}
		must(t, h.Fetch(ioc.FetchOptions{Name: name, Source: release.Stack(release.StackOptions{
			Name: name, Digest: "sha256:" + fmt.Sprintf("%064x", len(name)+int(name[0])), Layers: true, Cache: cache,
		}, lower, tops[name])}))
	}
	if a, b := number("one", "bin/sh"), number("two", "bin/sh"); a != b {
		t.Errorf("the file of a layer is twice there: %d, %d", a, b)
	}
	if _, err := os.Stat(filepath.Join(h.Root(), "releases/two/root/left")); err == nil {
		t.Error("what was left is in the release")
	}
	works := func(name string) {
		t.Helper()
		exit := must(t, h.JailGenerator("of-"+name).Run(ioc.RunOptions{
			Create: ioc.CreateOptions{Release: storage.Name(name)}, Temporary: true,
			Exec: command("/bin/sh", "-c", "test $(cat /tmp/version) = "+name+" && echo changed >/tmp/version && echo changed >/bin/new"),
		}))
		if exit.Code != 0 {
			t.Errorf("%s: %v", name, exit)
		}
	}
	whole := func(after string) func() {
		t.Helper()
		was := look(t, filepath.Join(h.Root(), "releases/two/root"))
		return func() {
			t.Helper()
			if diff := cmp.Diff(was, look(t, filepath.Join(h.Root(), "releases/two/root"))); diff != "" {
				t.Errorf("after %s the other release is another (-was +is):\n%s", after, diff)
			}
		}
	}
	works("one")
	works("two")
	same := whole("a jail of one that changes all that it has")
	const spoils = `cp -a /bin /tmp/b; PATH=/tmp/b exec /tmp/b/sh -ec '
cd /bin; ln userland again; chown 5:6 again; chmod 4711 again; touch again; echo changed >>userland; echo changed >again; mv again userland
rm -rf /bin/*; chmod 700 /bin; echo new >/bin/sh; test "$(cat /bin/sh)" = new'`
	if exit := must(t, h.JailGenerator("spoils").Run(ioc.RunOptions{
		Create: ioc.CreateOptions{Release: "one"}, Temporary: true, Exec: command("/bin/sh", "-ec", spoils),
	})); exit.Code != 0 {
		t.Errorf("the jail that changes files: %v", exit)
	}
	same()
	works("one")
	same = whole("the end of one")
	must(t, h.DestroyRelease("one"))
	same()
	prune := func() {
		t.Helper()
		o := ioc.PruneOptions{Age: time.Nanosecond, DryRun: true}
		would := must(t, h.Prune(o))
		o.DryRun = false
		if did := must(t, h.Prune(o)); did != would || did.Bytes == 0 {
			t.Errorf("freed %d, foretold %d", did.Bytes, would.Bytes)
		}
	}
	there := func(a release.Archive) bool { _, err := os.Stat(shelf(a)); return err == nil }
	prune()
	if there(tops["one"]) || !there(lower) || !there(tops["two"]) {
		t.Errorf("after one release is gone: its layer is there %v, the shared one %v, the other's %v", there(tops["one"]), there(lower), there(tops["two"]))
	}
	works("two")
	same()
	must(t, h.DestroyRelease("two"))
	prune()
	if there(lower) || there(tops["two"]) {
		t.Error("layers are there that no release is made of")
	}
}
