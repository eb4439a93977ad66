package release_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/internal/backend/mem"
	"github.com/libioc/ioc/release"
	"github.com/libioc/ioc/storage"
)

func dir(name string) tar.Header { return tar.Header{Typeflag: tar.TypeDir, Name: name, Mode: 0o755} }

func text(name, content string) tar.Header {
	return tar.Header{Name: name, Mode: 0o644, PAXRecords: body(content)}
}

func layer(content []byte) release.Archive {
	return release.Archive{
		Name: "layer", Size: int64(len(content)),
		Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil },
	}
}

func TestStackRefuses(t *testing.T) {
	base := archive(t, dir("a/"), text("a/x", "x"))
	wrong := layer(base)
	wrong.Digest = "sha256:" + strings.Repeat("0", 64)
	inner := layer(base)
	inner.Plain = wrong.Digest
	for _, tc := range []struct {
		name   string
		second release.Archive
		policy release.Policy
		kind   fault.Kind
		says   string
	}{
		{name: "digest", second: wrong, kind: fault.Corrupt, says: "digest"},
		{name: "content", second: inner, kind: fault.Corrupt, says: "content's digest"},
		{name: "mark-upwards", second: layer(archive(t, text("a/.wh...", ""))), kind: fault.Invalid, says: "takes away no name"},
		{name: "mark-of-nothing", second: layer(archive(t, text("a/.wh.", ""))), kind: fault.Invalid, says: "takes away no name"},
		{name: "name-upwards", second: layer(archive(t, text("../x", ""))), kind: fault.Invalid, says: "leads upwards"},
		{name: "too-much-together", second: layer(archive(t, text("b", strings.Repeat("b", 60)))), policy: release.Policy{Bytes: 60}, kind: fault.Invalid, says: "more than 60 bytes"},
		{name: "cut", second: layer(base[:len(base)-1024]), kind: fault.Corrupt, says: "cut off"},
		{name: "unreadable", second: release.Archive{Name: "b", Open: func() (io.ReadCloser, error) {
			return nil, fault.New("", fault.NotFound, "b", nil)
		}}, kind: fault.NotFound},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d := mem.New(time.Now)
			src := release.Stack(release.StackOptions{Name: "image", Layers: true}, layer(base), tc.second)
			_, err := release.Import(d, release.ImportOptions{Name: "image", Source: src, Policy: tc.policy}).Do(t.Context())
			if fault.KindOf(err) != tc.kind || !strings.Contains(err.Error(), tc.says) {
				t.Fatalf("%v (%v), want %v and %q", err, fault.KindOf(err), tc.kind, tc.says)
			}
			if _, err := d.Stat(t.Context(), storage.Release("image")); !errors.Is(err, fault.NotFound) {
				t.Errorf("something is left: %v", err)
			}
		})
	}
}
