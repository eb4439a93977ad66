package cli

import (
	"github.com/spf13/cobra"

	"github.com/libioc/ioc"
)

func (c *call) logs() *cobra.Command {
	o := ioc.LogOptions{Lines: -1}
	cmd := c.command(&cobra.Command{
		Use:   "logs [OPTIONS] JAIL",
		Short: "show what a jail's commands have written",
		Long: `Shows what exec_start and exec_stop of a jail, and the programs that they left running, have written to
standard output and error. It is kept beside the jail, two megabytes at most, until the jail is destroyed.`,
		Example: `ioc logs web
ioc logs -n 20 -f web`,
		Args: operands("JAIL"),
	}, func(_ *cobra.Command, args []string) error {
		host, err := c.open()
		if err != nil {
			return err
		}
		for piece, err := range host.JailGenerator(args[0]).Log(c.ctx, o) {
			if err != nil {
				return err
			}
			if c.print(string(piece)); c.outErr != nil {
				break
			}
		}
		return nil
	})
	cmd.Flags().IntVarP(&o.Lines, "lines", "n", -1, "only the last `N` lines")
	cmd.Flags().Lookup("lines").DefValue = "all"
	cmd.Flags().BoolVarP(&o.Follow, "follow", "f", false, "go on with what is written from now on, until Ctrl-C or until the jail is gone")
	return cmd
}
