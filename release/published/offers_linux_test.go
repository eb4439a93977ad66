package published_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/release"
	"github.com/libioc/ioc/release/published"
)

// asking is an operation that asks a publisher.
type asking struct{}

func (*asking) EventType() string { return "test.asking" }

func (p *place) offers(t *testing.T, name, mirror string) ([]string, error) {
	t.Helper()
	found, err := events.New(&asking{}, func(s events.Step) ([]release.Offer, error) {
		return published.Offers(s, name, published.Options{Cache: p.cache, Arch: "amd64", Mirror: mirror})
	}).Do(t.Context())
	var all []string
	for _, o := range found {
		if o.From != mirror {
			t.Errorf("%+v is not from %s", o, mirror)
		}
		all = append(all, o.Address+" is "+o.Title)
	}
	return all, err
}

// index is what a server makes of a directory.
func index(names ...string) string {
	return `<html><body><a href="../">..</a><a href="` + strings.Join(names, `">x</a> <a href="`) + `">x</a></body></html>`
}

func TestOffers(t *testing.T) {
	var streams files
	for _, l := range layouts(t) {
		if l.name == "simplestreams" {
			streams = l.files
		}
	}
	for _, tc := range []struct {
		name  string
		files files
		want  map[string]bool
	}{
		{"alpine", files{"/": index("edge/", "latest-stable/", "v2.1/", "./v3.21/", "MIRRORS.txt", "v3.x/")}, map[string]bool{
			"alpine/edge is Alpine Linux edge": true, "alpine/2.1 is Alpine Linux 2.1": true, "alpine/3.21 is Alpine Linux 3.21": true,
		}},
		{"images", streams, map[string]bool{"images:debian/bookworm/default is Debian bookworm": true}},
		{"freebsd", files{"/amd64/amd64/": index("14.3-RELEASE/", "15.0-RC1/", "ISO-IMAGES/", "15.0-RELEASE/"), "/amd64/": index("9.3-RELEASE/", "amd64/")}, map[string]bool{
			"freebsd/14.3-RELEASE is FreeBSD 14.3-RELEASE": true, "freebsd/15.0-RC1 is FreeBSD 15.0-RC1": true,
			"freebsd/15.0-RELEASE is FreeBSD 15.0-RELEASE": true, "freebsd/9.3-RELEASE is FreeBSD 9.3-RELEASE": true,
		}},
		{"hardenedbsd", files{"/": index("15-STABLE/", "pkg/", "16-CURRENT/")}, map[string]bool{
			"hardenedbsd/15-STABLE is HardenedBSD 15-STABLE": true, "hardenedbsd/16-CURRENT is HardenedBSD 16-CURRENT": true,
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p, s := newPlace(t, t.TempDir()), serve(t, tc.files)
			for range 2 { // the second time it is asked whether what was kept is still so
				all, err := p.offers(t, tc.name, s.URL)
				got := map[string]bool{}
				for _, o := range all {
					got[o] = true
				}
				if diff := cmp.Diff(tc.want, got); diff != "" || err != nil || len(all) != len(got) {
					t.Errorf("%v, %v (-want +got):\n%s", all, err, diff)
				}
			}
		})
	}
	p, nothing, login := newPlace(t, t.TempDir()), serve(t, files{}), serve(t, files{"/": "<html>log in</html>"})
	for _, name := range published.Names() {
		if all, err := p.offers(t, name, nothing.URL); !errors.Is(err, fault.NotFound) {
			t.Errorf("%s of a server without: %v, %v", name, all, err)
		}
	}
	if all, err := p.offers(t, "alpine", login.URL); !errors.Is(err, fault.NotFound) {
		t.Errorf("a page of a proxy: %v, %v", all, err)
	}
	if _, err := p.offers(t, "none", ""); !errors.Is(err, fault.NotFound) {
		t.Errorf("nobody is called so: %v", err)
	}
}
