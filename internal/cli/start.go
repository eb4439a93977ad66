package cli

import "github.com/spf13/cobra"

func (c *call) start() *cobra.Command {
	var o severalOptions
	cmd := c.command(&cobra.Command{
		Use:   "start [OPTIONS] JAIL...",
		Short: "start jails",
		Long: `Starts jails in the order of their property priority, lower ones first, and those of the same priority
at the same time. A jail that runs is left alone; one that has died is cleaned up first.

It is one operation: if one of the jails cannot be started, those that were started with it are stopped
again. With --ignore each counts for itself: the others are started and stay so, and the exit code is 1.

Templates are left out unless they are named. ` + selectorHelp,
		Example: `ioc start web
ioc start db web
ioc start --ignore ALL`,
		Args: operands("JAIL..."),
	}, func(cmd *cobra.Command, args []string) error {
		jails, err := c.startable(cmd, args)
		if err != nil {
			return err
		}
		_, err = watch(c, jails.Start(o.options()))
		return err
	})
	o.addFlags(cmd)
	return cmd
}
