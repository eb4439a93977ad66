package ioc_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

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

// TestDebian makes a real Debian of the mirror that the host's apt has, after some attempts that fail, and runs a program in it. It takes a minute
// of a processor, so the system is kept, for as long as the code that made it is the same; IOC_LONG=1 makes it
// anew.
func TestDebian(t *testing.T) {
	bootstraps(t, "mmdebstrap", "debian", "bookworm", "Debian GNU/Linux 12")
}

// TestDebootstrap does the same as a host does that has no mmdebstrap.
func TestDebootstrap(t *testing.T) {
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
	bootstraps(t, "debootstrap", "debian", "bookworm", "Debian GNU/Linux 12")
}

// TestUbuntu makes an Ubuntu of Ubuntu's own mirror, on a Debian, too, which has no key of it.
func TestUbuntu(t *testing.T) {
	const suite = "noble"
	dir := t.TempDir()
	key := filepath.Join(dir, "ubuntu-archive-keyring.gpg")
	if _, err := os.Stat(keptSystem(t, "mmdebstrap-ubuntu-"+suite)); err != nil || os.Getenv("IOC_LONG") != "" {
		ubuntuKeys(t, suite, key)
	}
	sources := filepath.Join(dir, "sources.list")
	for name, text := range map[string]string{
		sources:                        "deb [signed-by=" + key + "] " + ubuntuMirror + " " + suite + " main universe\n",
		filepath.Join(dir, "apt.conf"): fmt.Sprintf("Dir::Etc::sourcelist %q;\nDir::Etc::sourceparts %q;\n", sources, filepath.Join(dir, "none")),
	} {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("APT_CONFIG", filepath.Join(dir, "apt.conf"))
	bootstraps(t, "mmdebstrap", "ubuntu", suite, "Ubuntu 24.04")
}

const ubuntuMirror = "http://archive.ubuntu.com/ubuntu"

// ubuntuKeys brings the keys of Ubuntu: the host's or, where it has none, those of the package on the mirror. Whether they are
// the right ones is not this test's matter.
func ubuntuKeys(t *testing.T, suite, to string) {
	t.Helper()
	err := os.Symlink("/usr/share/keyrings/ubuntu-archive-keyring.gpg", to)
	if _, bad := os.Stat(to); err == nil && bad == nil {
		return
	}
	dir := t.TempDir()
	get := func(path string) []byte {
		t.Helper()
		r, err := http.Get(ubuntuMirror + "/" + path)
		if err != nil {
			t.Skip("left out: ", err)
		}
		defer r.Body.Close()
		text, err := io.ReadAll(r.Body)
		if err != nil || r.StatusCode != http.StatusOK {
			t.Skipf("left out: %s: %s, %v", path, r.Status, err)
		}
		return text
	}
	z, err := gzip.NewReader(bytes.NewReader(get("dists/" + suite + "/main/binary-amd64/Packages.gz")))
	if err != nil {
		t.Fatal(err)
	}
	packages, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	_, about, _ := strings.Cut(string(packages), "\nPackage: ubuntu-keyring\n")
	_, file, _ := strings.Cut(about, "\nFilename: ")
	file, _, _ = strings.Cut(file, "\n")
	deb := filepath.Join(dir, "keys.deb")
	err = os.WriteFile(deb, get(file), 0o600)
	if err == nil {
		_, err = run.Command("dpkg-deb", "-x", deb, dir).Run(t.Context())
	}
	if err = errors.Join(err, os.Remove(to)); err == nil {
		err = os.Rename(filepath.Join(dir, "usr/share/keyrings/ubuntu-archive-keyring.gpg"), to)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// bootstraps makes a system, unless it was made before, and tries it.
func bootstraps(t *testing.T, tool, distribution, suite, title string) {
	t.Helper()
	h := realHost(t)
	if path := run.Find(tool); path == tool {
		t.Skipf("left out: %s is not installed", tool)
	}
	name := distribution + "-" + suite
	kept := keptSystem(t, tool+"-"+name)
	o := ioc.FetchOptions{From: distribution + "/" + suite}
	if _, err := os.Stat(kept); err == nil && os.Getenv("IOC_LONG") == "" {
		t.Logf("made before: %s", kept)
		o = ioc.FetchOptions{Name: name, Source: release.File(kept)}
	}
	failed := o.From != "" && tool == "mmdebstrap" && distribution == "debian"
	if failed {
		h = afterFailures(t, o)
	}
	var check eventstest.Checker
	phases, by := map[string]events.Amount{}, ""
	i, err := h.Fetch(o).Do(t.Context(), events.WithSink(func(ev *events.Event) {
		if err := check.Add(*ev); err != nil {
			t.Error(err)
		}
		if a, ok := ev.Detail.(events.Amount); ok && ev.Type() == "bootstrap.phase" {
			phases[ev.Title()] = a
		}
		if b, ok := events.As[*bootstrap.Bootstrap](*ev); ok {
			by = b.Tool
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
	if !strings.HasPrefix(i.Title, title) || i.Arch == "" || i.Files < 1000 {
		t.Errorf("release %+v", i)
	}
	if o.From != "" {
		if by != tool {
			t.Errorf("it was made by %q, want %s", by, tool)
		}
		for _, title := range []string{"download packages", "install packages"} {
			if failed && title == "download packages" {
				if a := phases[title]; a.Done > 0 {
					t.Errorf("%s: %v, though all were there", title, a)
				}
				continue
			}
			if a := phases[title]; a.Done < 50 || a.Total < 50 && tool == "mmdebstrap" {
				t.Errorf("%s: %v", title, a)
			}
		}
	}
	works(t, h, name, distribution+" "+suite)
	if o.From != "" && !t.Failed() {
		keep(t, filepath.Join(h.Root(), "releases", name, "root"), kept)
	}
}

// afterFailures is a host whose attempts to make a Debian have failed, for the next one to succeed: its disk was full, a package
// on the mirror was another than its index says, and it was broken off in the middle.
func afterFailures(t *testing.T, o ioc.FetchOptions) *ioc.Host {
	t.Helper()
	disk := filepath.Join(filepath.Dir(realRoot(t)), smallDisk)
	err := os.Mkdir(disk, 0o755)
	if err == nil {
		err = unix.Mount("tmpfs", disk, "tmpfs", 0, "size=100m,mode=755")
	}
	if err != nil {
		t.Fatal(err)
	}
	root := filepath.Join(disk, "root")
	t.Cleanup(func() {
		tidy(t, root)
		if err := unix.Unmount(disk, 0); err != nil {
			t.Error(err)
		}
	})
	h := openAt(t, root)
	fails := func(what string, kind fault.Kind, o ioc.FetchOptions, see func(*events.Event, func())) {
		t.Helper()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		_, err := h.Fetch(o).Do(ctx, eventstest.Watch(t), events.WithSink(func(ev *events.Event) { see(ev, cancel) }))
		if errors.Is(err, fault.Unavailable) {
			t.Skip("left out: ", err)
		}
		if err == nil || fault.KindOf(err) != kind || len(fault.Remedies(err)) == 0 && kind != fault.Cancelled {
			t.Errorf("%s: %v (%v), remedies %q; want %v", what, err, fault.KindOf(err), fault.Remedies(err), kind)
		}
		if all, err := h.Releases(t.Context()); err != nil || len(all) > 0 {
			t.Errorf("%s: there are %v, %v", what, all, err)
		}
		nothingLeft(t, h)
	}
	fails("disk full", fault.NoSpace, o, func(*events.Event, func()) {})
	if err := unix.Mount("tmpfs", disk, "tmpfs", unix.MS_REMOUNT, "size=2g,mode=755"); err != nil {
		t.Fatal(err)
	}
	t.Setenv("no_proxy", "127.0.0.1")
	wrong := o
	wrong.Name, wrong.Mirror = "wrong", wrongMirror(t)
	packages, _ := filepath.Glob(filepath.Join(root, "cache/packages-*/libc6_*.deb")) // the pattern is right
	for _, path := range packages {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	fails("wrong package", fault.Corrupt, wrong, func(*events.Event, func()) {})
	fails("broken off", fault.Cancelled, o, func(ev *events.Event, cancel func()) {
		if ev.Phase == events.Progress && ev.Title() == "install packages" {
			cancel()
		}
	})
	return h
}

// wrongMirror is a server that has what Debian's has, but one package.
func wrongMirror(t *testing.T) string {
	t.Helper()
	up, err := url.Parse("http://deb.debian.org/debian")
	if err != nil {
		t.Fatal(err)
	}
	p := &httputil.ReverseProxy{
		Rewrite:  func(r *httputil.ProxyRequest) { r.SetURL(up) },
		ErrorLog: log.New(io.Discard, "", 0), // a client that went, of which it is told
	}
	p.ModifyResponse = func(r *http.Response) error {
		if strings.Contains(r.Request.URL.Path, "/libc6_") && r.StatusCode == http.StatusOK {
			r.Body = struct {
				io.Reader
				io.Closer
			}{io.MultiReader(strings.NewReader("x"), skipFirst(r.Body)), r.Body}
		}
		return nil
	}
	s := httptest.NewServer(p)
	t.Cleanup(s.Close)
	return s.URL
}

// skipFirst is r without its first byte.
func skipFirst(r io.Reader) io.Reader {
	_, _ = io.CopyN(io.Discard, r, 1) // whoever reads on is told
	return r
}

// works runs programs of a system of packages.
func works(t *testing.T, h *ioc.Host, name, is string) {
	t.Helper()
	out, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	const script = `dpkg --audit; test ! -e /etc/hostname; apt-get --version >/dev/null; grep -c '^deb ' /etc/apt/sources.list
for key in $(grep -o 'signed-by=[^] ]*' /etc/apt/sources.list); do test -s "${key#*=}"; done
. /etc/os-release; echo $ID $VERSION_CODENAME; ls /var/cache/apt/archives`
	exit, err := h.JailGenerator("web").Run(ioc.RunOptions{
		Create: ioc.CreateOptions{Release: storage.Name(name)},
		Exec: ioc.ExecOptions{Process: sandbox.Process{
			Args: []string{"/bin/sh", "-ec", script},
			Env:  []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"},
		}, Stdio: sandbox.Stdio{Out: out, Err: out}},
	}).Do(t.Context())
	said, readErr := os.ReadFile(out.Name())
	if err = errors.Join(err, readErr); err != nil || exit.Code != 0 || !strings.HasSuffix(string(said), "\n"+is+"\npartial\n") {
		t.Errorf("in the jail: %v, %v, %q", exit, err, said)
	}
}

// keptSystem is where the system is kept that this code makes.
func keptSystem(t *testing.T, name string) string {
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
	return filepath.Join(base, "ioc-test", fmt.Sprintf("%s-%x.tar", name, sum.Sum(nil)[:8]))
}

// keep puts a system there, and takes away those that other code has made.
func keep(t *testing.T, dir, kept string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(kept), 0o700); err != nil {
		t.Fatal(err)
	}
	name := kept[:strings.LastIndexByte(kept, '-')]
	old, _ := filepath.Glob(name + "-*")                                      // the pattern is right
	more, _ := filepath.Glob(filepath.Join(filepath.Dir(kept), "bookworm-*")) // of older code; the pattern is right
	for _, name := range append(old, more...) {
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
