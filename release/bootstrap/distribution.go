package bootstrap

import (
	"context"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/libioc/ioc/release"
)

// distribution is what is known of one whose releases can be made.
type distribution struct {
	name    string
	title   string
	keyring string // of its archive, where its package puts it
	keys    string // that package
	rolling []string
	script  string // of debootstrap, for suites that it does not know yet
	usual   func(arch string) []repository
}

// pockets are the rest of a suite's name, in order of importance.
func pockets() []string { return []string{"", "-updates", "-security"} }

// distributions are those that can be made. Ubuntu serves most processors elsewhere.
func distributions() []distribution {
	return []distribution{
		{
			name: "debian", title: "Debian", keyring: "/usr/share/keyrings/debian-archive-keyring.gpg", keys: "debian-archive-keyring",
			rolling: []string{"sid", "unstable", "experimental"}, script: "sid",
			usual: func(string) []repository {
				return []repository{
					{uris: []string{"http://deb.debian.org/debian"}, suites: []string{"", "-updates"}, components: []string{"main"}},
					{uris: []string{"http://deb.debian.org/debian-security"}, suites: []string{"-security"}, components: []string{"main"}},
				}
			},
		},
		{
			name: "ubuntu", title: "Ubuntu", keyring: "/usr/share/keyrings/ubuntu-archive-keyring.gpg", keys: "ubuntu-keyring",
			script: "gutsy",
			usual: func(arch string) []repository {
				mirror := "http://ports.ubuntu.com/ubuntu-ports"
				if arch == "amd64" || arch == "i386" {
					mirror = "http://archive.ubuntu.com/ubuntu"
				}
				return []repository{{uris: []string{mirror}, suites: pockets(), components: []string{"main", "universe"}}}
			},
		},
	}
}

func lookup(name string) (distribution, bool) {
	all := distributions()
	i := slices.IndexFunc(all, func(d distribution) bool { return d.name == name })
	if i < 0 {
		return distribution{}, false
	}
	return all[i], true
}

// Names are the distributions that New knows.
func Names() (all []string) {
	for _, d := range distributions() {
		all = append(all, d.name)
	}
	return all
}

// Offers are the suites of a distribution that the host's apt has packages of. Others can be asked for, too.
func Offers(ctx context.Context, name string) (all []release.Offer) {
	d, _ := lookup(name)
	seen := map[string]bool{}
	for _, r := range readHost(ctx).sources {
		if !d.owns(r) {
			continue
		}
		for _, suite := range r.suites {
			suite, _, _ = strings.Cut(strings.TrimSuffix(suite, "/"), "-")
			if !seen[suite] && suite != "" {
				seen[suite] = true
				all = append(all, release.Offer{Address: name + "/" + suite, Title: d.title + " " + suite, From: r.uris[0]})
			}
		}
	}
	return all
}

// owns reports whether a repository of the host is a mirror of the distribution's archive, and not of somebody
// else who has packages for it.
func (d *distribution) owns(r repository) bool {
	if !slices.Contains(r.components, "main") {
		return false
	}
	if r.signedBy != "" && r.signedBy[0] == '/' {
		return strings.HasPrefix(path.Base(r.signedBy), d.name)
	}
	u, err := url.Parse(r.uris[0])
	return err == nil && strings.HasPrefix(path.Base(strings.TrimSuffix(u.Path, "/")), d.name)
}

// repositories are the lines of sources for a suite: those that the host has for it; if it has none, its
// mirrors of the distribution, for this suite; else the distribution's own. exists tells of files.
func (d *distribution) repositories(suite, arch string, host []repository, exists func(path string) bool) []string {
	var own []repository
	for _, r := range host {
		if d.owns(r) {
			own = append(own, r)
		}
	}
	all := d.lines(suite, own, func(s string) (pocket string, ok bool) {
		pocket, ok = strings.CutPrefix(s, suite)
		return pocket, ok && slices.Contains(pockets(), pocket)
	}, exists)
	if len(all) > 0 {
		return all
	}
	rolling := slices.Contains(d.rolling, suite)
	fits := func(s string) (string, bool) { // whatever suite it is for
		for _, p := range pockets()[1:] {
			if strings.HasSuffix(s, p) {
				return p, !rolling
			}
		}
		return "", !strings.Contains(s, "-")
	}
	if all = d.lines(suite, own, fits, exists); len(all) == 0 {
		all = d.lines(suite, d.usual(arch), fits, exists)
	}
	return all
}

func (d *distribution) lines(suite string, from []repository, fits func(string) (string, bool), exists func(string) bool) (all []string) {
	for _, r := range from {
		if r.signedBy == "" && !r.trusted && exists(d.keyring) {
			r.signedBy = d.keyring
		}
		for _, s := range r.suites {
			if pocket, ok := fits(s); ok && !slices.Contains(all, r.line(suite+pocket)) {
				all = append(all, r.line(suite+pocket))
			}
		}
	}
	return all
}
