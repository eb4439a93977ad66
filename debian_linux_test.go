package ioc_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/libioc/ioc"
	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/events/eventstest"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/internal/run"
	"github.com/libioc/ioc/release"
	"github.com/libioc/ioc/release/bootstrap"
	"github.com/libioc/ioc/sandbox"
	"github.com/libioc/ioc/storage"
)

// TestDebian makes a real Debian of the mirror that the host's apt has, and runs a program in it. It takes a minute
// of a processor, so the system is kept, for as long as the code that made it is the same; IOC_LONG=1 makes it
// anew.
func TestDebian(t *testing.T) {
	h := realHost(t)
	if path := run.Find("mmdebstrap"); path == "mmdebstrap" {
		t.Skip("left out: mmdebstrap is not installed")
	}
	const name = "debian-bookworm"
	kept := keptSystem(t)
	o := ioc.FetchOptions{From: "debian/bookworm"}
	if _, err := os.Stat(kept); err == nil && os.Getenv("IOC_LONG") == "" {
		t.Logf("made before: %s", kept)
		o = ioc.FetchOptions{Name: name, Source: release.File(kept)}
	}
	var check eventstest.Checker
	phases := map[string]events.Amount{}
	i, err := h.Fetch(o).Do(t.Context(), events.WithSink(func(ev *events.Event) {
		if err := check.Add(*ev); err != nil {
			t.Error(err)
		}
		if a, ok := ev.Detail.(events.Amount); ok && ev.Type() == "bootstrap.phase" {
			phases[ev.Title()] = a
		}
	}))
	if err := check.Close(); err != nil {
		t.Error(err)
	}
	if errors.Is(err, fault.Unavailable) {
		t.Skip("left out: ", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(i.Title, "Debian GNU/Linux 12") || i.Arch == "" || i.Files < 1000 {
		t.Errorf("release %+v", i)
	}
	if o.From != "" {
		for _, title := range []string{"download packages", "install packages"} {
			if a := phases[title]; a.Done < 50 || a.Total < 50 {
				t.Errorf("%s: %v", title, a)
			}
		}
		keep(t, filepath.Join(h.Root(), "releases", name, "root"), kept)
	}
	works(t, h, name)
}

// TestDebootstrap makes one by debootstrap, as a host without mmdebstrap does. It takes minutes: only with IOC_LONG=1.
func TestDebootstrap(t *testing.T) {
	if os.Getenv("IOC_LONG") == "" {
		t.Skip("left out: IOC_LONG=1 makes a Debian by debootstrap")
	}
	h := realHost(t)
	if path := run.Find("debootstrap"); path == "debootstrap" {
		t.Skip("left out: debootstrap is not installed")
	}
	dir := t.TempDir()
	for _, from := range filepath.SplitList(os.Getenv("PATH") + ":/usr/sbin:/sbin") {
		all, _ := filepath.Glob(filepath.Join(from, "*")) // the pattern is right
		for _, path := range all {
			if base := filepath.Base(path); base != "mmdebstrap" {
				_ = os.Symlink(path, filepath.Join(dir, base)) // the first one counts
			}
		}
	}
	t.Setenv("PATH", dir)
	tool := ""
	i, err := h.Fetch(ioc.FetchOptions{From: "debian/bookworm"}).Do(t.Context(), events.WithSink(func(ev *events.Event) {
		if b, ok := events.As[*bootstrap.Bootstrap](*ev); ok {
			tool = b.Tool
		}
	}))
	if errors.Is(err, fault.Unavailable) {
		t.Skip("left out: ", err)
	}
	if err != nil || tool != "debootstrap" || !strings.HasPrefix(i.Title, "Debian GNU/Linux 12") {
		t.Fatalf("%+v by %s, %v", i, tool, err)
	}
	works(t, h, i.Name)
}

// works runs programs of a Debian.
func works(t *testing.T, h *ioc.Host, name storage.Name) {
	t.Helper()
	out, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	exit, err := h.JailGenerator("web").Run(ioc.RunOptions{
		Create: ioc.CreateOptions{Release: name},
		Exec: ioc.ExecOptions{Process: sandbox.Process{
			Args: []string{"/bin/sh", "-ec", "dpkg --audit; test ! -e /etc/hostname; grep -c '^deb ' /etc/apt/sources.list; . /etc/os-release; echo $ID $VERSION_CODENAME; ls /var/cache/apt/archives"},
			Env:  []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"},
		}, Stdio: sandbox.Stdio{Out: out, Err: out}},
	}).Do(t.Context())
	said, readErr := os.ReadFile(out.Name())
	if err = errors.Join(err, readErr); err != nil || exit.Code != 0 || !strings.HasSuffix(string(said), "\ndebian bookworm\npartial\n") {
		t.Errorf("in the jail: %v, %v, %q", exit, err, said)
	}
}

// keptSystem is where the system is kept that this code makes.
func keptSystem(t *testing.T) string {
	t.Helper()
	base, err := os.UserCacheDir()
	if err != nil {
		t.Skip("left out: ", err)
	}
	sources, err := filepath.Glob("release/bootstrap/*.go")
	if err != nil || len(sources) == 0 {
		t.Fatal("no sources: ", err)
	}
	sum := sha256.New()
	for _, s := range sources {
		text, err := os.ReadFile(s)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = sum.Write(text) // it does not fail
	}
	return filepath.Join(base, "ioc-test", fmt.Sprintf("bookworm-%x.tar", sum.Sum(nil)[:8]))
}

// keep puts a system there, and takes away those that other code has made.
func keep(t *testing.T, dir, kept string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(kept), 0o700); err != nil {
		t.Fatal(err)
	}
	old, _ := filepath.Glob(filepath.Join(filepath.Dir(kept), "bookworm-*")) // the pattern is right
	for _, name := range old {
		if err := os.Remove(name); err != nil {
			t.Error(err)
		}
	}
	if _, err := run.Command("tar", "-C", dir, "--one-file-system", "--xattrs", "-cf", kept+".part", ".").Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(kept+".part", kept); err != nil {
		t.Fatal(err)
	}
}
