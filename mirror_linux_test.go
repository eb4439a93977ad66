package ioc_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/libioc/ioc"
	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/internal/run"
)

// TestMirrorFails: the real mmdebstrap, and apt, meet a mirror that fails in every way. It is told what it was, nothing is
// left but packages, and the next fetch succeeds. (TestDebian has it do so with the real program.)
func TestMirrorFails(t *testing.T) {
	h := realHost(t)
	if path := run.Find("mmdebstrap"); path == "mmdebstrap" {
		t.Skip("left out: mmdebstrap is not installed")
	}
	dir := t.TempDir()
	conf := filepath.Join(dir, "apt.conf")
	if err := os.WriteFile(conf, []byte("Acquire::http::Timeout \"1\";\nAcquire::Retries \"0\";\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Setenv("APT_CONFIG", conf)
	t.Setenv("http_proxy", "") // nobody between us
	const text = "Origin: Debian\nSuite: stable\nCodename: bookworm\n"
	for _, tc := range []struct {
		name   string
		answer func(w http.ResponseWriter, r *http.Request)
		kind   fault.Kind
	}{
		{"missing", http.NotFound, fault.NotFound},
		{"page", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			fmt.Fprint(w, "<html>Please log in</html>")
		}, fault.Unavailable},
		{"another-file", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, text) }, fault.Unavailable},
		{"cut", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", strconv.Itoa(2*len(text)))
			fmt.Fprint(w, text)
			panic(http.ErrAbortHandler)
		}, fault.Unavailable},
		{"stalled", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, fault.Unavailable},
		{"broken-off", nil, fault.Cancelled},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			answer := tc.answer
			if answer == nil {
				answer = func(_ http.ResponseWriter, r *http.Request) { cancel(); <-r.Context().Done() }
			}
			s := httptest.NewServer(http.HandlerFunc(answer))
			defer s.Close()
			o := ioc.FetchOptions{Name: "got", From: "debian/bookworm", Mirror: s.URL}
			_, err := h.Fetch(o).Do(ctx)
			if kind := fault.KindOf(err); err == nil || kind != tc.kind || len(fault.Remedies(err)) == 0 && kind != fault.Cancelled {
				t.Errorf("%v (%v), remedies %q; want %v", err, kind, fault.Remedies(err), tc.kind)
			}
			if all, err := h.Releases(t.Context()); err != nil || len(all) > 0 {
				t.Errorf("there are %v, %v", all, err)
			}
			nothingLeft(t, h)
			worksWithStandIn(t, h, o)
		})
	}
}

// worksWithStandIn fetches by a program that makes a small system at once, and destroys it.
func worksWithStandIn(t *testing.T, h *ioc.Host, o ioc.FetchOptions) {
	t.Helper()
	bin, was := t.TempDir(), os.Getenv("PATH")
	const script = `#!/bin/sh
while [ "${1#--}" != "$1" ]; do shift; done
mkdir -p "$2/etc" "$2/var/lib/dpkg" && echo 'PRETTY_NAME="A system"' >"$2/etc/os-release" &&
	printf 'Package: one\nVersion: 1\nArchitecture: all\n' >"$2/var/lib/dpkg/status"
`
	err := os.WriteFile(filepath.Join(bin, "mmdebstrap"), []byte(script), 0o755)
	if err = errors.Join(err, os.Setenv("PATH", bin+":"+was)); err != nil {
		t.Fatal(err)
	}
	i, err := h.Fetch(o).Do(t.Context(), events.WithSink(func(*events.Event) {}))
	if err = errors.Join(err, os.Setenv("PATH", was)); err != nil || !strings.HasPrefix(i.Title, "A system") {
		t.Errorf("the next one: %+v, %v", i, err)
	}
	if _, err := h.DestroyRelease(o.Name).Do(t.Context()); err != nil {
		t.Error(err)
	}
}
