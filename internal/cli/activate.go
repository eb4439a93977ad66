package cli

import (
	"github.com/spf13/cobra"

	"github.com/libioc/ioc"
)

func (c *call) activate() *cobra.Command {
	return c.command(&cobra.Command{
		Use:   "activate POOL...",
		Short: "keep jails in ZFS pools",
		Long: `Marks ZFS pools as ioc's: all that are named, or none of them if one cannot be. A pool that has neither POOL/ioc nor
libioc's POOL/iocage gets POOL/ioc. The first active pool is where root's jails are, unless --root or IOC_ROOT name
another place or /etc/rc.conf does (ioc_dataset_NAME=). ioc list --pools shows which are active.`,
		Example: `ioc activate tank
ioc list --datasets`,
		Args: atLeast(1, "POOL"),
	}, func(_ *cobra.Command, args []string) error {
		host, err := c.open()
		if err != nil {
			return err
		}
		_, err = watch(c, host.Activate(args...))
		return err
	})
}

func (c *call) deactivate() *cobra.Command {
	return c.command(&cobra.Command{
		Use:     "deactivate POOL...",
		Short:   "keep jails in ZFS pools no more",
		Long:    `Takes the mark off ZFS pools that says that they are ioc's. Their files stay, and jails that run go on.`,
		Example: `ioc deactivate tank`,
		Args:    atLeast(1, "POOL"),
	}, func(_ *cobra.Command, args []string) error {
		host, err := c.open()
		if err != nil {
			return err
		}
		_, err = watch(c, host.Deactivate(args...))
		return err
	})
}

func (c *call) listPools(g *grid) error {
	names := []string{"available", "active", "dataset", "name", "used"}
	if err := g.chooseOf([]string{"name", "active", "dataset", "used", "available"}, names); err != nil {
		return err
	}
	all, err := ioc.Pools(c.ctx)
	if err != nil {
		return err
	}
	fill(g, all, func(p ioc.Pool, column string) cell {
		switch column {
		case "active":
			return yesNo(p.Active)
		case "dataset":
			return words(p.Root)
		case "used":
			return octets(p.Used)
		case "available":
			return octets(p.Available)
		}
		return words(p.Name)
	})
	return nil
}

func (c *call) listDatasets(g *grid) error {
	names := []string{"available", "dataset", "from", "mountpoint", "referenced", "source", "used"}
	if err := g.chooseOf([]string{"source", "dataset", "mountpoint", "used", "available", "referenced", "from"}, names); err != nil {
		return err
	}
	all, err := ioc.Sources(c.ctx)
	if err != nil {
		return err
	}
	fill(g, all, func(s ioc.Source, column string) cell {
		switch column {
		case "source":
			return words(s.Source)
		case "from":
			return words(s.From)
		case "mountpoint":
			return words(s.Dir)
		case "used":
			return octets(s.Used)
		case "referenced":
			return octets(s.Referenced)
		case "available":
			return octets(s.Available)
		}
		return words(s.Dataset)
	})
	return nil
}
