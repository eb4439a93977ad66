package cli

import "github.com/spf13/cobra"

func (c *call) restart() *cobra.Command {
	var o stopOptions
	var several severalOptions
	cmd := c.command(&cobra.Command{
		Use:   "restart [OPTIONS] JAIL...",
		Short: "stop jails and start them again",
		Long: `Stops jails and starts them as they are configured now, in the order in which ioc start does. A jail that
does not run is started. If one cannot be started again it is stopped, and the error says so.

What is restarted stays so. If one of several fails, those that have begun go to their end and no other begins;
with --ignore all others do.

Templates are left out unless they are named. ` + selectorHelp,
		Example: `ioc restart web
ioc restart tags=mail`,
		Args: operands("JAIL..."),
	}, func(cmd *cobra.Command, args []string) error {
		jails, err := c.startable(cmd, args)
		if err != nil {
			return err
		}
		_, err = watch(c, jails.Restart(o.options(), several.options()))
		return err
	})
	o.addFlags(cmd)
	several.addFlags(cmd)
	return cmd
}
