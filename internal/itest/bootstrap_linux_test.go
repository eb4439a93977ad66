package itest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/libioc/ioc"
)

// standIn puts a program called mmdebstrap before all others: what it says and does is as of the real one,
// in a moment, so that it can be killed a hundred times.
func standIn(dir string) {
	const script = `#!/bin/sh
set -e
while [ "${1#--}" != "$1" ]; do shift; done
dir=$2
say() { echo "$1" >&2; }
say 'I: running apt-get update...'
(trap '' TERM HUP PIPE; while :; do sleep 1000; done) &
child=$!
say 'I: downloading packages with apt...'
say '0 upgraded, 2 newly installed, 0 to remove and 0 not upgraded.'
say 'Get:1 http://localhost one'
say 'Get:2 http://localhost two'
say 'I: extracting archives...'
mkdir -p "$dir/bin" "$dir/etc" "$dir/proc" "$dir/var/lib/dpkg"
mount -t tmpfs none "$dir/proc"
echo x >"$dir/proc/x"
say 'I: installing essential packages...'
printf 'Package: one\nVersion: 1\nArchitecture: all\n' >"$dir/var/lib/dpkg/status"
say 'Setting up one (1) ...'
echo 'PRETTY_NAME="A system"' >"$dir/etc/os-release"
say 'Setting up two (1) ...'
say 'I: cleaning package lists and apt cache...'
umount "$dir/proc"
kill -KILL $child
`
	bin := filepath.Join(dir, "bin")
	err := os.MkdirAll(bin, 0o755)
	if err == nil {
		err = os.WriteFile(filepath.Join(bin, "mmdebstrap"), []byte(script), 0o755)
	}
	if path := os.Getenv("PATH"); err == nil && !strings.HasPrefix(path, bin+":") {
		err = os.Setenv("PATH", bin+":"+path)
	}
	if err != nil {
		panic(err)
	}
}

// fetches makes a release of what publish serves.
func fetches(h *ioc.Host) error {
	_, err := h.Fetch(ioc.FetchOptions{From: "alpine/3.21", Mirror: publish(filepath.Dir(h.Root()), "")}).Do(context.Background())
	return err
}

// publish serves base.tar, with something after it, as Alpine does its minirootfs, as long as the process lives.
func publish(dir, more string) string {
	text, err := os.ReadFile(filepath.Join(dir, "base.tar"))
	if err != nil {
		panic(err)
	}
	text = append(text, more...)
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/octet-stream")
		switch {
		case strings.HasSuffix(r.URL.Path, "/latest-releases.yaml"):
			fmt.Fprintf(w, "-\n  version: 3.21.3\n  flavor: alpine-minirootfs\n  file: root.tar.gz\n  sha256: %x\n  size: %d\n", sha256.Sum256(text), len(text))
		case strings.HasSuffix(r.URL.Path, "/root.tar.gz"):
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(text))
		default:
			http.NotFound(w, r)
		}
	})).URL
}
