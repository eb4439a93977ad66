package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/libioc/ioc"
	"github.com/libioc/ioc/jail"
)

func (c *call) fstab() *cobra.Command {
	cmd := c.command(&cobra.Command{
		Use:   "fstab",
		Short: "show and change the mounts of a jail",
		Long: `Shows and changes what is mounted in a jail besides its root: directories and files of the host, and file systems in
memory. It is kept in the jail's fstab, in the form of fstab(5). In a jail that runs it changes at once. A place in the jail is
never one outside of its root, whatever links there are in it; nor is a link followed on
the way to what is mounted where a jail may have put it: in what is mounted in one,
and may be written to.`,
		Example: `ioc fstab add -o ro /srv/www /www web
ioc fstab show web`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return misuse(cmd, "%s is neither show, add nor rm", quote(args[0]))
			}
			return nil
		},
	}, func(cmd *cobra.Command, _ []string) error { return cmd.Help() })
	cmd.AddCommand(c.fstabShow(), c.fstabAdd(), c.fstabRemove())
	return cmd
}

// mountOf is a mount with its jail.
type mountOf struct {
	jail string
	jail.Mount
}

func mountColumns() []string {
	return []string{"comment", "jail", "options", "source", "target", "type"}
}

func (m mountOf) column(name string) cell {
	switch name {
	case "comment":
		return words(m.Comment)
	case "jail":
		return words(m.jail)
	case "options":
		return words(strings.Join(m.Options, ","))
	case "source":
		return words(m.Source)
	case "target":
		return words(m.Target)
	}
	return words(m.Type)
}

func (c *call) fstabShow() *cobra.Command {
	var g grid
	cmd := c.command(&cobra.Command{
		Use:   "show [OPTIONS] JAIL...",
		Short: "list the mounts of jails, in the order in which they are made",
		Long: `Lists the mounts of jails, in the order in which they are made. Columns are ` + strings.Join(mountColumns(), ", ") + `.

` + selectorHelp,
		Example: `ioc fstab show web
ioc fstab show -o jail,source --format csv ALL`,
		Args: operands("JAIL..."),
	}, func(cmd *cobra.Command, args []string) error {
		if err := g.check(cmd); err != nil {
			return err
		}
		usual := []string{"source", "target", "type", "options", "comment"}
		if len(args) > 1 || isTerm(args[0]) {
			usual = append([]string{"jail"}, usual...)
		}
		if err := g.chooseOf(usual, mountColumns()); err != nil {
			return err
		}
		all, err := ofJails(c, args, (*ioc.JailGenerator).Mounts, func(name string, m jail.Mount) mountOf { return mountOf{name, m} })
		if err != nil {
			return err
		}
		fill(&g, all, mountOf.column)
		c.printGrid(&g)
		return nil
	})
	g.addFlags(cmd)
	return cmd
}

func (c *call) fstabAdd() *cobra.Command {
	var options, comment string
	kind := "nullfs"
	cmd := c.command(&cobra.Command{
		Use:   "add [OPTIONS] SOURCE [TARGET] JAIL",
		Short: "add a mount to a jail, at once if it runs",
		Long: `Adds a mount to a jail, at once if it runs. SOURCE is a directory or a file of the host, TARGET its place in the jail,
which is made if it is missing; without one it is the same path. The type is nullfs, for which bind is another word, or tmpfs,
of which SOURCE is any word. Options are ro, noexec, nosuid, noatime and their opposites, and of a tmpfs also size=, mode=, uid=,
gid= and nr_inodes=. Devices do not work in a mount; see the property devices. What is mounted already is left alone.`,
		Example: `ioc fstab add -o ro,noexec /srv/www /www web
ioc fstab add -t tmpfs -o size=64m tmpfs /var/cache web`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 2 {
				return nil
			}
			return operands("SOURCE", "TARGET", "JAIL")(cmd, args)
		},
	}, func(_ *cobra.Command, args []string) error {
		host, err := c.open()
		if err != nil {
			return err
		}
		m := jail.Mount{Source: args[0], Target: args[0], Type: kind, Comment: comment}
		if len(args) > 2 {
			m.Target = args[1]
		}
		for _, o := range strings.Split(options, ",") {
			if o != "" {
				m.Options = append(m.Options, o)
			}
		}
		_, err = watch(c, host.JailGenerator(args[len(args)-1]).AddMount(m))
		return err
	})
	cmd.Flags().StringVarP(&options, "options", "o", "", "mount with these `OPTIONS`, separated by commas")
	cmd.Flags().StringVarP(&kind, "type", "t", kind, "the `TYPE`: nullfs or tmpfs")
	cmd.Flags().StringVarP(&comment, "comment", "c", "", "add a `COMMENT` to the line")
	return cmd
}

func (c *call) fstabRemove() *cobra.Command {
	return c.command(&cobra.Command{
		Use:   "rm MOUNT JAIL",
		Short: "take a mount from a jail, at once if it runs",
		Long: `Takes a mount from a jail, at once if it runs. MOUNT is its place in the jail, or what is mounted there. A mount that
processes of the jail use is not taken away.`,
		Example: `ioc fstab rm /www web`,
		Args:    operands("MOUNT", "JAIL"),
	}, func(_ *cobra.Command, args []string) error {
		host, err := c.open()
		if err != nil {
			return err
		}
		_, err = watch(c, host.JailGenerator(args[1]).RemoveMount(args[0]))
		return err
	})
}
