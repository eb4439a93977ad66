package cli

import (
	"github.com/spf13/cobra"

	"github.com/libioc/ioc"
)

func (c *call) restart() *cobra.Command {
	var o stopOptions
	cmd := c.command(&cobra.Command{
		Use:   "restart [OPTIONS] JAIL...",
		Short: "stop jails and start them again",
		Long: `Stops jails and starts them as they are configured now, one after the other. A jail that does not run
is started. If one cannot be started again it is stopped, and the error says so.`,
		Example: `ioc restart web`,
		Args:    operands("JAIL..."),
	}, func(_ *cobra.Command, args []string) error {
		return c.each(args, func(j *ioc.JailGenerator) error {
			_, err := watch(c, j.Restart(ioc.StopOptions{Force: o.force}))
			return err
		})
	})
	o.addFlags(cmd)
	return cmd
}
