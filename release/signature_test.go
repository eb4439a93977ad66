package release_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/internal/backend/mem"
	"github.com/libioc/ioc/internal/download"
	"github.com/libioc/ioc/release"
	"github.com/libioc/ioc/storage"
)

// TestSigned imports what minisign 0.11 and signify 31 have signed.
func TestSigned(t *testing.T) {
	const dir = "testdata/signed/"
	data, err := os.ReadFile(dir + "system.tar.gz")
	if err != nil {
		t.Fatal(err)
	}
	changed := bytes.Clone(data)
	changed[4]++ // the time in gzip's header, so that only the signature can tell
	s := httptest.NewServer(http.FileServer(http.Dir(dir)))
	defer s.Close()
	c := &download.Cache{Dir: t.TempDir(), Attempts: 1, Pause: time.Nanosecond}
	edited := func(name, old, with string) string {
		text, err := os.ReadFile(dir + name)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(strings.Replace(string(text), old, with, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, tc := range []struct {
		name string
		src  release.Source
		sig  release.Signature
		kind fault.Kind
		says string
	}{
		{name: "minisign", src: release.File(dir + "system.tar.gz"), sig: release.Signature{Key: dir + "minisign.pub", Where: dir + "system.tar.gz.minisig"}},
		{name: "minisign-legacy", src: release.File(dir + "system.tar.gz"), sig: release.Signature{Key: dir + "minisign.pub", Where: dir + "legacy.minisig"}},
		{name: "signify", src: release.File(dir + "system.tar.gz"), sig: release.Signature{Key: dir + "signify.pub", Where: dir + "signify.sig"}},
		{name: "stream", src: release.Reader("x", bytes.NewReader(data)), sig: release.Signature{Key: dir + "minisign.pub", Where: dir + "system.tar.gz.minisig"}},
		{name: "web", src: release.Web(c, s.URL+"/system.tar.gz", ""), sig: release.Signature{
			Key: "RWRJ5xZHVItadcVE4HV7HIa5gGIgDwmBc8c/RERRoWNPUlirX8TdprLI", Where: s.URL + "/system.tar.gz.minisig", Cache: c,
		}},
		{
			name: "changed", src: release.Reader("x", bytes.NewReader(changed)), kind: fault.Corrupt, says: "not what was signed",
			sig: release.Signature{Key: dir + "minisign.pub", Where: dir + "system.tar.gz.minisig"},
		},
		{
			name: "changed-legacy", src: release.Reader("x", bytes.NewReader(changed)), kind: fault.Corrupt, says: "not what was signed",
			sig: release.Signature{Key: dir + "signify.pub", Where: dir + "signify.sig"},
		},
		{
			name: "another-key", src: release.File(dir + "system.tar.gz"), kind: fault.Denied, says: "another key",
			sig: release.Signature{Key: dir + "signify.pub", Where: dir + "system.tar.gz.minisig"},
		},
		{
			name: "comment", src: release.File(dir + "system.tar.gz"), kind: fault.Corrupt, says: "comment",
			sig: release.Signature{Key: dir + "minisign.pub", Where: edited("system.tar.gz.minisig", "trusted words", "other words")},
		},
		{
			name: "no-signature", src: release.File(dir + "system.tar.gz"), kind: fault.NotFound, says: "no such file",
			sig: release.Signature{Key: dir + "minisign.pub", Where: dir + "none"},
		},
		{
			name: "no-signature-there", src: release.File(dir + "system.tar.gz"), kind: fault.NotFound, says: "404",
			sig: release.Signature{Key: dir + "minisign.pub", Where: s.URL + "/none", Cache: c},
		},
		{name: "no-key", src: release.File(dir + "system.tar.gz"), kind: fault.NotFound, says: "no file", sig: release.Signature{Key: "?", Where: "x"}},
		{
			name: "not-a-key", src: release.File(dir + "system.tar.gz"), kind: fault.Invalid, says: "no public key",
			sig: release.Signature{Key: dir + "system.tar.gz.minisig", Where: dir + "system.tar.gz.minisig"},
		},
		{
			name: "not-a-signature", src: release.File(dir + "system.tar.gz"), kind: fault.Invalid, says: "no signature",
			sig: release.Signature{Key: dir + "minisign.pub", Where: dir + "minisign.pub"},
		},
		{
			name: "nothing-signed", src: release.Stack(release.StackOptions{Name: "x"}, release.Archive{Open: func() (r io.ReadCloser, err error) { return os.Open(dir + "system.tar.gz") }}), kind: fault.Invalid,
			says: "no single archive", sig: release.Signature{Key: dir + "minisign.pub", Where: dir + "system.tar.gz.minisig"},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d := mem.New(time.Now)
			i, err := release.Import(d, release.ImportOptions{Name: "base", Source: tc.src, Signed: tc.sig}).Do(t.Context())
			if tc.kind == fault.Unknown {
				if err != nil || i.Title != "Signed 1" {
					t.Fatalf("%+v, %v", i, err)
				}
				return
			}
			if !errors.Is(err, tc.kind) || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("%v (%v), want %v and %q", err, fault.KindOf(err), tc.kind, tc.says)
			}
			if all, err := d.List(t.Context(), storage.Releases); err != nil || len(all) > 0 {
				t.Errorf("left %v, %v", all, err)
			}
		})
	}
}

// TestCutSignature: of a signature or a key, nothing may lack. Without its comment, minisign's old signature is one of signify's.
func TestCutSignature(t *testing.T) {
	const dir = "testdata/signed/"
	for _, tc := range []struct{ key, sig string }{{"minisign.pub", "system.tar.gz.minisig"}, {"minisign.pub", "legacy.minisig"}, {"signify.pub", "signify.sig"}} {
		for _, cut := range []string{tc.sig, tc.key} {
			t.Run(tc.sig+"/"+cut, func(t *testing.T) {
				text, err := os.ReadFile(dir + cut)
				if err != nil {
					t.Fatal(err)
				}
				short := filepath.Join(t.TempDir(), cut)
				whole := bytes.TrimSpace(text)
				for n := range whole {
					if lines := bytes.SplitAfter(whole, []byte("\n")); tc.sig == "legacy.minisig" && bytes.Equal(bytes.TrimSpace(whole[:n]), bytes.TrimSpace(bytes.Join(lines[:2], nil))) {
						continue
					}
					if err := os.WriteFile(short, whole[:n], 0o600); err != nil {
						t.Fatal(err)
					}
					signed := release.Signature{Key: dir + tc.key, Where: short}
					if cut == tc.key {
						signed = release.Signature{Key: short, Where: dir + tc.sig}
					}
					d := mem.New(time.Now)
					_, err := release.Import(d, release.ImportOptions{Name: "base", Source: release.File(dir + "system.tar.gz"), Signed: signed}).Do(t.Context())
					if !errors.Is(err, fault.Invalid) && !errors.Is(err, fault.Corrupt) && !errors.Is(err, fault.Denied) {
						t.Errorf("%d of %d bytes: %v", n, len(whole), err)
					}
					if all, err := d.List(t.Context(), storage.Releases); err != nil || len(all) > 0 {
						t.Fatalf("%d of %d bytes: there are %v, %v", n, len(whole), all, err)
					}
				}
			})
		}
	}
}
