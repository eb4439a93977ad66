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
	var boot bool
	cmd := c.command(&cobra.Command{
		Use:   "stop [OPTIONS] JAIL...",
		Short: "stop jails",
		Long: `Stops jails: runs exec_stop in the jail, asks its processes to end, waits for them as long as
stop_timeout says, and then takes back whatever the start did. Jails are stopped before those that they depend on, and
those of a higher priority before those of a lower one. A jail that does not run is left alone. A stop that fails can
be repeated.

What is stopped stays so. If one of several cannot be stopped, those that have begun are stopped and no other is;
with --ignore all others are.

With --rc all jails that run are stopped but templates, and each counts for itself: it is what a machine does when it
goes down. JAIL narrows them down.

` + selectorHelp,
		Example: `ioc stop web
ioc stop --force web
ioc stop ALL
ioc stop --rc`,
		Args: unless(&boot, operands("JAIL...")),
	}, func(cmd *cobra.Command, args []string) error {
		choose := c.jails
		if boot {
			choose, several.ignore = c.started, true
		}
		jails, err := choose(cmd, args)
		if err != nil {
			return err
		}
		_, err = watch(c, jails.Stop(o.options(), several.options()))
		return err
	})
	o.addFlags(cmd)
	several.addFlags(cmd)
	cmd.Flags().BoolVar(&boot, "rc", false, "stop all jails that run")
	return cmd
}
