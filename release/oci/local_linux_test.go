package oci_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/release"
	"github.com/libioc/ioc/release/oci"
)

func TestLayout(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "images")
	at, err := layout.Write(dir, empty.Index)
	if err != nil {
		t.Fatal(err)
	}
	for _, tag := range []string{"one", "two"} {
		img := image(t, "amd64", layer(t, "a/", "a/x=lower"), layer(t, "a/", "a/.wh.x=", "tag="+tag))
		if err := at.AppendImage(img, layout.WithAnnotations(map[string]string{"org.opencontainers.image.ref.name": tag})); err != nil {
			t.Fatal(err)
		}
	}
	for _, tc := range []struct {
		dir, ref, want string
		kind           fault.Kind
		says           string
	}{
		{dir: dir, ref: "two", want: "a tag=two"},
		{dir: dir, ref: "three", kind: fault.NotFound, says: "only one, two"},
		{dir: dir + "-not", kind: fault.NotFound},
	} {
		src, err := oci.Layout(tc.dir, tc.ref, options(t))
		if err != nil {
			t.Fatal(err)
		}
		check(t, tc.dir+":"+tc.ref, src, tc.want, tc.kind, tc.says)
	}

	// Whoever changes a layer is found out.
	img, err := layout.Write(filepath.Join(t.TempDir(), "one"), empty.Index)
	if err != nil {
		t.Fatal(err)
	}
	l := layer(t, "a=1")
	if err := img.AppendImage(image(t, "amd64", l)); err != nil {
		t.Fatal(err)
	}
	src, err := oci.Layout(string(img), "", options(t))
	if err != nil {
		t.Fatal(err)
	}
	check(t, "the only one", src, "a=1", fault.Unknown, "")
	swap(t, img, l, layer(t, "a=2"))
	check(t, "a changed one", src, "", fault.Corrupt, "")
}

// swap puts another layer's content where a layer is.
func swap(t *testing.T, at layout.Path, old, other v1.Layer) {
	t.Helper()
	was, err := old.Digest()
	if err != nil {
		t.Fatal(err)
	}
	is, err := other.Compressed()
	if err != nil {
		t.Fatal(err)
	}
	defer is.Close() //nolint:errcheck // read-only
	f, err := os.Create(filepath.Join(string(at), "blobs", "sha256", was.Hex))
	if err == nil {
		_, err = f.ReadFrom(is)
	}
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
}

func TestArchive(t *testing.T) {
	file := filepath.Join(t.TempDir(), "images.tar")
	images := map[name.Tag]v1.Image{}
	for _, tag := range []string{"one", "two"} {
		n, err := name.NewTag("image:" + tag)
		if err != nil {
			t.Fatal(err)
		}
		images[n] = image(t, "amd64", layer(t, "a/", "a/x=lower"), layer(t, "a/", "a/.wh.x=", "tag="+tag))
	}
	if err := tarball.MultiWriteToFile(file, images); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		file, tag, want string
		kind            fault.Kind
		says            string
	}{
		{file: file, tag: "image:two", want: "a tag=two"},
		{file: file, tag: "image:three", kind: fault.NotFound, says: "image:two"},
		{file: file, kind: fault.Invalid, says: "several images"},
		{file: file + "-not", kind: fault.NotFound},
	} {
		src, err := oci.Archive(tc.file, tc.tag)
		if err != nil {
			t.Fatal(err)
		}
		check(t, tc.file+":"+tc.tag, src, tc.want, tc.kind, tc.says)
	}
}

// check writes a source and wants files or an error.
func check(t *testing.T, what string, src release.Source, want string, kind fault.Kind, says string) {
	t.Helper()
	files, got, err := write(t.Context(), t, src)
	if kind != fault.Unknown {
		if fault.KindOf(err) != kind || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v (%v), want %v and %q", what, err, fault.KindOf(err), kind, says)
		}
		return
	}
	if err != nil || files != want {
		t.Errorf("%s: %s, %v, want %s", what, files, err, want)
		return
	}
	if is, err := src.Digest(t.Context()); err != nil || is == "" || is != got.Digest || got.Image == nil || got.Image.User != "www:www" {
		t.Errorf("%s: digest %q, %v; written %+v", what, is, err, got)
	}
}
