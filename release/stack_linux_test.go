package release_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/libioc/ioc/internal/download"
	"github.com/libioc/ioc/internal/filetree"
	"github.com/libioc/ioc/release"
)

// listing is a tree in words.
func listing(t *testing.T, dir string) string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		name, _ := filepath.Rel(dir, path)
		switch d.Type() {
		case 0:
			content, err := os.ReadFile(path)
			all = append(all, name+"="+string(content))
			return err
		case fs.ModeSymlink:
			to, err := os.Readlink(path)
			all = append(all, name+"->"+to)
			return err
		}
		all = append(all, name)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(all, " ")
}

// TestStack: what an upper layer has, lacks or takes away.
func TestStack(t *testing.T) {
	base := archive(t, dir("a/"), dir("a/b/"), text("a/b/one", "1"), text("a/b/two", "2"), text("a/x", "x"),
		dir("etc/"), text("etc/conf", "lower"), tar.Header{Typeflag: tar.TypeSymlink, Name: "link", Linkname: "a"})
	for _, tc := range []struct {
		name  string
		upper []tar.Header
		plain bool // marks mean nothing
		want  string
	}{
		{name: "nothing", want: "a a/b a/b/one=1 a/b/two=2 a/x=x etc etc/conf=lower link->a"},
		{name: "replaces", upper: []tar.Header{text("etc/conf", "upper")}, want: "a a/b a/b/one=1 a/b/two=2 a/x=x etc etc/conf=upper link->a"},
		{name: "takes-a-file", upper: []tar.Header{text("a/b/.wh.one", "")}, want: "a a/b a/b/two=2 a/x=x etc etc/conf=lower link->a"},
		{name: "takes-a-directory", upper: []tar.Header{text(".wh.a", "")}, want: "etc etc/conf=lower link->a"},
		{name: "takes-and-makes", upper: []tar.Header{text(".wh.a", ""), dir("a/"), text("a/new", "n")}, want: "a a/new=n etc etc/conf=lower link->a"},
		// The mark is for what is below, wherever in the layer it comes.
		{name: "makes-and-takes", upper: []tar.Header{dir("a/"), text("a/new", "n"), text(".wh.a", "")}, want: "a a/new=n etc etc/conf=lower link->a"},
		{name: "opaque-first", upper: []tar.Header{dir("a/"), text("a/.wh..wh..opq", ""), text("a/new", "n")}, want: "a a/new=n etc etc/conf=lower link->a"},
		{name: "opaque-last", upper: []tar.Header{dir("a/b/"), text("a/b/new", "n"), text("a/.wh..wh..opq", "")}, want: "a a/b a/b/new=n etc etc/conf=lower link->a"},
		{name: "aufs", upper: []tar.Header{text(".wh..wh.plnk", ""), text("a/.wh..wh.aufs", "")}, want: "a a/b a/b/one=1 a/b/two=2 a/x=x etc etc/conf=lower link->a"},
		{name: "file-for-a-directory", upper: []tar.Header{text("a", "file")}, want: "a=file etc etc/conf=lower link->a"},
		{name: "directory-for-a-file", upper: []tar.Header{dir("a/x/"), text("a/x/y", "z")}, want: "a a/b a/b/one=1 a/b/two=2 a/x a/x/y=z etc etc/conf=lower link->a"},
		{name: "directory-for-a-link", upper: []tar.Header{dir("link/"), text("link/x", "y")}, want: "a a/b a/b/one=1 a/b/two=2 a/x=x etc etc/conf=lower link link/x=y"},
		{name: "takes-what-never-was", upper: []tar.Header{text("etc/.wh.never", "")}, want: "a a/b a/b/one=1 a/b/two=2 a/x=x etc etc/conf=lower link->a"},
		{name: "hard-link-to-below", upper: []tar.Header{{Typeflag: tar.TypeLink, Name: "etc/name", Linkname: "a/x"}}, want: "a a/b a/b/one=1 a/b/two=2 a/x=x etc etc/conf=lower etc/name=x link->a"},
		{name: "plain", plain: true, upper: []tar.Header{text("a/.wh.x", "m")}, want: "a a/.wh.x=m a/b a/b/one=1 a/b/two=2 a/x=x etc etc/conf=lower link->a"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			upper := archive(t, tc.upper...)
			sum := sha256.Sum256(upper)
			digest := "sha256:" + hex.EncodeToString(sum[:])
			var packed bytes.Buffer
			z := gzip.NewWriter(&packed)
			if _, err := z.Write(upper); err != nil || z.Close() != nil {
				t.Fatal(err)
			}
			for name, second := range map[string]release.Archive{"plain": layer(upper), "gzip": layer(packed.Bytes())} {
				second.Plain = digest
				at := t.TempDir()
				w, err := filetree.NewWriter(at, filetree.Options{})
				if err != nil {
					t.Fatal(err)
				}
				src := release.Stack(release.StackOptions{Name: "image", Digest: "sha256:whole", Layers: !tc.plain}, layer(base), second)
				got, err := src.Write(t.Context(), release.Target{Tree: w, Progress: func(done, total int64) error { return nil }})
				if err := errors.Join(err, w.Close()); err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				if got.Digest != "sha256:whole" {
					t.Errorf("%s: digest %s", name, got.Digest)
				}
				if diff := cmp.Diff(tc.want, listing(t, at)); diff != "" {
					t.Errorf("%s (-want +got):\n%s", name, diff)
				}
				if !tc.plain {
					shares(t, tc.want, got, layer(base), second)
				}
			}
		})
	}
}

// shares makes the same twice of layers that are kept, and wants what is made without: of the same files.
func shares(t *testing.T, want string, alone release.Written, all ...release.Archive) {
	t.Helper()
	top := t.TempDir()
	cache := &download.Cache{Dir: filepath.Join(top, "cache")}
	for i := range all {
		if all[i].Plain == "" {
			r, err := all[i].Open()
			if err != nil {
				t.Fatal(err)
			}
			sum := sha256.New()
			if _, err := io.Copy(sum, r); err != nil {
				t.Fatal(err)
			}
			all[i].Plain = "sha256:" + hex.EncodeToString(sum.Sum(nil))
		}
	}
	var inodes []uint64
	for _, name := range []string{"one", "two"} {
		at := filepath.Join(top, name)
		if err := os.Mkdir(at, 0o755); err != nil {
			t.Fatal(err)
		}
		w, err := filetree.NewWriter(at, filetree.Options{})
		if err != nil {
			t.Fatal(err)
		}
		src := release.Stack(release.StackOptions{Name: "image", Digest: "sha256:whole", Layers: true, Cache: cache}, all...)
		got, err := src.Write(t.Context(), release.Target{Tree: w, Dir: at, Progress: func(done, total int64) error { return nil }})
		if err := errors.Join(err, w.Close()); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, listing(t, at)); diff != "" {
			t.Errorf("%s of shared layers (-want +got):\n%s", name, diff)
		}
		if diff := cmp.Diff(alone, got); diff != "" {
			t.Errorf("what is told of %s (-alone +shared):\n%s", name, diff)
		}
		if info, err := os.Lstat(filepath.Join(at, "etc/conf")); err == nil {
			inodes = append(inodes, info.Sys().(*syscall.Stat_t).Ino)
		}
	}
	if len(inodes) == 2 && inodes[0] != inodes[1] && !strings.Contains(want, "etc/name=x") { // a link to a layer below cannot be made of one alone
		t.Errorf("%v: the releases do not share a file", inodes)
	}
}
