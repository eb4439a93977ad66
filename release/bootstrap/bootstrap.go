package bootstrap

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime"
	"slices"
	"strings"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/internal/download"
	"github.com/libioc/ioc/internal/run"
	"github.com/libioc/ioc/release"
)

// Options say how a release is made. Cache must be set.
type Options struct {
	Cache  *download.Cache // downloaded packages are kept in it
	Mirror string          // the URL of an archive of the distribution; empty: what the host's apt has
}

// New is a release of a distribution, "debian" or "ubuntu", by the name of its suite: "bookworm", "noble".
func New(distribution, suite string, o Options) (release.Source, error) {
	d, ok := lookup(distribution)
	if !ok {
		return nil, fault.New("fetch", fault.NotFound, distribution, errors.New("only "+strings.Join(Names(), " and ")+" can be bootstrapped"))
	}
	if suite == "" || strings.Trim(suite, "abcdefghijklmnopqrstuvwxyz0123456789.-") != "" || strings.Trim(suite, ".-") != suite {
		return nil, fault.New("fetch", fault.Invalid, fmt.Sprintf("%q", suite), errors.New("it is no name of a suite")).
			WithRemedy("name one such as " + d.name + "/" + d.example())
	}
	return &source{d, suite, o}, nil
}

func (d *distribution) example() string {
	if d.name == "ubuntu" {
		return "noble"
	}
	return "bookworm"
}

type source struct {
	distribution
	suite string
	o     Options
}

// Bootstrap is the payload of making a system of packages.
type Bootstrap struct {
	Distribution, Suite string
	Arch                string // as the distribution names it
	Tool                string // what makes it: mmdebstrap or debootstrap
}

// EventType is the step's name in events.
func (*Bootstrap) EventType() string { return "release.bootstrap" }

// EventKey is the suite.
func (b *Bootstrap) EventKey() string { return b.Distribution + "/" + b.Suite }

// EventTitle is for people.
func (b *Bootstrap) EventTitle() string { return "bootstrap " + b.EventKey() + " by " + b.Tool }

// AppendAttrs adds what makes it, and for which processor.
func (b *Bootstrap) AppendAttrs(dst []slog.Attr) []slog.Attr {
	return append(dst, slog.String("arch", b.Arch), slog.String("tool", b.Tool))
}

// String is the release as one asks for it.
func (b *source) String() string { return b.name + "/" + b.suite }

// Digest is not known before the packages were looked up.
func (*source) Digest(context.Context) (string, error) { return "", nil }

// Write writes nothing: in a world without directories there is nothing to be made.
func (*source) Write(context.Context, release.Target) (release.Written, error) {
	return release.Written{}, nil
}

// Build makes the system in t.Dir or, as an ordinary user, who can give files to nobody else there, as an archive
// that is unpacked as any other.
func (b *source) Build(s events.Step, t release.Target) (release.Written, error) {
	tool, err := b.tool(os.Geteuid())
	if err != nil {
		return release.Written{}, err
	}
	var got release.Written
	arch := debianArch(runtime.GOARCH)
	err = s.Do(&Bootstrap{b.name, b.suite, arch, tool.name}, func(s events.Step) error {
		shelf, free, err := b.o.Cache.Shelf(s.Context(), s.Run(), "packages-"+b.name+"-"+b.suite, func(held error) error {
			return s.Progress(events.Output{Lines: []string{"waiting: " + held.Error()}})
		})
		if err != nil {
			return err
		}
		defer free()
		h := readHost(s.Context())
		if b.o.Mirror != "" {
			h.sources = []repository{{uris: []string{b.o.Mirror}, suites: []string{b.suite}, components: []string{"main"}}}
		}
		j := job{
			source: b, tool: tool, host: h, arch: arch, shelf: shelf, dir: t.Dir,
		}
		if j.mirrors = b.repositories(b.suite, arch, h.sources, exists); b.o.Mirror != "" {
			j.mirrors = b.lines(b.suite, h.sources, func(string) (string, bool) { return "", true }, exists)
		}
		if tool.archive {
			got, err = j.stream(s, t)
			return err
		}
		if err = j.follow(s, nil); err == nil {
			err = j.finish()
		}
		if err == nil {
			got, err = release.Look(s.Context(), t.Dir)
		}
		if err == nil {
			got.Digest, err = packages(t.Dir)
		}
		return err
	})
	return got, err
}

func exists(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// debianArch is a processor as Debian names it.
func debianArch(goarch string) string {
	switch goarch {
	case "386":
		return "i386"
	case "arm":
		return "armhf"
	case "ppc64le":
		return "ppc64el"
	case "loong64":
		return "loong64"
	default:
		return goarch
	}
}

// tool is one that can make a system.
type tool struct {
	name    string
	path    string
	archive bool // it cannot make it in a directory
	unshare string
}

// tool finds what is installed.
func (b *source) tool(uid int) (tool, error) {
	all := []string{"mmdebstrap", "debootstrap"}
	if uid != 0 { // the other needs mknod and chroot
		all = all[:1]
	}
	for _, name := range all {
		if path := run.Find(name); path != name {
			t := tool{name: name, path: path, archive: uid != 0}
			if u := run.Find("unshare"); u != "unshare" && uid == 0 {
				t.unshare = u
			}
			return t, nil
		}
	}
	return tool{}, fault.New("fetch", fault.Unavailable, b.String(), errors.New(strings.Join(all, " or ")+" makes it, and is not installed")).
		WithRemedy("install it: apt-get install mmdebstrap; or take an image: ioc fetch oci://docker.io/library/" + b.name + ":" + b.suite)
}

// packages is a digest of which packages are installed in which version, the same wherever and whenever the
// same were installed.
func packages(dir string) (string, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return "", err
	}
	defer root.Close() //nolint:errcheck // read-only
	text, err := root.ReadFile("var/lib/dpkg/status")
	if err != nil {
		return "", fault.New("", fault.Corrupt, "var/lib/dpkg/status", err)
	}
	var all []string
	for stanza := range strings.SplitSeq(string(text), "\n\n") {
		var words [3]string
		for line := range strings.Lines(stanza) {
			for i, key := range []string{"Package: ", "Version: ", "Architecture: "} {
				if value, ok := strings.CutPrefix(line, key); ok {
					words[i] = strings.TrimSpace(value)
				}
			}
		}
		if words[0] != "" {
			all = append(all, strings.Join(words[:], " "))
		}
	}
	if len(all) == 0 {
		return "", fault.New("", fault.Corrupt, "var/lib/dpkg/status", errors.New("no package is installed"))
	}
	slices.Sort(all)
	h := sha256.New()
	_, _ = io.WriteString(h, strings.Join(all, "\n")) // a hash does not fail
	return "sha256:" + hex.EncodeToString(h.Sum(nil)), nil
}
