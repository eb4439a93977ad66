package ioc_test

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"log"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/libioc/ioc"
	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/storage"
)

// container is an image with one file.
func container(t *testing.T) v1.Image {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	if err := errors.Join(
		w.WriteHeader(&tar.Header{Name: "etc/", Typeflag: tar.TypeDir, Mode: 0o755}),
		w.WriteHeader(&tar.Header{Name: "etc/image", Mode: 0o644}), w.Close(),
	); err != nil {
		t.Fatal(err)
	}
	l, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(buf.Bytes())), nil })
	if err != nil {
		t.Fatal(err)
	}
	img, err := mutate.AppendLayers(empty.Image, l)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// TestCreateFromAnAddress: the release is fetched on the way, is called after its address, and stays.
func TestCreateFromAnAddress(t *testing.T) {
	t.Setenv("DOCKER_CONFIG", t.TempDir()) // nobody's credentials
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	defer server.Close()
	at := strings.TrimPrefix(server.URL, "http://") + "/org/image:1.2"
	ref, err := name.ParseReference(at)
	if err == nil {
		err = remote.Write(ref, container(t))
	}
	if err != nil {
		t.Fatal(err)
	}
	h, err := ioc.Open(t.Context(), ioc.Options{Root: realRoot(t)})
	if err != nil {
		t.Fatal(err)
	}
	create := func(jail, from string) error {
		return h.Jail(jail).Create(t.Context(), ioc.CreateOptions{Release: storage.Name(from)})
	}
	for _, tc := range []struct {
		from string
		kind fault.Kind
	}{
		{"oci://" + at + "-not", fault.NotFound},
		{"oci://UPPER", fault.Invalid},
		{"docker-archive:/nowhere/image.tar", fault.NotFound},
		{"oci-layout:/nowhere", fault.NotFound},
		{server.URL + "/nothing.tar.xz", fault.NotFound},
	} {
		if err := create("web", tc.from); !errors.Is(err, tc.kind) {
			t.Errorf("create from %s: %v, want %v", tc.from, err, tc.kind)
		}
	}
	if all, err := h.Releases(t.Context()); err != nil || len(all) > 0 {
		t.Fatalf("releases after failures: %v, %v", all, err)
	}
	// Whatever becomes of the jail, what was fetched for it stays.
	ctx, cancel := context.WithCancel(t.Context())
	_, err = h.JailGenerator("broken-off").Create(ioc.CreateOptions{Release: storage.Name("oci://" + at)}).Do(ctx, events.WithSink(func(ev *events.Event) {
		if ev.Type() == "storage.clone" && ev.Phase == events.Begin {
			cancel()
		}
	}))
	cancel()
	if fault.KindOf(err) != fault.Cancelled {
		t.Errorf("a creation that was broken off: %v", err)
	}
	if all, err := h.Releases(t.Context()); err != nil || len(all) != 1 || all[0].Broken != nil {
		t.Errorf("releases after it: %+v, %v", all, err)
	}
	if all, err := h.Jails(t.Context()); err != nil || len(all) != 0 {
		t.Errorf("jails after it: %+v, %v", all, err)
	}
	server.Close() // from now on nobody needs it
	for _, jail := range []string{"one", "two"} {
		if err := create(jail, "oci://"+at); err != nil {
			t.Fatal(err)
		}
		if i, err := h.Jail(jail).Info(t.Context()); err != nil || i.Release != "image-1.2" {
			t.Errorf("%s is made from %q, %v", jail, i.Release, err)
		}
	}
	all, err := h.Releases(t.Context())
	if err != nil || len(all) != 1 || all[0].Source != "oci://"+at || !strings.HasPrefix(all[0].Digest, "sha256:") {
		t.Errorf("releases: %+v, %v", all, err)
	}
}
