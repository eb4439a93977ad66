package oci_test

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/logs"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/events/eventstest"
	"github.com/libioc/ioc/internal/download"
	"github.com/libioc/ioc/internal/filetree"
	"github.com/libioc/ioc/release"
	"github.com/libioc/ioc/release/oci"
)

// layer is one of files: "dir/", "name=content", "link->target", "name==other" for a hard link.
func layer(t *testing.T, files ...string) v1.Layer {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, f := range files {
		h := tar.Header{Typeflag: tar.TypeReg, Mode: 0o755, Uid: os.Getuid(), Gid: os.Getgid()}
		var content string
		switch {
		case strings.HasSuffix(f, "/"):
			h.Name, h.Typeflag = f, tar.TypeDir
		case strings.Contains(f, "->"):
			h.Name, h.Linkname, _ = strings.Cut(f, "->")
			h.Typeflag = tar.TypeSymlink
		case strings.Contains(f, "=="):
			h.Name, h.Linkname, _ = strings.Cut(f, "==")
			h.Typeflag = tar.TypeLink
		default:
			h.Name, content, _ = strings.Cut(f, "=")
			h.Size = int64(len(content))
		}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, content); err != nil {
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

// image is one with these layers, for a platform.
func image(t *testing.T, arch string, layers ...v1.Layer) v1.Image {
	t.Helper()
	img, err := mutate.AppendLayers(empty.Image, layers...)
	if err == nil {
		var c *v1.ConfigFile
		if c, err = img.ConfigFile(); err == nil {
			c = c.DeepCopy()
			c.OS, c.Architecture = "linux", arch
			c.Config = v1.Config{
				Entrypoint: []string{"/bin/entry"}, Cmd: []string{"serve", "-v"}, Env: []string{"A=1", "PATH=/bin"},
				User: "www:www", WorkingDir: "/srv",
			}
			img, err = mutate.ConfigFile(img, c)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// host is a registry in this process.
type host struct {
	*httptest.Server
	t      *testing.T
	before func(w http.ResponseWriter, r *http.Request) bool // answers instead, if it says so
	mu     sync.Mutex
	asked  []string
}

func newHost(t *testing.T) *host {
	t.Helper()
	logs.Warn.SetOutput(io.Discard)
	h := &host{t: t}
	inner := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.mu.Lock()
		h.asked = append(h.asked, r.Method+" "+r.URL.Path)
		h.mu.Unlock()
		if h.before == nil || !h.before(w, r) {
			inner.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(h.Close)
	return h
}

// ref names an image of this registry.
func (h *host) ref(image string) string { return strings.TrimPrefix(h.URL, "http://") + "/" + image }

func (h *host) push(image string, img remote.Taggable) {
	h.t.Helper()
	ref, err := name.ParseReference(h.ref(image))
	if err == nil {
		switch img := img.(type) {
		case v1.Image:
			err = remote.Write(ref, img)
		case v1.ImageIndex:
			err = remote.WriteIndex(ref, img)
		}
	}
	if err != nil {
		h.t.Fatal(err)
	}
	h.asked = nil
}

// nobody has no credentials, whatever this machine's files say.
type nobody struct{}

func (nobody) Resolve(authn.Resource) (authn.Authenticator, error) { return authn.Anonymous, nil }

func options(t *testing.T) oci.Options {
	t.Helper()
	return oci.Options{
		Cache:    &download.Cache{Dir: t.TempDir() + "/cache", Attempts: 2, Pause: time.Nanosecond},
		Platform: "linux/amd64", Keychain: nobody{},
	}
}

type operation struct{}

func (operation) EventType() string { return "test.image" }

// write gets a source's files in an operation of its own, and lists them.
func write(ctx context.Context, t *testing.T, src release.Source) (string, release.Written, error) {
	t.Helper()
	dir := t.TempDir()
	w, err := filetree.NewWriter(dir, filetree.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var check eventstest.Checker
	got, err := events.New(operation{}, func(s events.Step) (release.Written, error) {
		if p, ok := src.(release.Preparer); ok {
			var err error
			if src, err = p.Prepare(s); err != nil {
				return release.Written{}, err
			}
		}
		return src.Write(s.Context(), release.Target{Tree: w, Progress: func(done, total int64) error { return nil }})
	}).Do(ctx, events.WithSink(func(ev *events.Event) {
		if err := check.Add(*ev); err != nil {
			t.Error(err)
		}
	}))
	err = errors.Join(err, w.Close(), check.Close())
	return listing(t, dir), got, err
}

// listing is a tree in words.
func listing(t *testing.T, dir string) string {
	t.Helper()
	var all []string
	if err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		name, _ := filepath.Rel(dir, path)
		if d.Type().IsRegular() {
			content, err := os.ReadFile(path)
			all = append(all, name+"="+string(content))
			return err
		}
		all = append(all, name)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return strings.Join(all, " ")
}
