package published_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/ulikunitz/xz"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/events/eventstest"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/internal/backend/overlay"
	"github.com/libioc/ioc/internal/download"
	"github.com/libioc/ioc/release"
	"github.com/libioc/ioc/release/oci"
	"github.com/libioc/ioc/release/published"
	"github.com/libioc/ioc/storage"
)

// files is a server's content, by path.
type files map[string]string

// system is a small root file system, packed by a writer of the format.
func system(t *testing.T, title string, pack func(w io.Writer) (io.WriteCloser, error)) string {
	t.Helper()
	var buf bytes.Buffer
	z, err := pack(&buf)
	if err != nil {
		t.Fatal(err)
	}
	w := tar.NewWriter(z)
	text := fmt.Sprintf("PRETTY_NAME=%q\n", title)
	for _, h := range []tar.Header{
		{Typeflag: tar.TypeDir, Name: "./", Mode: 0o755},
		{Typeflag: tar.TypeReg, Name: "./etc/os-release", Mode: 0o644, Size: int64(len(text))},
	} {
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
	}
	_, err = io.WriteString(w, text)
	if err := errors.Join(err, w.Close(), z.Close()); err != nil {
		t.Fatal(err)
	}
	return buf.String()
}

func gz(w io.Writer) (io.WriteCloser, error)   { return gzip.NewWriter(w), nil }
func xzip(w io.Writer) (io.WriteCloser, error) { return xz.NewWriter(w) }

func sum(s string) string {
	h := sha256.Sum256([]byte(s))
	return hex.EncodeToString(h[:])
}

// layout is a publisher's server with one system on it.
type layout struct {
	name, address string
	archive       string // the path of the file that is unpacked
	index         string // one that leads to it
	title         string
	files         files
}

// layouts are those of all publishers, as their servers have them.
func layouts(t *testing.T) []layout {
	alpine, debian := system(t, "Alpine Linux v3.21", gz), system(t, "Debian 12", xzip)
	bsd, old := system(t, "FreeBSD 15.0-RELEASE", xzip), system(t, "FreeBSD 9.3-RELEASE", xzip)
	hbsd := system(t, "HardenedBSD", xzip)
	manifest := func(base string) string {
		return "base-dbg.txz\t" + sum("x") + "\t3\tbase_dbg\t\"Base system (Debugging)\"\toff\nbase.txz\t" + sum(base) + "\t2\tbase\t\"Base system (MANDATORY)\"\ton\n" +
			"kernel.txz\t" + sum("y") + "\t1\tkernel\t\"Kernel (MANDATORY)\"\ton\n"
	}
	images := func(path, content string) string {
		return fmt.Sprintf(`{"content_id":"images","products":{
"debian:bookworm:amd64:cloud":{"aliases":"debian/bookworm/cloud,debian/12/cloud","arch":"amd64","os":"Debian","release_title":"bookworm","versions":{}},
"debian:bookworm:arm64:default":{"aliases":"debian/12","arch":"arm64","os":"Debian","release_title":"bookworm","versions":{"2":{"items":{"root.tar.xz":{"ftype":"root.tar.xz","path":"arm","sha256":"","size":1}}}}},
"debian:bookworm:amd64:default":{"aliases":"debian/bookworm/default,debian/bookworm,debian/12","arch":"amd64","os":"Debian","release_title":"bookworm","versions":{
 "20261125_05:24":{"items":{"lxd.tar.xz":{"ftype":"lxd.tar.xz","path":"x/lxd.tar.xz","sha256":"%[4]s","size":3},"root.tar.xz":{"ftype":"root.tar.xz","path":"%[1]s","sha256":"%[2]s","size":%[3]d}}},
 "20261124_05:24":{"items":{"root.tar.xz":{"ftype":"root.tar.xz","path":"old/rootfs.tar.xz","sha256":"%[4]s","size":1}}}}}}}`,
			path, sum(content), len(content), sum("z"))
	}
	const yaml = `---
-
  branch: v3.21
  arch: x86_64
  version: 3.21.3
  flavor: alpine-standard
  file: alpine-standard-3.21.3-x86_64.iso
  sha256: "00"
  size: 5
- # the small one
  branch: v3.21
  arch: x86_64
  version: 3.21.3
  flavor: alpine-minirootfs
  title: "Mini root filesystem"
  desc: |
    Minimal root filesystem.
    For use in containers
  file: alpine-minirootfs-3.21.3-x86_64.tar.gz
  sha256: %s
  size: %d
`
	return []layout{
		{"alpine", "alpine/3.21", "/v3.21/releases/x86_64/alpine-minirootfs-3.21.3-x86_64.tar.gz", "/v3.21/releases/x86_64/latest-releases.yaml", "Alpine Linux v3.21", files{
			"/v3.21/releases/x86_64/latest-releases.yaml":                   fmt.Sprintf(yaml, sum(alpine), len(alpine)),
			"/v3.21/releases/x86_64/alpine-minirootfs-3.21.3-x86_64.tar.gz": alpine,
		}},
		{"alpine-exact", "alpine/3.21.3", "/v3.21/releases/x86_64/alpine-minirootfs-3.21.3-x86_64.tar.gz", "/v3.21/releases/x86_64/alpine-minirootfs-3.21.3-x86_64.tar.gz.sha256", "Alpine Linux v3.21", files{
			"/v3.21/releases/x86_64/alpine-minirootfs-3.21.3-x86_64.tar.gz":        alpine,
			"/v3.21/releases/x86_64/alpine-minirootfs-3.21.3-x86_64.tar.gz.sha256": sum(alpine) + "  alpine-minirootfs-3.21.3-x86_64.tar.gz\n",
		}},
		{"simplestreams", "images:debian/12", "/images/debian/bookworm/amd64/default/20261125_05:24/rootfs.tar.xz", "/streams/v1/images.json", "Debian 12", files{
			"/streams/v1/index.json":  `{"format":"index:1.0","index":{"images":{"datatype":"image-downloads","path":"streams/v1/images.json","format":"products:1.0"}}}`,
			"/streams/v1/images.json": images("images/debian/bookworm/amd64/default/20261125_05:24/rootfs.tar.xz", debian),
			"/images/debian/bookworm/amd64/default/20261125_05:24/rootfs.tar.xz": debian,
		}},
		{"freebsd", "freebsd/15.0-RELEASE", "/amd64/amd64/15.0-RELEASE/base.txz", "/amd64/amd64/15.0-RELEASE/MANIFEST", "FreeBSD 15.0-RELEASE", files{
			"/amd64/amd64/15.0-RELEASE/MANIFEST": manifest(bsd), "/amd64/amd64/15.0-RELEASE/base.txz": bsd,
		}},
		{"freebsd-archive", "freebsd/9.3-RELEASE", "/amd64/9.3-RELEASE/base.txz", "/amd64/9.3-RELEASE/MANIFEST", "FreeBSD 9.3-RELEASE", files{
			"/amd64/9.3-RELEASE/MANIFEST": manifest(old), "/amd64/9.3-RELEASE/base.txz": old,
		}},
		{"hardenedbsd", "hardenedbsd/15-STABLE", "/15-STABLE/amd64/amd64/installer/LATEST/base.txz", "/15-STABLE/amd64/amd64/installer/LATEST/CHECKSUMS.SHA256", "HardenedBSD", files{
			"/15-STABLE/amd64/amd64/installer/LATEST/CHECKSUMS.SHA256": "SHA256 (kernel.txz) = " + sum("k") + "\nSHA256 (base.txz) = " + sum(hbsd) + "\n",
			"/15-STABLE/amd64/amd64/installer/LATEST/base.txz":         hbsd,
		}},
	}
}

// others are servers that are no publisher's: one of any archive, with a sum and without, and a registry with an image of two layers.
func others(t *testing.T) []layout {
	any, lower, upper := system(t, "Any Linux", xzip), system(t, "Lower Linux", gz), system(t, "Upper Linux", gz)
	plain := func(packed string) string {
		z, err := gzip.NewReader(strings.NewReader(packed))
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(z)
		if err != nil {
			t.Fatal(err)
		}
		return sum(string(text))
	}
	config := fmt.Sprintf(`{"architecture":"amd64","os":"linux","config":{},"rootfs":{"type":"layers","diff_ids":["sha256:%s","sha256:%s"]}}`, plain(lower), plain(upper))
	const kind = "application/vnd.oci.image."
	layer := func(text string) string {
		return fmt.Sprintf(`{"mediaType":"%slayer.v1.tar+gzip","digest":"sha256:%s","size":%d}`, kind, sum(text), len(text))
	}
	manifest := fmt.Sprintf(`{"schemaVersion":2,"mediaType":"%[1]smanifest.v1+json","config":{"mediaType":"%[1]sconfig.v1+json","digest":"sha256:%[2]s","size":%[3]d},"layers":[%[4]s,%[5]s]}`,
		kind, sum(config), len(config), layer(lower), layer(upper))
	blob := func(text string) string { return "/v2/org/image/blobs/sha256:" + sum(text) }
	return []layout{
		{"web", "/root.tar.xz", "/root.tar.xz", "/root.tar.xz", "Any Linux", files{"/root.tar.xz": any}},
		{"web-sum", "/root.tar.xz#" + sum(any), "/root.tar.xz", "/root.tar.xz", "Any Linux", files{"/root.tar.xz": any}},
		{"registry", "oci://org/image:1", blob(upper), "/v2/org/image/manifests/1", "Upper Linux", files{
			"/v2/": "{}", "/v2/org/image/manifests/1": manifest, "/v2/org/image/manifests/sha256:" + sum(manifest): manifest,
			blob(config): config, blob(lower): lower, blob(upper): upper,
		}},
		{"registry-settings", "oci://org/image:1", blob(lower), blob(config), "Upper Linux", files{
			"/v2/": "{}", "/v2/org/image/manifests/1": manifest, "/v2/org/image/manifests/sha256:" + sum(manifest): manifest,
			blob(config): config, blob(lower): lower, blob(upper): upper,
		}},
	}
}

// server serves files, or what plan says for a path.
type server struct {
	*httptest.Server
	files files
	plan  map[string]http.HandlerFunc
	from  sync.Map // path: from where on it was asked for, the last time
}

func serve(t *testing.T, f files) *server {
	t.Helper()
	s := &server{files: maps.Clone(f), plan: map[string]http.HandlerFunc{}}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.from.Store(r.URL.Path, r.Header.Get("Range"))
		if h := s.plan[r.URL.Path]; h != nil {
			h(w, r)
			return
		}
		content, ok := s.files[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/octet-stream")
		if strings.HasSuffix(r.URL.Path, "/") {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
		}
		if strings.Contains(r.URL.Path, "/manifests/") {
			w.Header().Set("Content-Type", "application/vnd.oci.image.manifest.v1+json")
		}
		w.Header().Set("ETag", `"`+sum(content)+`"`)
		http.ServeContent(w, r, "", time.Time{}, strings.NewReader(content))
	}))
	t.Cleanup(s.Close)
	return s
}

// place is a driver on disk and a cache, below one directory.
type place struct {
	dir   string
	disk  *overlay.Driver
	cache *download.Cache
}

func newPlace(t *testing.T, dir string) *place {
	t.Helper()
	d, err := overlay.Open(filepath.Join(dir, "root"), overlay.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return &place{dir, d, &download.Cache{Dir: filepath.Join(dir, "cache"), Stall: time.Minute, Pace: 1, Attempts: 2, Pause: time.Nanosecond}}
}

// source is what is at an address: of a publisher, of a registry (oci://PATH), or any (PATH).
func (p *place) source(address, mirror string) (release.Source, error) {
	if image, ok := strings.CutPrefix(address, oci.Scheme); ok {
		return oci.Registry(strings.TrimPrefix(mirror, "http://")+"/"+image, oci.Options{Cache: p.cache, Platform: "linux/amd64", Keychain: authn.NewMultiKeychain()})
	}
	if address[0] == '/' {
		path, sum, _ := strings.Cut(address, "#")
		return release.Web(p.cache, mirror+path, sum), nil
	}
	return published.New(address, published.Options{Cache: p.cache, Arch: "amd64", Mirror: mirror})
}

func (p *place) fetch(t *testing.T, address, mirror string) (release.Info, error) {
	t.Helper()
	src, err := p.source(address, mirror)
	if err != nil {
		return release.Info{}, err
	}
	return eventstest.Verify(t, release.Import(p.disk, release.ImportOptions{Name: "got", Source: src}))
}

// nothing wants no release, and nothing staged for one.
func (p *place) nothing(t *testing.T) {
	t.Helper()
	all, err := p.disk.List(t.Context(), storage.Releases)
	if err != nil || len(all) > 0 {
		t.Errorf("there are %v, %v", all, err)
	}
	for _, dir := range []string{"releases", "trash"} {
		if left, _ := os.ReadDir(filepath.Join(p.dir, "root", dir)); len(left) > 0 {
			t.Errorf("left in %s: %v", dir, left)
		}
	}
}

func TestPublished(t *testing.T) {
	for _, l := range layouts(t) {
		t.Run(l.name, func(t *testing.T) {
			p, s := newPlace(t, t.TempDir()), serve(t, l.files)
			i, err := p.fetch(t, l.address, s.URL+"/")
			if err != nil {
				t.Fatal(err)
			}
			if i.Title != l.title || i.Source != l.address || i.Files < 2 || !strings.HasPrefix(i.Digest, "sha256:") {
				t.Errorf("got %+v", i)
			}
			if _, err := p.fetch(t, l.address, s.URL); err != nil {
				t.Errorf("again: %v", err)
			}
		})
	}
}

// TestProgress: every source says how many bytes of how many have come, and are unpacked.
func TestProgress(t *testing.T) {
	for _, l := range append(layouts(t), others(t)...) {
		t.Run(l.name, func(t *testing.T) {
			p, s := newPlace(t, t.TempDir()), serve(t, l.files)
			src, err := p.source(l.address, s.URL)
			if err != nil {
				t.Fatal(err)
			}
			last := map[string]events.Amount{}
			if _, err := release.Import(p.disk, release.ImportOptions{Name: "got", Source: src}).Do(t.Context(), events.WithSink(func(ev *events.Event) {
				if a, ok := ev.Detail.(events.Amount); ok && ev.Phase == events.Progress {
					last[ev.Type()+" "+ev.Key()] = a
				}
			})); err != nil {
				t.Fatal(err)
			}
			size := int64(len(l.files[l.archive]))
			if got, want := last["download.get "+s.URL+l.archive], (events.Amount{Done: size, Total: size, Unit: "bytes"}); got != want {
				t.Errorf("download: %+v, want %+v; there are %v", got, want, last)
			}
			if got := last["release.unpack got"]; got.Done < size || got.Done != got.Total || got.Unit != "bytes" {
				t.Errorf("unpack: %+v of at least %d bytes", got, size)
			}
		})
	}
}

func TestAddresses(t *testing.T) {
	for s, want := range map[string]string{
		"alpine/3.21": "alpine/3.21", "images:debian/12": "images:debian/12", "15.0-RELEASE": "freebsd/15.0-RELEASE",
		"14.3-RC1": "freebsd/14.3-RC1", "freebsd/15.0-STABLE": "freebsd/15.0-STABLE", "web-RELEASE": "", "15.0": "", "mine": "", "2-x": "",
	} {
		if got, ok := published.Address(s); got != want || ok != (want != "") {
			t.Errorf("Address(%q) = %q, %v", s, got, ok)
		}
	}
	for _, bad := range []string{"alpine/", "alpine/x", "alpine/3..1/..", "images:", "images:../x", "freebsd/../../x", "freebsd/a b", "images:a//b", "x"} {
		if _, err := published.New(bad, published.Options{}); !errors.Is(err, fault.Invalid) {
			t.Errorf("New(%q): %v, want invalid", bad, err)
		}
	}
}
