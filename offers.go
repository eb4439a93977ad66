package ioc

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/internal/natural"
	"github.com/libioc/ioc/release"
	"github.com/libioc/ioc/release/bootstrap"
	"github.com/libioc/ioc/release/published"
)

// OfferOptions say whom to ask.
type OfferOptions struct {
	// Sources are names of distributions and publishers (debian, alpine, images, freebsd), or the beginnings of their
	// addresses; none: all that are known, and the releases that can be fetched by name.
	Sources []string
	// Mirror is the URL of a server that is asked instead of a publisher's own. It needs one source.
	Mirror string
}

// Offering is the payload of asking what can be fetched.
type Offering struct{}

// EventType is the operation's name in events.
func (*Offering) EventType() string { return "release.offers" }

// EventTitle is for people.
func (*Offering) EventTitle() string { return "ask what can be fetched" }

// AskOffers is the payload of asking one source.
type AskOffers struct{ Source string }

// EventType is the step's name in events.
func (*AskOffers) EventType() string { return "release.ask" }

// EventTitle is for people.
func (p *AskOffers) EventTitle() string { return "ask " + p.Source }

// EventKey is the source.
func (p *AskOffers) EventKey() string { return p.Source }

// Offers asks sources what can be fetched from them, in the order of the addresses. One that cannot be asked fails
// its step, and the operation only if none could be.
func (h *Host) Offers(o OfferOptions) events.Op[[]release.Offer] {
	return events.New(&Offering{}, func(s events.Step) (all []release.Offer, err error) {
		asked := slices.Clone(o.Sources)
		if len(asked) == 0 {
			asked = slices.Concat(bootstrap.Names(), published.Names())
			for _, name := range slices.Sorted(maps.Keys(h.sources.known)) {
				all = append(all, release.Offer{Address: name, Title: h.sources.known[name].String(), From: "ioc"})
			}
		}
		for i, name := range asked {
			name, _, _ = strings.Cut(strings.ReplaceAll(name, ":", "/"), "/")
			if all := slices.Concat(bootstrap.Names(), published.Names()); !slices.Contains(all, name) {
				return nil, fault.New("list", fault.NotFound, name, errors.New("no source is called so")).
					WithRemedy("name one of " + strings.Join(all, ", "))
			}
			asked[i] = name
		}
		if o.Mirror != "" && len(asked) != 1 {
			return nil, fault.New("list", fault.Invalid, o.Mirror, errors.New("a mirror is one of one source")).WithRemedy("name the source, too")
		}
		if h.sources.cache == nil {
			return all, nil // a dry run
		}
		found := make([][]release.Offer, len(asked))
		err = s.Group(func(g *events.Group) {
			for i, name := range asked {
				g.Go(&AskOffers{name}, func(s events.Step) (err error) {
					if slices.Contains(bootstrap.Names(), name) {
						found[i] = bootstrap.Offers(s.Context(), name)
						return nil
					}
					found[i], err = published.Offers(s, name, published.Options{Cache: h.sources.cache, Mirror: o.Mirror})
					return err
				})
			}
		}, events.Settle())
		if stopped := s.Context().Err(); stopped != nil {
			return nil, errors.Join(err, stopped)
		}
		all = slices.Concat(append(found, all)...)
		slices.SortStableFunc(all, func(a, b release.Offer) int { return natural.Compare(a.Address, b.Address) })
		if err != nil && len(all) == 0 {
			return nil, fault.New("list", fault.Unknown, "", fmt.Errorf("nobody could be asked: %w", err))
		}
		return all, nil
	}).With(h.preset...)
}
