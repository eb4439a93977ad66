package published

import (
	"cmp"
	"context"
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
	"github.com/libioc/ioc/release"
)

// Options say where to look.
type Options struct {
	Cache  *download.Cache
	Arch   string // as Go names it; empty: this program's
	Mirror string // instead of the publisher's own server: the URL of what is the same there; empty: that one
}

func (o Options) arch() string { return cmp.Or(o.Arch, runtime.GOARCH) }

// publisher is one of those whose systems can be got.
type publisher struct {
	prefix  string // of its addresses
	example string
	servers []string // asked in this order until one has it
	find    func(l *lookup, server, name string) (found, error)
	offers  func(l *lookup, server string) (titles map[string]string, err error) // by name
	valid   func(name string) bool
}

// publishers are those that New knows.
func publishers() []publisher {
	return []publisher{
		{"alpine/", "alpine/3.21", []string{"https://dl-cdn.alpinelinux.org/alpine"}, alpine, alpineOffers, numbers("edge")},
		{"images:", "images:debian/12", []string{"https://images.linuxcontainers.org"}, simplestreams, imageOffers, words},
		{
			"freebsd/", "freebsd/15.0-RELEASE",
			[]string{"https://download.freebsd.org/releases", "https://download.freebsd.org/snapshots", "http://ftp-archive.freebsd.org/pub/FreeBSD-Archive/old-releases"},
			freebsd, freebsdOffers, words,
		},
		{"hardenedbsd/", "hardenedbsd/15-STABLE", []string{"https://installers.hardenedbsd.org/pub"}, hardenedbsd, hardenedbsdOffers, words},
	}
}

// Examples are addresses, one of each publisher.
func Examples() (all []string) {
	for _, p := range publishers() {
		all = append(all, p.example)
	}
	return all
}

// Address gives an address of New that s stands for. It is s itself, if it is one, or that of a FreeBSD release if s
// is called like one: "15.0-RELEASE".
func Address(s string) (address string, ok bool) {
	for _, p := range publishers() {
		if strings.HasPrefix(s, p.prefix) {
			return s, true
		}
	}
	version, branch, ok := strings.Cut(s, "-")
	if ok && version != "" && strings.Trim(version, "0123456789.") == "" &&
		(branch == "RELEASE" || strings.HasPrefix(branch, "RC") || strings.HasPrefix(branch, "BETA")) {
		return "freebsd/" + s, true
	}
	return "", false
}

// New is what is published at an address.
func New(address string, o Options) (release.Source, error) {
	for _, p := range publishers() {
		name, ok := strings.CutPrefix(address, p.prefix)
		if !ok {
			continue
		}
		if !p.valid(name) {
			return nil, fault.New("fetch", fault.Invalid, address, errors.New("nothing is called so there")).WithRemedy("name one such as " + p.example)
		}
		o.Arch = o.arch()
		return &source{p, address, name, o}, nil
	}
	return nil, fault.New("fetch", fault.Invalid, address, errors.New("it is no address"))
}

func words(name string) bool {
	return name != "" && strings.Trim(strings.ToLower(name), "abcdefghijklmnopqrstuvwxyz0123456789./_-") == "" &&
		!slices.ContainsFunc(strings.Split(name, "/"), func(s string) bool { return strings.Trim(s, ".") == "" })
}

func numbers(others ...string) func(string) bool {
	return func(name string) bool {
		return slices.Contains(others, name) || name != "" && strings.Trim(name, "0123456789.") == "" && strings.Trim(name, ".") == name
	}
}

type source struct {
	publisher
	address, name string
	o             Options
}

// found is what an index says of a system.
type found struct {
	title    string
	digest   string // of the whole; empty: of its only archive
	archives []archive
}

type archive struct {
	url, sha256 string
	size        int64 // 0: not said
}

// Lookup is the payload of looking for a system in its publisher's index.
type Lookup struct{ Address string }

// EventType is the step's name in events.
func (*Lookup) EventType() string { return "release.lookup" }

// EventKey is the address.
func (l *Lookup) EventKey() string { return l.Address }

// EventTitle is for people.
func (l *Lookup) EventTitle() string { return "look for " + l.Address }

// Sets is the payload of getting the archives that a system is made of.
type Sets struct {
	Address string
	Count   int // how many archives there are
}

// EventType is the step's name in events.
func (*Sets) EventType() string { return "release.sets" }

// EventKey is the address.
func (p *Sets) EventKey() string { return p.Address }

// EventTitle is for people.
func (p *Sets) EventTitle() string { return "get " + p.Address }

// AppendAttrs adds how many archives there are.
func (p *Sets) AppendAttrs(dst []slog.Attr) []slog.Attr {
	return append(dst, slog.Int("count", p.Count))
}

// String is the address.
func (w *source) String() string { return w.address }

// Digest is not known before the index was read.
func (*source) Digest(context.Context) (string, error) { return "", nil }

func (w *source) Write(context.Context, release.Target) (release.Written, error) {
	return release.Written{}, fault.New("import", fault.Internal, w.address, errors.New("it was not downloaded"))
}

// Prepare looks for it and downloads it.
func (w *source) Prepare(s events.Step) (release.Source, error) {
	var f found
	if err := s.Do(&Lookup{w.address}, func(s events.Step) (err error) {
		if f, err = w.look(s); err == nil {
			s.Result(f.title)
		}
		return err
	}); err != nil {
		return nil, err
	}
	paths := make([]string, len(f.archives))
	err := s.Do(&Sets{w.address, len(f.archives)}, func(s events.Step) (err error) {
		for i, a := range f.archives {
			if paths[i], err = w.o.Cache.Get(s, download.Request{URL: a.url, SHA256: a.sha256, Size: a.size}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	var all []release.Archive
	for i, a := range f.archives {
		if a.size == 0 { // the index does not say it
			info, err := os.Stat(paths[i])
			if err != nil {
				return nil, err
			}
			a.size = info.Size()
		}
		all = append(all, release.Archive{
			Name: a.url, Size: a.size, Digest: "sha256:" + a.sha256,
			Open: func() (io.ReadCloser, error) { return os.Open(paths[i]) },
		})
	}
	if f.digest == "" {
		f.digest = all[0].Digest
	}
	return release.Stack(release.StackOptions{Name: w.address, Digest: f.digest, Title: f.title}, all...), nil
}

// look asks the servers one after the other; what one does not have, the next may.
func (w *source) look(s events.Step) (f found, err error) {
	servers := w.servers
	if w.o.Mirror != "" {
		servers = []string{w.o.Mirror}
	}
	for _, server := range servers {
		l := &lookup{s, w.o.Cache, w.o.Arch}
		f, err = w.find(l, strings.TrimSuffix(server, "/"), w.name)
		if !errors.Is(err, fault.NotFound) {
			break
		}
	}
	switch {
	case errors.Is(err, fault.NotFound):
		return f, fault.New("", fault.NotFound, w.address, err).WithRemedy("look at its name; another one is " + w.example)
	case err != nil:
		return f, err
	}
	for _, a := range f.archives {
		if len(a.sha256) != 64 || strings.Trim(a.sha256, "0123456789abcdef") != "" {
			return f, fault.New("", fault.Corrupt, w.address, fmt.Errorf("its index has no SHA-256 sum of %s", a.url)).WithRemedy(another)
		}
	}
	if len(f.archives) == 0 {
		return f, fault.New("", fault.NotFound, w.address, errors.New("its index names no archive"))
	}
	return f, nil
}

// lookup reads indexes.
type lookup struct {
	s     events.Step
	cache *download.Cache
	arch  string
}

// another is what can be done about a server that publishes nonsense.
const another = "try again later, or another server: --mirror"

// indexMax bounds an index. The largest is that of all images, a few megabytes.
const indexMax = 64 << 20

// read gets a file of an index, or what a server says of a directory.
func (l *lookup) read(url string) ([]byte, error) {
	path, err := l.cache.Get(l.s, download.Request{URL: url, Max: indexMax, Page: strings.HasSuffix(url, "/")})
	if err != nil {
		return nil, err
	}
	return os.ReadFile(path)
}

// as is the processor in a publisher's words.
func (l *lookup) as(names map[string]string) string {
	if name, ok := names[l.arch]; ok {
		return name
	}
	return l.arch
}
