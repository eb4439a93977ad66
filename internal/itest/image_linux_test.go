package itest

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	nothing "github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/libioc/ioc"
)

// pushes puts images on a registry of this process, and gives the address of one. All have base.tar as their lowest
// layer; what is above it is their own, but that of "other" is below that of "image", too.
func pushes(dir, which string) string {
	base, err := os.ReadFile(filepath.Join(dir, "base.tar"))
	if err != nil {
		panic(err)
	}
	layers := map[string][][]byte{
		"other": {base, layer("data/other", "other")},
		"image": {base, layer("data/other", "other"), layer("data/image", "image", "data/.wh.old", "", "etc/passwd", "root:x:0:0::/:/bin/sh\n")},
	}
	at := strings.TrimPrefix(httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0)))).URL, "http://") + "/" + which + ":1"
	ref, err := name.ParseReference(at)
	if err != nil {
		panic(err)
	}
	img := nothing.Image
	for _, text := range layers[which] {
		l, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(text)), nil })
		if err == nil {
			img, err = mutate.AppendLayers(img, l)
		}
		if err != nil {
			panic(err)
		}
	}
	if err := remote.Write(ref, img); err != nil {
		panic(err)
	}
	return "oci://" + at
}

// layer is an archive of files: names and contents.
func layer(files ...string) []byte {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	when := time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC)
	for i := 0; i < len(files); i += 2 {
		h := tar.Header{Typeflag: tar.TypeReg, Name: files[i], Mode: 0o640, Size: int64(len(files[i+1])), ModTime: when}
		err := w.WriteHeader(&h)
		if err == nil {
			_, err = io.WriteString(w, files[i+1])
		}
		if err != nil {
			panic(err)
		}
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// pulls fetches an image that has layers in common with that of the scenario.
func pulls(h *ioc.Host) error {
	_, err := h.Fetch(ioc.FetchOptions{Name: "other", From: pushes(filepath.Dir(h.Root()), "other")}).Do(context.Background())
	return err
}

// layersAreWhole wants each layer that says that it is complete to have what is known of it, and all of them to go once no
// release is made of them.
func layersAreWhole(h *ioc.Host) error {
	cache := filepath.Join(h.Root(), "cache")
	roots, err := filepath.Glob(filepath.Join(cache, "layer-*", "root"))
	if err != nil {
		return err
	}
	for _, root := range roots {
		if _, err := os.Stat(filepath.Join(filepath.Dir(root), "layer.json")); err != nil {
			return fmt.Errorf("half a layer: %w", err)
		}
	}
	ctx := context.Background()
	all, err := h.Releases(ctx)
	if err != nil {
		return err
	}
	for _, r := range all {
		if _, err := h.DestroyRelease(string(r.Name)).Do(ctx); err != nil {
			return err
		}
	}
	_, err = h.Prune(ioc.PruneOptions{Age: time.Nanosecond}).Do(ctx)
	left, bad := os.ReadDir(cache)
	if err = errors.Join(err, bad); err == nil && len(left) > 0 {
		err = fmt.Errorf("prune left %v", left)
	}
	return err
}
