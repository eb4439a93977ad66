package cli

import (
	"runtime"

	"github.com/libioc/ioc"
)

func (c *call) listReleases(host *ioc.Host, t *table) error {
	all, err := host.Releases(c.ctx)
	if err != nil {
		return err
	}
	t.header("NAME", "SIZE", "FETCHED", "FROM", "NOTE")
	for _, i := range all {
		note := ""
		switch {
		case i.Broken != nil:
			note = "broken: " + i.Broken.Error()
		case i.Arch != "" && i.Arch != runtime.GOARCH:
			note = "for " + i.Arch
		}
		t.row(string(i.Name), size(i.Bytes), when(i.Created), i.Source, note)
	}
	return nil
}

func (c *call) destroyReleases(names []string) error {
	host, err := c.open()
	if err != nil {
		return err
	}
	for _, n := range names {
		if _, err := watch(c, host.DestroyRelease(n)); err != nil {
			return err
		}
	}
	return nil
}
