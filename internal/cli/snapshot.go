package cli

import (
	"path"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/libioc/ioc"
	"github.com/libioc/ioc/storage"
)

func (c *call) snapshot() *cobra.Command {
	cmd := c.command(&cobra.Command{
		Use:   "snapshot",
		Short: "keep states of a jail's files and return to them",
		Long: `Keeps states of a jail's files under names, lists them, returns to them and removes them. Properties are
not part of a snapshot.`,
		Example: `ioc snapshot create web@before-upgrade
ioc snapshot rollback web@before-upgrade`,
		Args: c.unknownSnapshot,
	}, func(cmd *cobra.Command, _ []string) error { return cmd.Help() })
	cmd.AddCommand(c.snapshotList(), c.snapshotCreate(), c.snapshotRemove(), c.snapshotRollback(), c.snapshotDiff(), c.snapshotSend(), c.snapshotReceive())
	return cmd
}

// unknownSnapshot refuses what is no command below snapshot.
func (*call) unknownSnapshot(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return misuse(cmd, "%s is neither list, create, remove, rollback, diff, send nor receive", quote(args[0]))
	}
	return nil
}

func (c *call) snapshotList() *cobra.Command {
	var g grid
	cmd := c.command(&cobra.Command{
		Use:   "list [OPTIONS] JAIL...",
		Short: "list snapshots of jails, oldest first",
		Long: `Lists the snapshots of jails with the times at which they were made and what removing each of them would
free. Columns are ` + strings.Join(snapshotColumns(), ", ") + `.

` + selectorHelp,
		Example: `ioc snapshot list web
ioc snapshot list -s -used ALL`,
		Args: operands("JAIL..."),
	}, func(cmd *cobra.Command, args []string) error {
		if err := g.check(cmd); err != nil {
			return err
		}
		if err := g.chooseOf([]string{"name", "created", "used"}, snapshotColumns()); err != nil {
			return err
		}
		all, err := ofJails(c, args, (*ioc.JailGenerator).Snapshots, func(name string, s storage.Snapshot) snapshotOf { return snapshotOf{name, s} })
		if err != nil {
			return err
		}
		fill(&g, all, snapshotOf.column)
		c.print(g.String())
		return nil
	})
	g.addFlags(cmd)
	return cmd
}

// snapshotOf is a snapshot with its jail.
type snapshotOf struct {
	jail string
	storage.Snapshot
}

func snapshotColumns() []string { return []string{"created", "jail", "name", "snapshot", "used"} }

func (s snapshotOf) column(name string) cell {
	switch name {
	case "jail":
		return words(s.jail)
	case "snapshot":
		return words(string(s.Name))
	case "created":
		return moment(s.Created)
	case "used":
		return octets(s.Used)
	}
	return words(s.jail + "@" + string(s.Name))
}

func (c *call) snapshotCreate() *cobra.Command {
	return c.command(&cobra.Command{
		Use:     "create JAIL[@SNAPSHOT]",
		Short:   "keep the present state of a jail's files; print the snapshot's name",
		Example: `ioc snapshot create web@before-upgrade`,
		Args:    operands("JAIL[@SNAPSHOT]"),
	}, func(_ *cobra.Command, args []string) error {
		j, snapshot, err := c.jailAt(args[0])
		if err != nil {
			return err
		}
		made, err := watch(c, j.Snapshot(snapshot))
		if err == nil && c.events != modeNDJSON {
			c.print(j.Name() + "@" + string(made) + "\n")
		}
		return err
	})
}

func (c *call) snapshotRemove() *cobra.Command {
	return c.command(&cobra.Command{
		Use:     "remove JAIL@SNAPSHOT",
		Short:   "remove a snapshot; neither the jail nor other snapshots change",
		Example: `ioc snapshot remove web@before-upgrade`,
		Args:    snapshotOperand,
	}, func(_ *cobra.Command, args []string) error {
		j, snapshot, err := c.jailAt(args[0])
		if err != nil {
			return err
		}
		_, err = watch(c, j.DestroySnapshot(snapshot))
		return err
	})
}

func (c *call) snapshotRollback() *cobra.Command {
	var o ioc.RollbackOptions
	cmd := c.command(&cobra.Command{
		Use:   "rollback [OPTIONS] JAIL@SNAPSHOT",
		Short: "return a jail's files to a snapshot",
		Long: `Returns the files of a jail that does not run to the snapshot named, and to no other. What was written
since then is lost. If there are newer snapshots it is refused, unless they may be destroyed.`,
		Example: `ioc snapshot rollback web@before-upgrade`,
		Args:    snapshotOperand,
	}, func(_ *cobra.Command, args []string) error {
		j, snapshot, err := c.jailAt(args[0])
		if err != nil {
			return err
		}
		_, err = watch(c, j.Rollback(snapshot, o))
		return err
	})
	cmd.Flags().BoolVarP(&o.DestroyNewer, "force", "f", false, "destroy the snapshots that are newer")
	return cmd
}

func (c *call) snapshotDiff() *cobra.Command {
	var g grid
	cmd := c.command(&cobra.Command{
		Use:   "diff [OPTIONS] JAIL@SNAPSHOT [SNAPSHOT]",
		Short: "show what has changed in a jail's files since a snapshot",
		Long: `Shows what is not the same in a jail's files at a snapshot and now, or at a second snapshot: a + before what was
added, a - before what was removed, an M before what was changed, in its content, its owner or its mode. It takes a look at
all files. The jail may run. Columns are ` + strings.Join(diffColumns(), ", ") + `.`,
		Example: `ioc snapshot diff web@before-upgrade
ioc snapshot diff web@monday tuesday
ioc snapshot diff --format json web@monday`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 2 {
				return misuse(cmd, "two states can be compared, not %d", len(args))
			}
			return snapshotOperand(cmd, args[:min(len(args), 1)])
		},
	}, func(cmd *cobra.Command, args []string) error {
		if err := g.check(cmd); err != nil {
			return err
		}
		if err := g.chooseOf([]string{"change", "path"}, diffColumns()); err != nil {
			return err
		}
		j, from, err := c.jailAt(args[0])
		if err != nil {
			return err
		}
		to := ""
		if len(args) == 2 {
			to = strings.TrimPrefix(strings.TrimPrefix(args[1], j.Name()), "@")
		}
		all, err := watch(c, j.Diff(from, to))
		if err != nil || c.events == modeNDJSON {
			return err
		}
		fill(&g, all, func(d storage.Difference, column string) cell {
			switch column {
			case "how":
				return words(string(d.How))
			case "path":
				return words(path.Join("/", d.Path))
			}
			return words(map[storage.How]string{storage.Added: "+", storage.Removed: "-", storage.Altered: "M"}[d.How])
		})
		c.print(g.String())
		return nil
	})
	g.addFlags(cmd)
	return cmd
}

func diffColumns() []string { return []string{"change", "how", "path"} }

// snapshotOperand wants one argument that names a snapshot.
func snapshotOperand(cmd *cobra.Command, args []string) error {
	if err := operands("JAIL@SNAPSHOT")(cmd, args); err != nil {
		return err
	}
	if _, snapshot, _ := strings.Cut(args[0], "@"); snapshot == "" {
		return misuse(cmd, "%s names no snapshot", quote(args[0]))
	}
	return nil
}

// jailAt reads JAIL@SNAPSHOT.
func (c *call) jailAt(arg string) (*ioc.JailGenerator, string, error) {
	host, err := c.open()
	if err != nil {
		return nil, "", err
	}
	jail, snapshot, _ := strings.Cut(arg, "@")
	return host.JailGenerator(jail), snapshot, nil
}

// when is a moment in the caller's time zone.
func when(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.Local().Format("2006-01-02 15:04:05")
}
