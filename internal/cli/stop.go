package cli

import (
	"github.com/spf13/cobra"

	"github.com/libioc/ioc"
)

// stopOptions say how a jail is stopped.
type stopOptions struct{ force bool }

func (o *stopOptions) addFlags(cmd *cobra.Command) {
	cmd.Flags().BoolVarP(&o.force, "force", "f", false, "kill its processes at once: no exec_prestop, no exec_stop, no stop_timeout")
}

func (o *stopOptions) options() ioc.StopOptions { return ioc.StopOptions{Force: o.force} }

func (c *call) stop() *cobra.Command {
	var o stopOptions
	var several severalOptions
	cmd := c.command(&cobra.Command{
		Use:   "stop [OPTIONS] JAIL...",
		Short: "stop jails",
		Long: `Stops jails: runs exec_stop in the jail, asks its processes to end, waits for them as long as
stop_timeout says, and then takes back whatever the start did. Jails of a higher priority are stopped before those of
a lower one. A jail that does not run is left alone. A stop that fails can be repeated.

What is stopped stays so. If one of several cannot be stopped, those that have begun are stopped and no other is;
with --ignore all others are.

` + selectorHelp,
		Example: `ioc stop web
ioc stop --force web
ioc stop ALL`,
		Args: operands("JAIL..."),
	}, func(cmd *cobra.Command, args []string) error {
		jails, err := c.jails(cmd, args)
		if err != nil {
			return err
		}
		_, err = watch(c, jails.Stop(o.options(), several.options()))
		return err
	})
	o.addFlags(cmd)
	several.addFlags(cmd)
	return cmd
}
