package cli

import (
	"github.com/spf13/cobra"

	"github.com/libioc/ioc"
)

// stopOptions say how a jail is stopped.
type stopOptions struct{ force bool }

func (o *stopOptions) addFlags(cmd *cobra.Command) {
	cmd.Flags().BoolVarP(&o.force, "force", "f", false, "kill its processes at once: no exec_stop, no stop_timeout")
}

func (c *call) stop() *cobra.Command {
	var o stopOptions
	cmd := c.command(&cobra.Command{
		Use:   "stop [OPTIONS] JAIL...",
		Short: "stop jails",
		Long: `Stops jails, one after the other: runs exec_stop in the jail, asks its processes to end, waits for
them as long as stop_timeout says, and then takes back whatever the start did. A jail that does not run is
left alone. A stop that fails can be repeated.`,
		Example: `ioc stop web
ioc stop --force web`,
		Args: operands("JAIL..."),
	}, func(_ *cobra.Command, args []string) error {
		return c.each(args, func(j *ioc.JailGenerator) error {
			_, err := watch(c, j.Stop(ioc.StopOptions{Force: o.force}))
			return err
		})
	})
	o.addFlags(cmd)
	return cmd
}
