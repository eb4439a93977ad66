package cli

import (
	"strings"

	"github.com/spf13/cobra"
)

func (c *call) set() *cobra.Command {
	return c.command(&cobra.Command{
		Use:   "set PROPERTY=VALUE... JAIL",
		Short: "change properties of a jail",
		Long: `Changes properties of a jail: all of them, or none if one is wrong. The value "none" takes a value
away, so that the default holds. Prints what changed; what has no effect before the jail is restarted is
marked.`,
		Example: `ioc set memoryuse=1G notes="the shop" web
ioc set memoryuse=none web`,
		Args: atLeast(2, "PROPERTY=VALUE", "JAIL"),
	}, func(cmd *cobra.Command, args []string) error {
		on := args[len(args)-1]
		if strings.Contains(on, "=") {
			return misuse(cmd, "the jail comes last")
		}
		properties, err := pairs(cmd, args[:len(args)-1])
		if err != nil {
			return err
		}
		host, err := c.open()
		if err != nil {
			return err
		}
		changed, err := watch(c, host.JailGenerator(on).Set(properties))
		if err != nil || c.events == modeNDJSON {
			return err
		}
		for _, ch := range changed {
			line := ch.Property + ": " + ch.From + " -> " + ch.To
			if ch.Restart {
				line += " (when the jail is restarted)"
			}
			c.print(line + "\n")
		}
		return nil
	})
}
