package cli

import "github.com/spf13/cobra"

func (c *call) rename() *cobra.Command {
	return c.command(&cobra.Command{
		Use:   "rename JAIL NAME",
		Short: "give a jail another name",
		Long: `Gives a jail that does not run another name. Its files, snapshots and configuration go with it, and so
does its host name if none was configured.`,
		Example: `ioc rename web www`,
		Args:    operands("JAIL", "NAME"),
	}, func(_ *cobra.Command, args []string) error {
		host, err := c.open()
		if err != nil {
			return err
		}
		_, err = watch(c, host.JailGenerator(args[0]).Rename(args[1]))
		return err
	})
}
