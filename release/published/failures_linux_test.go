package published_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/events/eventstest"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/release"
	"github.com/libioc/ioc/release/published"
)

// Every failure of every download is a test, and after each the next fetch succeeds without any hand work. Here are the publishers,
// an archive on the web and a registry:
//
//	404, 403, 502, a web page, cut, stalled, another file, empty   TestFailures, of an index and of an archive
//	Ctrl-C                                                         TestInterrupted, at every event
//	no space                                                       TestDiskFull, while it is downloaded and while it is unpacked
//	kill -9                                                        fetch-published, fetch-web and fetch-image of the crash matrix
//
// Packages of Debian and Ubuntu are downloaded by apt: what it does with such a mirror is package ioc's TestMirrorFails, what it says
// of a full disk and of wrong packages release/bootstrap's TestJudge, and a kill the crash matrix's fetch-bootstrap.

// TestFailures: every source fails in every way, says which, leaves nothing but downloads, and the next fetch is
// as if nothing had been.
func TestFailures(t *testing.T) {
	cut := func(content string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("ETag", `"x"`)
			w.Header().Set("Content-Length", strconv.Itoa(len(content)))
			_, _ = io.WriteString(w, content[:len(content)/2]) // the connection is given up anyway
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}
	}
	hang := func(content string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, content[:1]) // as above
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}
	}
	answer := func(code int, kind, body string) func(string) http.HandlerFunc {
		return func(string) http.HandlerFunc {
			return func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", kind)
				w.WriteHeader(code)
				_, _ = io.WriteString(w, body) // as above
			}
		}
	}
	for _, l := range append(layouts(t), others(t)...) {
		for _, f := range []struct {
			name string
			do   func(content string) http.HandlerFunc
			kind fault.Kind
			says string
		}{
			{"missing", answer(http.StatusNotFound, "text/plain", "no"), fault.NotFound, "404"},
			{"broken-server", answer(http.StatusBadGateway, "text/plain", "no"), fault.Unavailable, "502"},
			{"forbidden", answer(http.StatusForbidden, "text/plain", "no"), fault.Denied, "403"},
			{"page", answer(http.StatusOK, "text/html", "<html>Please log in</html>"), fault.Unavailable, "web page"},
			{"cut", cut, fault.Unavailable, "connection was cut"},
			{"stalled", hang, fault.Timeout, "bytes in"},
			{"another-file", answer(http.StatusOK, "application/octet-stream", strings.Repeat("something else ", 100)), fault.Unknown, ""},
			{"empty", answer(http.StatusOK, "application/octet-stream", ""), fault.Unknown, ""},
		} {
			for what, path := range map[string]string{"index": l.index, "archive": l.archive} {
				t.Run(l.name+"/"+what+"/"+f.name, func(t *testing.T) {
					t.Parallel()
					p, s := newPlace(t, t.TempDir()), serve(t, l.files)
					if f.name == "stalled" {
						p.cache.Stall, p.cache.Pace = 20*time.Millisecond, 1<<20
					}
					s.plan[path] = f.do(l.files[path])
					_, err := p.fetch(t, l.address, s.URL)
					kind := fault.KindOf(err)
					if err == nil || f.kind != fault.Unknown && kind != f.kind || !strings.Contains(err.Error(), f.says) {
						t.Errorf("%v (%v), want %v and %q", err, kind, f.kind, f.says)
					}
					if kind == fault.Unknown || kind == fault.Internal || len(fault.Remedies(err)) == 0 && kind != fault.Denied && kind != fault.NotFound {
						t.Errorf("%v is %v, with remedies %q", err, kind, fault.Remedies(err))
					}
					p.nothing(t)
					delete(s.plan, path)
					p.cache.Stall = time.Minute
					if i, err := p.fetch(t, l.address, s.URL); err != nil || i.Title != l.title {
						t.Errorf("the next one: %+v, %v", i, err)
					}
					if at, _ := s.from.Load(l.archive); f.name == "cut" && what == "archive" && at == "" {
						t.Error("the next one began anew")
					}
				})
			}
		}
	}
}

// TestInterrupted: whoever breaks it off, at whatever event, leaves nothing but downloads.
func TestInterrupted(t *testing.T) {
	for _, l := range append(layouts(t), others(t)...) {
		t.Run(l.name, func(t *testing.T) {
			t.Parallel()
			for n := 1; interrupted(t, l, n); n++ { //nolint:revive // until it ends before that
			}
		})
	}
}

// interrupted breaks a fetch off at its nth event, and reports whether it has so many.
func interrupted(t *testing.T, l layout, n int) bool {
	t.Helper()
	p, s := newPlace(t, t.TempDir()), serve(t, l.files)
	src, err := p.source(l.address, s.URL)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var check eventstest.Checker
	seen := 0
	_, err = release.Import(p.disk, release.ImportOptions{Name: "got", Source: src}).Do(ctx, events.WithSink(func(ev *events.Event) {
		if err := check.Add(*ev); err != nil {
			t.Error(err)
		}
		if seen++; seen == n {
			cancel()
		}
	}))
	if err == nil {
		return false
	}
	if fault.KindOf(err) != fault.Cancelled {
		t.Errorf("after %d events: %v", n, err)
	}
	p.nothing(t)
	if _, err := p.fetch(t, l.address, s.URL); err != nil {
		t.Errorf("after %d events: the next one: %v", n, err)
	}
	return true
}

// TestDiskFull: the disk is full while it is downloaded, and while it is unpacked. With room the next fetch goes on.
func TestDiskFull(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("a disk of its own: needs root")
	}
	for _, l := range append(layouts(t), others(t)...) {
		for _, full := range []string{"cache", "root"} {
			t.Run(l.name+"/"+full, func(t *testing.T) {
				t.Parallel()
				diskFull(t, l, full)
			})
		}
	}
}

func diskFull(t *testing.T, l layout, full string) {
	t.Helper()
	dir := t.TempDir()
	small := filepath.Join(dir, full)
	if err := os.Mkdir(small, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("none", small, "tmpfs", 0, "size=256k"); err != nil {
		t.Skip("a disk of its own: ", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(small, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	p, s := newPlace(t, dir), serve(t, l.files)
	ballast := filepath.Join(small, "ballast")
	fill(t, ballast)
	_, err := p.fetch(t, l.address, s.URL)
	if !errors.Is(err, fault.NoSpace) {
		t.Errorf("%v (%v), want no space", err, fault.KindOf(err))
	}
	p.nothing(t)
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	if _, err := p.fetch(t, l.address, s.URL); err != nil {
		t.Errorf("with room: %v", err)
	}
}

// fill leaves no block of a disk.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for block := make([]byte, 4096); ; {
		if _, err := f.Write(block); errors.Is(err, unix.ENOSPC) {
			return
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

// TestTwoAtOnce: two fetches of one system at once, in roots of their own with one cache, share the download.
func TestTwoAtOnce(t *testing.T) {
	l := layouts(t)[3]
	p, s := newPlace(t, t.TempDir()), serve(t, l.files)
	other := newPlace(t, t.TempDir())
	other.cache = p.cache
	asked, first, goOn := make(chan string, 10), make(chan struct{}), make(chan struct{})
	content := l.files[l.archive]
	s.plan[l.archive] = func(w http.ResponseWriter, _ *http.Request) {
		asked <- l.archive
		close(first) // of a second request
		<-goOn
		_, _ = io.WriteString(w, content) // the client says what is wrong
	}
	ended := make(chan error, 2)
	go func() { _, err := p.fetch(t, l.address, s.URL); ended <- err }()
	<-first
	src, err := published.New(l.address, published.Options{Cache: other.cache, Arch: "amd64", Mirror: s.URL})
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		_, err := release.Import(other.disk, release.ImportOptions{Name: "got", Source: src}).Do(t.Context(), events.WithSink(func(ev *events.Event) {
			if ev.Type() == "download.get" && ev.Pending() && strings.HasSuffix(ev.Key(), "base.txz") && ev.Phase == events.Begin {
				close(goOn)
			}
		}))
		ended <- err
	}()
	for range 2 {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	if n := len(asked); n != 1 {
		t.Errorf("it was downloaded %d times", n)
	}
}
