package cli

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

func (c *call) version() *cobra.Command {
	return c.command(&cobra.Command{
		Use:     "version",
		Short:   "tell which ioc this is",
		Example: `ioc version`,
		Args:    operands(),
	}, func(*cobra.Command, []string) error {
		version := "unknown"
		if b, ok := debug.ReadBuildInfo(); ok {
			version = b.Main.Version
		}
		c.print(fmt.Sprintf("ioc %s, %s, %s/%s\n", version, runtime.Version(), runtime.GOOS, runtime.GOARCH))
		return nil
	})
}
