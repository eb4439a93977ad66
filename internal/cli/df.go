package cli

import (
	"github.com/spf13/cobra"

	"github.com/libioc/ioc/jail"
)

func (c *call) df() *cobra.Command {
	var g grid
	cmd := c.command(&cobra.Command{
		Use:   "df [OPTIONS] [JAIL...]",
		Short: "show how much room jails take",
		Long: `Shows for each jail what destroying it would free (used), what its files amount to, shared with others or not
(referenced), what could still be written (available), and how many snapshots it has. It takes a look at all files.
Columns are those of ioc list.

` + selectorHelp,
		Example: `ioc df
ioc df -s -used "web*"
ioc df --format json`,
		Args: cobra.ArbitraryArgs,
	}, func(cmd *cobra.Command, args []string) error {
		if err := g.check(cmd); err != nil {
			return err
		}
		usual := []string{"name", "used", "referenced", "available", "snapshots"}
		if err := g.choose(usual, isJailColumn, suggestedColumns()); err != nil {
			return err
		}
		host, err := c.open()
		if err != nil {
			return err
		}
		all, err := host.Select(c.ctx, args)
		if err != nil {
			return err
		}
		m := c.measurer(host)
		fill(&g, all, func(i jail.Info, column string) cell { return jailColumn(&i, column, m) })
		c.printGrid(&g)
		return nil
	})
	g.addFlags(cmd)
	return cmd
}
