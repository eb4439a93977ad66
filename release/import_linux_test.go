package release_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/internal/backend/overlay"
	"github.com/libioc/ioc/release"
	"github.com/libioc/ioc/storage"
)

// disk is an overlay driver in a directory that has a victim beside it.
func disk(t *testing.T) (d *overlay.Driver, top string) {
	t.Helper()
	top = t.TempDir()
	d, err := overlay.Open(filepath.Join(top, "root"), overlay.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(top, "victim"), []byte("whole"), 0o600); err != nil {
		t.Fatal(err)
	}
	return d, top
}

// files lists all below dir.
func files(t *testing.T, dir string) string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		names = append(names, strings.TrimPrefix(path, dir))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(names, " ")
}

func TestOnDisk(t *testing.T) {
	d, top := disk(t)
	before := files(t, top)
	data := system(t)
	i, err := release.Import(d, release.ImportOptions{Name: "r", Source: release.Reader("x", bytes.NewReader(data))}).Do(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if root := os.Geteuid() == 0; i.Mapped == root {
		t.Errorf("mapped is %v as root: %v", i.Mapped, root)
	}
	root, err := d.Root(t.Context(), storage.Release("r"))
	if err != nil {
		t.Fatal(err)
	}
	sh, err := os.Stat(filepath.Join(root.Dir, "bin/sh"))
	if err != nil || sh.Mode() != os.ModeSetuid|0o755 {
		t.Errorf("bin/sh: %v, %v", sh.Mode(), err)
	}
	if bash, err := os.Stat(filepath.Join(root.Dir, "sbin/bash")); err != nil || !os.SameFile(sh, bash) {
		t.Errorf("bin/bash is not bin/sh: %v", err)
	}
	if _, err := release.Destroy(d, "r").Do(t.Context()); err != nil {
		t.Fatal(err)
	}
	if after := files(t, top); after != before {
		t.Errorf("left: %s", after)
	}
}

// TestHostileOnDisk tries to get out through links that the archive itself brings.
func TestHostileOnDisk(t *testing.T) {
	for name, headers := range map[string][]tar.Header{
		"relative": {{Typeflag: tar.TypeSymlink, Name: "a", Linkname: "../../../.."}, {Name: "a/victim", PAXRecords: body("bad")}},
		"absolute": {{Typeflag: tar.TypeSymlink, Name: "a", Linkname: "TOP"}, {Name: "a/victim", PAXRecords: body("bad")}},
		"chain": {
			{Typeflag: tar.TypeDir, Name: "d"},
			{Typeflag: tar.TypeSymlink, Name: "d/up", Linkname: ".."},
			{Typeflag: tar.TypeSymlink, Name: "b", Linkname: "d/up/../../../.."},
			{Name: "b/victim", PAXRecords: body("bad")},
		},
		"link": {
			{Typeflag: tar.TypeSymlink, Name: "a", Linkname: "TOP"},
			{Typeflag: tar.TypeLink, Name: "c", Linkname: "a/victim"},
			{Name: "c", PAXRecords: body("bad")},
		},
		"dir":  {{Typeflag: tar.TypeSymlink, Name: "a", Linkname: "TOP"}, {Typeflag: tar.TypeDir, Name: "a/new", Mode: 0o777}},
		"fifo": {{Typeflag: tar.TypeSymlink, Name: "a", Linkname: "TOP"}, {Typeflag: tar.TypeFifo, Name: "a/victim"}},
	} {
		t.Run(name, func(t *testing.T) {
			d, top := disk(t)
			before := files(t, top)
			for i := range headers {
				headers[i].Linkname = strings.ReplaceAll(headers[i].Linkname, "TOP", top)
			}
			r := events.NewRegistry()
			overlay.Register(r)
			_, err := release.Import(d, release.ImportOptions{Name: "r", Source: release.Reader("x", bytes.NewReader(archive(t, headers...)))}).
				Do(t.Context(), events.WithRegistry(r))
			if !errors.Is(err, fault.Invalid) {
				t.Errorf("got %v, want it refused", err)
			}
			t.Log(err)
			if after := files(t, top); after != before {
				t.Errorf("left: %s", after)
			}
			if data, err := os.ReadFile(filepath.Join(top, "victim")); string(data) != "whole" {
				t.Errorf("the victim: %q, %v", data, err)
			}
		})
	}
}

// TestLinkOverItself replaces a file by a link that leads out, and writes to the name again: the
// link goes, what it names stays.
func TestLinkOverItself(t *testing.T) {
	d, top := disk(t)
	victim := filepath.Join(top, "victim")
	data := archive(t,
		tar.Header{Typeflag: tar.TypeSymlink, Name: "x", Linkname: victim},
		tar.Header{Name: "x", Mode: 0o666, PAXRecords: body("mine")})
	if _, err := release.Import(d, release.ImportOptions{Name: "r", Source: release.Reader("x", bytes.NewReader(data))}).Do(t.Context()); err != nil {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(victim); string(data) != "whole" {
		t.Errorf("the victim: %q, %v", data, err)
	}
}
