package cli

import (
	"github.com/spf13/cobra"

	"github.com/libioc/ioc"
)

func (c *call) start() *cobra.Command {
	return c.command(&cobra.Command{
		Use:   "start JAIL...",
		Short: "start jails",
		Long: `Starts jails, one after the other. A jail that runs is left alone; one that has died is cleaned up first.
A start that fails leaves nothing of itself behind.`,
		Example: `ioc start web
ioc start db web`,
		Args: operands("JAIL..."),
	}, func(_ *cobra.Command, args []string) error {
		return c.each(args, func(j *ioc.JailGenerator) error {
			_, err := watch(c, j.Start())
			return err
		})
	})
}

// each does something with one jail after the other, and stops at the first that fails.
func (c *call) each(names []string, do func(*ioc.JailGenerator) error) error {
	host, err := c.open()
	if err != nil {
		return err
	}
	for _, n := range names {
		if err := do(host.JailGenerator(n)); err != nil {
			return err
		}
	}
	return nil
}
