package cli

import (
	"runtime"

	"github.com/libioc/ioc"
	"github.com/libioc/ioc/release"
)

func (c *call) listReleases(host *ioc.Host, g *grid) error {
	columns := []string{"name", "size", "fetched", "from", "note"}
	if c.quiet && g.plain() {
		columns, g.script = columns[:1], true
	}
	if err := g.chooseOf(columns, releaseColumns()); err != nil {
		return err
	}
	all, err := host.Releases(c.ctx)
	if err == nil {
		fill(g, all, releaseColumn)
	}
	return err
}

func (c *call) listOffers(host *ioc.Host, g *grid, o ioc.OfferOptions) error {
	columns := []string{"address", "title", "from"}
	all := columns
	if c.quiet && g.plain() {
		columns, g.script = columns[:1], true
	}
	if err := g.chooseOf(columns, all); err != nil {
		return err
	}
	found, err := watch(c, host.Offers(o))
	if err == nil {
		fill(g, found, func(i release.Offer, column string) cell {
			switch column {
			case "title":
				return words(i.Title)
			case "from":
				return words(i.From)
			}
			return words(i.Address)
		})
	}
	return err
}

func releaseColumns() []string {
	return []string{"arch", "digest", "fetched", "files", "from", "name", "note", "size", "title"}
}

// releaseColumn is the value of one column.
func releaseColumn(i release.Info, column string) cell {
	switch column {
	case "name":
		return words(string(i.Name))
	case "size":
		return octets(i.Bytes)
	case "files":
		return number(i.Files)
	case "fetched":
		return moment(i.Created)
	case "from":
		return words(i.Source)
	case "arch":
		return words(i.Arch)
	case "digest":
		return words(i.Digest)
	case "title":
		return words(i.Title)
	}
	switch {
	case i.Broken != nil:
		return words("broken: " + i.Broken.Error())
	case i.Arch != "" && i.Arch != runtime.GOARCH:
		return words("for " + i.Arch)
	}
	return cell{}
}

func (c *call) destroyReleases(names []string, yes bool) error {
	host, err := c.open()
	if err != nil {
		return err
	}
	if !yes {
		var what []string
		for _, n := range names {
			what = append(what, "release "+n)
		}
		if err := c.confirm("destroy", what); err != nil {
			return err
		}
	}
	for _, n := range names {
		if _, err := watch(c, host.DestroyRelease(n)); err != nil {
			return err
		}
	}
	return nil
}
