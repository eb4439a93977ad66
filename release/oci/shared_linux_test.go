package oci_test

import (
	"archive/tar"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"golang.org/x/sys/unix"

	"github.com/libioc/ioc/internal/backend/overlay"
	"github.com/libioc/ioc/internal/download"
	"github.com/libioc/ioc/release"
	"github.com/libioc/ioc/release/oci"
)

// TestRegistryShares: releases of images that have a layer in common have its files in common.
func TestRegistryShares(t *testing.T) {
	h, o, top := newHost(t), options(t), t.TempDir()
	o.Cache = &download.Cache{Dir: filepath.Join(top, "cache")}
	d, err := overlay.Open(filepath.Join(top, "root"), overlay.Options{})
	if err != nil {
		t.Fatal(err)
	}
	shared := layer(t, "bin/", "bin/sh=shell", "lib/", "lib/so=library", "usr->lib")
	images := map[release.Name]string{}
	for name, files := range map[release.Name][]string{"one": {"bin/.wh.sh=", "bin/other=1"}, "two": {"usr/new=in lib", "lib/", "lib/so2==usr/new"}} {
		h.push("org/"+string(name)+":1", image(t, "amd64", shared, layer(t, files...), shared))
		src, err := oci.Registry(h.ref("org/"+string(name)+":1"), o)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := release.Import(d, release.ImportOptions{Name: name, Source: src}).Do(t.Context()); err != nil {
			t.Fatal(err)
		}
		images[name] = filepath.Join(top, "root", "releases", string(name), "root")
	}
	for name, want := range map[release.Name]string{
		"one": "bin bin/other=1 bin/sh=shell lib lib/so=library usr",
		"two": "bin bin/sh=shell lib lib/new=in lib lib/so=library lib/so2=in lib usr",
	} {
		if got := listing(t, images[name]); got != want {
			t.Errorf("%s: %s\nwant %s", name, got, want)
		}
	}
	a, err := os.Stat(filepath.Join(images["one"], "lib/so"))
	if err != nil {
		t.Fatal(err)
	}
	if b, err := os.Stat(filepath.Join(images["two"], "lib/so")); err != nil || !os.SameFile(a, b) {
		t.Errorf("lib/so is twice there: %v", err)
	}
}

// TestRegistryKeeps: what an image says of its files is so on the disk: owners, permissions, attributes, hard links, and what a
// layer takes away of those below it; with layers that are shared, and without.
func TestRegistryKeeps(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("left out: only root gives files away")
	}
	pack := func(all ...tar.Header) v1.Layer {
		var buf bytes.Buffer
		w := tar.NewWriter(&buf)
		for _, h := range all {
			h.Format = tar.FormatPAX
			if err := w.WriteHeader(&h); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		l, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(buf.Bytes())), nil })
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	const capability = "\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
	lower := pack(
		tar.Header{Typeflag: tar.TypeDir, Name: "data/", Mode: 0o2750, Uid: 5, Gid: 6},
		tar.Header{Typeflag: tar.TypeReg, Name: "data/ping", Mode: 0o755, Uid: 0, Gid: 9, PAXRecords: map[string]string{"SCHILY.xattr.security.capability": capability, "SCHILY.xattr.user.note": "kept"}},
		tar.Header{Typeflag: tar.TypeLink, Name: "data/name", Linkname: "data/ping"},
		tar.Header{Typeflag: tar.TypeReg, Name: "data/su", Mode: 0o4711, Uid: 70000, Gid: 70001},
		tar.Header{Typeflag: tar.TypeSymlink, Name: "data/link", Linkname: "ping", Uid: 3, Gid: 4},
		tar.Header{Typeflag: tar.TypeReg, Name: "data/gone", Mode: 0o644},
		tar.Header{Typeflag: tar.TypeReg, Name: "old/gone", Mode: 0o644},
	)
	upper := pack(
		tar.Header{Typeflag: tar.TypeReg, Name: "data/.wh.gone"},
		tar.Header{Typeflag: tar.TypeReg, Name: "old/.wh..wh..opq"},
		tar.Header{Typeflag: tar.TypeReg, Name: "old/new", Mode: 0o640, Uid: 1, Gid: 2},
	)
	h := newHost(t)
	h.push("org/image:1", image(t, "amd64", lower, upper))
	for _, way := range []string{"shared", "alone"} {
		t.Run(way, func(t *testing.T) {
			top, o := t.TempDir(), options(t)
			d, err := overlay.Open(filepath.Join(top, "root"), overlay.Options{})
			if err != nil {
				t.Fatal(err)
			}
			i := release.ImportOptions{Name: "r", Policy: release.Policy{Setuid: release.Keep}} // which is what it is anyway, but said
			if way == "shared" {
				o.Cache, i.Policy = &download.Cache{Dir: filepath.Join(top, "cache")}, release.Policy{}
			}
			if i.Source, err = oci.Registry(h.ref("org/image:1"), o); err != nil {
				t.Fatal(err)
			}
			if _, err := release.Import(d, i).Do(t.Context()); err != nil {
				t.Fatal(err)
			}
			if layers, _ := filepath.Glob(filepath.Join(o.Cache.Dir, "layer-*", "root")); (len(layers) == 2) != (way == "shared") {
				t.Errorf("layers that are kept: %q", layers)
			}
			at := func(name string) string { return filepath.Join(top, "root", "releases", "r", "root", name) }
			for _, want := range []struct {
				name     string
				mode     uint32
				uid, gid uint32
			}{
				{"data", unix.S_IFDIR | 0o2750, 5, 6},
				{"data/ping", unix.S_IFREG | 0o755, 0, 9},
				{"data/su", unix.S_IFREG | 0o4711, 70000, 70001},
				{"data/link", unix.S_IFLNK | 0o777, 3, 4},
				{"old/new", unix.S_IFREG | 0o640, 1, 2},
			} {
				var st unix.Stat_t
				if err := unix.Lstat(at(want.name), &st); err != nil || st.Mode != want.mode || st.Uid != want.uid || st.Gid != want.gid {
					t.Errorf("%s: %o %d:%d, %v; want %o %d:%d", want.name, st.Mode, st.Uid, st.Gid, err, want.mode, want.uid, want.gid)
				}
			}
			for key, want := range map[string]string{"user.note": "kept", "security.capability": capability} {
				value := make([]byte, 100)
				if n, err := unix.Lgetxattr(at("data/name"), key, value); err != nil || string(value[:n]) != want {
					t.Errorf("%s: %q, %v", key, value[:max(n, 0)], err)
				}
			}
			one, err := os.Stat(at("data/ping"))
			if err != nil {
				t.Fatal(err)
			}
			if two, err := os.Stat(at("data/name")); err != nil || !os.SameFile(one, two) {
				t.Errorf("the hard link is none: %v", err)
			}
			if got := listing(t, at("")); got != "data data/link data/name= data/ping= data/su= old old/new=" {
				t.Errorf("there is %s", got)
			}
		})
	}
}
