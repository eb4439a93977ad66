package ioc_test

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/libioc/ioc"
	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/events/eventstest"
	"github.com/libioc/ioc/release"
)

// gate is before the work on a release.
type gate struct {
	begun atomic.Int32 // how often
	at    chan struct{}
	open  chan struct{}
	enter func() // closes at, once
	goOn  func() // closes open, once
}

func newGate() *gate {
	g := &gate{at: make(chan struct{}), open: make(chan struct{})}
	g.enter = sync.OnceFunc(func() { close(g.at) })
	g.goOn = sync.OnceFunc(func() { close(g.open) })
	return g
}

// system is an archive of a small one.
func system(t *testing.T) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	const text = "PRETTY_NAME=\"A system\"\n"
	err := w.WriteHeader(&tar.Header{Name: "etc/os-release", Mode: 0o644, Size: int64(len(text)), Uid: os.Getuid(), Gid: os.Getgid()})
	if err == nil {
		_, err = io.WriteString(w, text)
	}
	if err = errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// publisher has a small system in all the ways that servers have one, behind the gate.
func publisher(t *testing.T, g *gate) *httptest.Server {
	t.Helper()
	archive, images, image := system(t), registry.New(registry.Logger(log.New(io.Discard, "", 0))), container(t)
	layers, err := image.Layers()
	if err != nil {
		t.Fatal(err)
	}
	layer, err := layers[0].Digest()
	if err != nil {
		t.Fatal(err)
	}
	about := map[string]string{
		"latest-releases.yaml": "- branch: v3.21\n  arch: %[1]s\n  version: 3.21.3\n  flavor: alpine-minirootfs\n  file: root.tar\n  sha256: %[2]x\n  size: %[3]d\n",
		"index.json":           `{"format":"index:1.0","index":{"images":{"datatype":"image-downloads","path":"streams/v1/images.json","format":"products:1.0"}}}`,
		"images.json": `{"content_id":"images","products":{"debian:bookworm:` + runtime.GOARCH + `:default":{"aliases":"debian/12","arch":"` + runtime.GOARCH + `","os":"Debian","release_title":"bookworm",
"versions":{"20261125_05:24":{"items":{"root.tar.xz":{"ftype":"root.tar.xz","path":"root.tar","sha256":"%[2]x","size":%[3]d}}}}}}}`,
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		dir, base := filepath.Split(r.URL.Path)
		if r.Method == http.MethodGet && (base == "root.tar" || base == layer.String()) && r.Header.Get("If-None-Match") == "" {
			g.begun.Add(1)
			g.enter()
			<-g.open
		}
		switch {
		case strings.HasPrefix(dir, "/v2/"):
			images.ServeHTTP(w, r)
		case base == "root.tar":
			w.Header().Set("ETag", `"1"`)
			w.Header().Set("Content-Type", "application/octet-stream")
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(archive))
		case about[base] != "":
			text := about[base]
			if strings.Contains(text, "%[2]") {
				text = fmt.Sprintf(text, filepath.Base(dir), sha256.Sum256(archive), len(archive))
			}
			_, _ = io.WriteString(w, text) // the client says what is wrong
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(s.Close)
	ref, err := name.ParseReference(strings.TrimPrefix(s.URL, "http://") + "/org/image:1")
	if err == nil {
		err = remote.Write(ref, image)
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// packager is a program instead of mmdebstrap that makes a small system, behind the gate.
func packager(t *testing.T, g *gate) {
	t.Helper()
	dir := t.TempDir()
	const script = `#!/bin/sh
here=${0%/*}
read line <"$here/gate"
while [ "${1#--}" != "$1" ]; do shift; done
mkdir -p "$2/etc" "$2/var/lib/dpkg" && echo 'PRETTY_NAME="A system"' >"$2/etc/os-release" &&
	printf 'Package: one\nVersion: 1\nArchitecture: all\n' >"$2/var/lib/dpkg/status"
`
	path := filepath.Join(dir, "gate")
	err := os.WriteFile(filepath.Join(dir, "mmdebstrap"), []byte(script), 0o755)
	if err = errors.Join(err, syscall.Mkfifo(path, 0o600)); err != nil {
		t.Fatal(err)
	}
	pipe, err := os.OpenFile(path, os.O_RDWR, 0) // which waits for nobody
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pipe.Close() }) // nothing can be lost
	g.goOn = sync.OnceFunc(func() {
		if _, err := pipe.WriteString("\n\n"); err != nil { // for both
			t.Error(err)
		}
	})
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
}

// TestTwoFetches: two hosts fetch one release into one root at once, by every kind of address. Both get it, what is got
// comes once, and who waits says so. Under another name it comes once, too, where it is downloaded, and one waits where it is made.
func TestTwoFetches(t *testing.T) {
	t.Setenv("DOCKER_CONFIG", t.TempDir()) // nobody's credentials
	for _, kind := range []string{"web", "registry", "alpine", "simplestreams", "debian"} {
		for _, second := range []string{"got", "other"} {
			t.Run(kind+"-"+second, func(t *testing.T) {
				h := realHost(t)
				g := newGate()
				defer g.goOn() // before the server waits for those who ask it
				s := publisher(t, g)
				o, once := ioc.FetchOptions{Name: "got", Mirror: s.URL}, true
				switch kind {
				case "web":
					o.From, o.Mirror = s.URL+"/root.tar", ""
				case "registry":
					o.From, o.Mirror = "oci://"+strings.TrimPrefix(s.URL, "http://")+"/org/image:1", ""
				case "alpine":
					o.From = "alpine/3.21"
				case "simplestreams":
					o.From = "images:debian/12"
				case "debian":
					o.From = "debian/bookworm"
					packager(t, g)
					once = second == "got"
				}
				type result struct {
					release.Info
					error
				}
				fetch := func(h *ioc.Host, o ioc.FetchOptions, see func(ev *events.Event)) result {
					i, err := eventstest.Verify(t, h.Fetch(o), events.WithSink(func(ev *events.Event) {
						if ev.Type() == "release.bootstrap" && ev.Phase == events.Begin {
							g.begun.Add(1)
							g.enter()
						}
						see(ev)
					}))
					return result{i, err}
				}
				first := make(chan result)
				go func() { first <- fetch(h, o, func(*events.Event) {}) }()
				<-g.at
				o.Name = second
				waits := ""
				b := fetch(openAt(t, h.Root()), o, func(ev *events.Event) {
					out, _ := ev.Detail.(events.Output)
					switch {
					case ev.Type() == "lock.wait" && ev.Phase == events.Begin,
						strings.HasPrefix(strings.Join(out.Lines, ""), "waiting: "),
						second == "other" && ev.Type() == "download.get" && ev.Phase == events.Begin && (strings.HasSuffix(ev.Key(), "/root.tar") || strings.Contains(ev.Key(), "/blobs/")):
						waits = ev.Title()
						g.goOn()
					}
				})
				g.goOn()
				a := <-first
				if a.error != nil || b.error != nil || waits == "" {
					t.Fatalf("got %v, and %v, which waited for %q", a.error, b.error, waits)
				}
				if diff := cmp.Diff(a.Digest, b.Digest); diff != "" {
					t.Errorf("the second is another (-first +second):\n%s", diff)
				}
				if n := g.begun.Load(); once && n != 1 {
					t.Errorf("it came %d times", n)
				}
				want := []string{"got"}
				if second != "got" {
					want = append(want, second)
				}
				var got []string
				all, err := h.Releases(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				for _, i := range all {
					got = append(got, string(i.Name))
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("there are (-want +got):\n%s", diff)
				}
			})
		}
	}
}

// TestTwoUpdates: the same for what is newer. There is one patch level more, not two.
func TestTwoUpdates(t *testing.T) {
	h := realHost(t)
	current := system(t)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/octet-stream")
		_, _ = w.Write(current) // the client says what is wrong
	}))
	defer s.Close()
	must(t, h.Fetch(ioc.FetchOptions{Name: "sys", From: s.URL + "/root.tar"}))
	current = append(current, make([]byte, 512)...)
	reached, goOn, ended := hold(t, h.UpdateRelease("sys", ""), "release.unpack")
	<-reached
	goes := sync.OnceFunc(func() { close(goOn) })
	defer goes()
	i, err := eventstest.Verify(t, openAt(t, h.Root()).UpdateRelease("sys", ""), events.WithSink(func(ev *events.Event) {
		if ev.Type() == "lock.wait" && ev.Phase == events.Begin {
			goes()
		}
	}))
	goes()
	if first := <-ended; first != nil || err != nil || i.Name != "sys-p1" {
		t.Errorf("got %v, and %+v, %v", first, i, err)
	}
	if all, err := h.Releases(t.Context()); err != nil || len(all) != 2 {
		t.Errorf("there are %+v, %v", all, err)
	}
}
