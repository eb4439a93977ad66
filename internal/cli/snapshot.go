package cli

import (
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/libioc/ioc"
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
	cmd.AddCommand(c.snapshotList(), c.snapshotCreate(), c.snapshotRemove(), c.snapshotRollback())
	return cmd
}

// unknownSnapshot refuses what is no command below snapshot.
func (*call) unknownSnapshot(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return misuse(cmd, "%s is neither list, create, remove nor rollback", quote(args[0]))
	}
	return nil
}

func (c *call) snapshotList() *cobra.Command {
	var t table
	cmd := c.command(&cobra.Command{
		Use:     "list [OPTIONS] JAIL",
		Short:   "list a jail's snapshots, oldest first",
		Example: `ioc snapshot list web`,
		Args:    operands("JAIL"),
	}, func(_ *cobra.Command, args []string) error {
		host, err := c.open()
		if err != nil {
			return err
		}
		j := host.JailGenerator(args[0])
		if _, err := j.Info(c.ctx); err != nil {
			return err
		}
		all, err := j.Snapshots(c.ctx)
		if err != nil {
			return err
		}
		t.header("NAME", "CREATED", "USED")
		for _, s := range all {
			t.row(args[0]+"@"+string(s.Name), when(s.Created), size(s.Used))
		}
		c.print(t.String())
		return nil
	})
	t.addFlags(cmd)
	return cmd
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
