package published

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/release"
)

// Names are the publishers that Offers knows.
func Names() (all []string) {
	for _, p := range publishers() {
		all = append(all, p.name())
	}
	return all
}

func (p publisher) name() string { return strings.TrimRight(p.prefix, "/:") }

// Offers asks a publisher, in steps below s, what it has for a processor. What only some of its servers have is
// among it; it fails if none of them has anything.
func Offers(s events.Step, name string, o Options) (all []release.Offer, err error) {
	i := slices.IndexFunc(publishers(), func(p publisher) bool { return p.name() == name })
	if i < 0 {
		return nil, fault.New("list", fault.NotFound, name, errors.New("it is no publisher")).
			WithRemedy("name one of " + strings.Join(Names(), ", "))
	}
	p := publishers()[i]
	servers := p.servers
	if o.Mirror != "" {
		servers = []string{o.Mirror}
	}
	var failed []error
	seen := map[string]bool{}
	for _, server := range servers {
		server = strings.TrimSuffix(server, "/")
		found, err := p.offers(&lookup{s, o.Cache, o.arch()}, server)
		if errors.Is(err, fault.NotFound) {
			err = fault.New("", fault.NotFound, server, fmt.Errorf("it lists nothing for %s", o.arch()))
		}
		failed = append(failed, err)
		for name, title := range found {
			if !seen[name] && p.valid(name) {
				seen[name] = true
				all = append(all, release.Offer{Address: p.prefix + name, Title: title, From: server})
			}
		}
	}
	if len(all) > 0 {
		return all, nil
	}
	if err = errors.Join(failed...); err == nil {
		err = fault.New("", fault.NotFound, strings.Join(servers, ", "), fmt.Errorf("it lists nothing for %s", o.arch()))
	}
	return nil, err
}

// link is one to a directory in what a server makes of a directory.
var link = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?i)href="(?:\./)?([0-9a-z._-]+)/"`) })

// listing gives the directories that a directory of a server has.
func (l *lookup) listing(dir string) (all []string, err error) {
	text, err := l.read(dir)
	for _, m := range link().FindAllStringSubmatch(string(text), -1) {
		all = append(all, m[1])
	}
	return all, err
}

func alpineOffers(l *lookup, server string) (map[string]string, error) {
	found := map[string]string{}
	all, err := l.listing(server + "/")
	for _, dir := range all {
		if name, ok := strings.CutPrefix(dir, "v"); ok && numbers()(name) || dir == "edge" {
			found[strings.TrimPrefix(dir, "v")] = "Alpine Linux " + strings.TrimPrefix(dir, "v")
		}
	}
	return found, err
}

func imageOffers(l *lookup, server string) (map[string]string, error) {
	found := map[string]string{}
	err := l.products(server, func(list *products, arch string) bool {
		for _, name := range slices.Sorted(maps.Keys(list.Products)) {
			product := list.Products[name]
			alias, _, _ := strings.Cut(product.Aliases, ",")
			if product.Arch != arch {
				continue
			}
			if _, ok := list.find(server, alias, arch); ok {
				found[alias] = strings.TrimSpace(product.OS + " " + product.Title)
			}
		}
		return false
	})
	return found, err
}

// branches are FreeBSD's and HardenedBSD's names of what one can get.
var branches = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^[0-9.]+-(RELEASE|STABLE|CURRENT|PRERELEASE|(ALPHA|BETA|RC)[0-9]*)$`)
})

func freebsdOffers(l *lookup, server string) (map[string]string, error) {
	found := map[string]string{}
	var failed error
	for _, dir := range l.dirs(server, "") {
		all, err := l.listing(strings.TrimRight(dir, "/") + "/")
		failed = errors.Join(failed, err)
		if err != nil && !errors.Is(err, fault.NotFound) {
			break // it will say nothing of the other one, either
		}
		for _, name := range all {
			if branches().MatchString(name) {
				found[name] = "FreeBSD " + name
			}
		}
	}
	if len(found) > 0 {
		failed = nil
	}
	return found, failed
}

func hardenedbsdOffers(l *lookup, server string) (map[string]string, error) {
	found := map[string]string{}
	all, err := l.listing(server + "/")
	for _, name := range all {
		if branches().MatchString(name) {
			found[name] = "HardenedBSD " + name
		}
	}
	return found, err
}
