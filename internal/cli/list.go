package cli

import (
	"github.com/spf13/cobra"

	"github.com/libioc/ioc"
	"github.com/libioc/ioc/jail"
)

func (c *call) list() *cobra.Command {
	var t table
	var releases bool
	cmd := c.command(&cobra.Command{
		Use:   "list [OPTIONS]",
		Short: "list jails or releases",
		Long: `Lists the jails with their states: stopped; running; dead, which is a jail that ended without being
stopped; broken, which cannot be used as it is. The last column says what is wrong and what repairs it.`,
		Example: `ioc list
ioc list -H | cut -f 1,2
ioc list --releases`,
		Args: operands(),
	}, func(*cobra.Command, []string) error {
		host, err := c.open()
		if err != nil {
			return err
		}
		if releases {
			err = c.listReleases(host, &t)
		} else {
			err = c.listJails(host, &t)
		}
		if err == nil {
			c.print(t.String())
		}
		return err
	})
	cmd.Flags().BoolVar(&releases, "releases", false, "list what jails can be made from")
	t.addFlags(cmd)
	return cmd
}

func (c *call) listJails(host *ioc.Host, t *table) error {
	all, err := host.Jails(c.ctx)
	if err != nil {
		return err
	}
	t.header("NAME", "STATE", "RELEASE", "STARTED", "NOTE")
	for _, i := range all {
		t.row(string(i.Name), string(i.State), string(i.Release), when(i.Started), note(i))
	}
	return nil
}

// note is what is wrong with a jail and what repairs it.
func note(i jail.Info) string {
	if i.Reason != "" && i.Remedy != "" {
		return i.Reason + "; " + i.Remedy
	}
	return i.Reason
}
