package oci_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/authn"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"

	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/release"
	"github.com/libioc/ioc/release/oci"
)

func TestRegistry(t *testing.T) {
	h, o := newHost(t), options(t)
	shared := layer(t, "bin/", "bin/sh=shell", "etc/", "etc/conf=lower")
	h.push("org/image:1", image(t, "amd64", shared, layer(t, "etc/", "etc/.wh.conf=", "etc/name==bin/sh"), shared))
	src, err := oci.Registry(h.ref("org/image:1"), o)
	if err != nil {
		t.Fatal(err)
	}
	files, got, err := write(t.Context(), t, src)
	if err != nil {
		t.Fatal(err)
	}
	if want := "bin bin/sh=shell etc etc/conf=lower etc/name=shell"; files != want {
		t.Errorf("files: %s, want %s", files, want)
	}
	want := &release.Image{
		Entrypoint: []string{"/bin/entry"}, Command: []string{"serve", "-v"}, Env: []string{"A=1", "PATH=/bin"}, User: "www:www", Dir: "/srv",
	}
	if diff := cmp.Diff(want, got.Image); diff != "" {
		t.Errorf("image (-want +got):\n%s", diff)
	}
	blobs := func() (n int) {
		for _, a := range h.asked {
			if strings.Contains(a, "/blobs/") {
				n++
			}
		}
		return n
	}
	if n := blobs(); n != 3 { // two layers, of which one is there twice, and the configuration
		t.Errorf("%d blobs were asked for, want 3: %q", n, h.asked)
	}
	// Another image with the same layers brings its configuration only.
	h.push("org/other:1", image(t, "amd64", shared, layer(t, "new=file")))
	if src, err = oci.Registry(oci.Scheme+h.ref("org/other:1"), o); err != nil {
		t.Fatal(err)
	}
	if files, _, err = write(t.Context(), t, src); err != nil || files != "bin bin/sh=shell etc etc/conf=lower new=file" {
		t.Errorf("files: %s, %v", files, err)
	}
	if n := blobs(); n != 2 {
		t.Errorf("%d blobs were asked for, want 2: %q", n, h.asked)
	}
}

func TestRegistryChoosesAPlatform(t *testing.T) {
	h, o := newHost(t), options(t)
	index := mutate.AppendManifests(empty.Index,
		mutate.IndexAddendum{Add: image(t, "arm64", layer(t, "arch=arm64")), Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: "arm64"}}},
		mutate.IndexAddendum{Add: image(t, "amd64", layer(t, "arch=amd64")), Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: "amd64"}}},
		mutate.IndexAddendum{Add: image(t, "none", layer(t, "attestation=1")), Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "unknown", Architecture: "unknown"}}},
	)
	h.push("multi:1", index)
	for _, arch := range []string{"amd64", "arm64"} {
		o.Platform = "linux/" + arch
		src, err := oci.Registry(h.ref("multi:1"), o)
		if err != nil {
			t.Fatal(err)
		}
		if files, _, err := write(t.Context(), t, src); err != nil || files != "arch="+arch {
			t.Errorf("%s: %s, %v", arch, files, err)
		}
	}
	o.Platform = "linux/s390x"
	src, err := oci.Registry(h.ref("multi:1"), o)
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = write(t.Context(), t, src)
	if !errors.Is(err, fault.NotFound) || !strings.Contains(err.Error(), "only for linux/amd64, linux/arm64") {
		t.Errorf("another platform: %v", err)
	}
}

func TestRegistryFails(t *testing.T) {
	for _, tc := range []struct {
		name   string
		ref    string
		before func(w http.ResponseWriter, r *http.Request) bool
		kind   fault.Kind
		says   string
	}{
		{name: "no-such-tag", ref: "org/image:2", kind: fault.NotFound, says: "404"},
		{name: "no-such-image", ref: "org/none:1", kind: fault.NotFound, says: "404"},
		{name: "forbidden", ref: "org/image:1", kind: fault.Denied, says: "403", before: func(w http.ResponseWriter, r *http.Request) bool {
			w.WriteHeader(http.StatusForbidden)
			return true
		}},
		{name: "another-blob", ref: "org/image:1", kind: fault.Unavailable, before: func(w http.ResponseWriter, r *http.Request) bool {
			if !strings.Contains(r.URL.Path, "/blobs/") {
				return false
			}
			_, _ = w.Write([]byte("something else")) // nobody waits for it
			return true
		}},
		{name: "page", ref: "org/image:1", kind: fault.Unavailable, before: func(w http.ResponseWriter, r *http.Request) bool {
			w.Header().Set("Content-Type", "text/html")
			_, _ = w.Write([]byte("<html>Please log in</html>")) // nobody waits for it
			return true
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h, o := newHost(t), options(t)
			h.push("org/image:1", image(t, "amd64", layer(t, "a=1")))
			h.before = tc.before
			src, err := oci.Registry(h.ref(tc.ref), o)
			if err != nil {
				t.Fatal(err)
			}
			_, _, err = write(t.Context(), t, src)
			if fault.KindOf(err) != tc.kind || !strings.Contains(err.Error(), tc.says) {
				t.Fatalf("%v (%v), want %v and %q", err, fault.KindOf(err), tc.kind, tc.says)
			}
			h.before = nil
			if src, err = oci.Registry(h.ref("org/image:1"), o); err != nil {
				t.Fatal(err)
			}
			if files, _, err := write(t.Context(), t, src); err != nil || files != "a=1" {
				t.Errorf("the next one: %s, %v", files, err)
			}
		})
	}
}

// password is who knows one.
type password struct{}

func (password) Resolve(authn.Resource) (authn.Authenticator, error) {
	return &authn.Basic{Username: "me", Password: "secret"}, nil
}

// TestRegistryWithCredentials: who has logged in by docker or podman is let in.
func TestRegistryWithCredentials(t *testing.T) {
	h, o := newHost(t), options(t)
	h.push("org/image:1", image(t, "amd64", layer(t, "a=1")))
	h.before = func(w http.ResponseWriter, r *http.Request) bool {
		if user, pass, _ := r.BasicAuth(); user == "me" && pass == "secret" {
			return false
		}
		w.Header().Set("WWW-Authenticate", `Basic realm="here"`)
		w.WriteHeader(http.StatusUnauthorized)
		return true
	}
	settings := func(user, pass string) string {
		dir := t.TempDir()
		text := fmt.Sprintf(`{"auths":{%q:{"auth":%q}}}`, strings.TrimPrefix(h.URL, "http://"), base64.StdEncoding.EncodeToString([]byte(user+":"+pass)))
		if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	for _, tc := range []struct {
		name, dir string
		keychain  authn.Keychain
		in        bool
	}{
		{name: "stranger", dir: t.TempDir()},
		{name: "wrong", dir: settings("me", "secre")},
		{name: "file", dir: settings("me", "secret"), in: true},
		{name: "given", dir: t.TempDir(), keychain: password{}, in: true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Setenv("DOCKER_CONFIG", tc.dir)
			t.Setenv("HOME", t.TempDir())
			t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
			o := o
			o.Keychain = tc.keychain
			src, err := oci.Registry(h.ref("org/image:1"), o)
			if err != nil {
				t.Fatal(err)
			}
			files, _, err := write(t.Context(), t, src)
			switch {
			case tc.in && (err != nil || files != "a=1"):
				t.Errorf("%s, %v", files, err)
			case !tc.in && (!errors.Is(err, fault.Denied) || len(fault.Remedies(err)) == 0):
				t.Errorf("%v, remedies %q", err, fault.Remedies(err))
			case err != nil && strings.Contains(err.Error(), "secre"):
				t.Errorf("it tells the password: %v", err)
			}
		})
	}
}

func TestRegistryRefusesNames(t *testing.T) {
	for _, ref := range []string{"", "oci://", "UPPER/case", "a b", "x@sha256:12", "x:"} {
		if _, err := oci.Registry(ref, oci.Options{}); !errors.Is(err, fault.Invalid) {
			t.Errorf("Registry(%q): %v, want invalid", ref, err)
		}
	}
	if _, err := oci.Registry("x", oci.Options{Platform: "windows"}); !errors.Is(err, fault.Invalid) {
		t.Errorf("platform: %v, want invalid", err)
	}
}
