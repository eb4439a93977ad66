package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/libioc/ioc"
)

func (c *call) clone() *cobra.Command {
	var o ioc.CloneOptions
	var count int
	cmd := c.command(&cobra.Command{
		Use:   "clone [OPTIONS] JAIL[@SNAPSHOT] NAME [PROPERTY=VALUE...]",
		Short: "make a jail of another one",
		Long: `Makes a jail that has the files and properties of another one, or of one of its snapshots, and shares
with it what neither changes. Further properties replace those of the original. With --count several are made, as
one operation: NAME-1, NAME-2 and so on.`,
		Example: `ioc clone web web-test
ioc clone --count 3 golden worker
ioc clone web@before-upgrade web-old notes="as it was"`,
		Args: atLeast(2, "JAIL[@SNAPSHOT]", "NAME"),
	}, func(cmd *cobra.Command, args []string) error {
		properties, err := pairs(cmd, args[2:])
		if err != nil {
			return err
		}
		names, err := numbered(cmd, args[1], count)
		if err != nil {
			return err
		}
		host, err := c.open()
		if err != nil {
			return err
		}
		from, snapshot, _ := strings.Cut(args[0], "@")
		o.Snapshot, o.Properties = snapshot, properties
		_, err = watch(c, host.JailGenerator(from).Clones(names, o))
		return err
	})
	cmd.Flags().IntVarP(&count, "count", "c", 1, "make `N` jails, called NAME-1 to NAME-N")
	cmd.Flags().BoolVarP(&o.Thick, "thick", "T", false, "copy all files, so that it shares none with the original")
	return cmd
}
