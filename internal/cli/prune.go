package cli

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/libioc/ioc"
)

func (c *call) prune() *cobra.Command {
	o := ioc.PruneOptions{Age: time.Hour}
	cmd := c.command(&cobra.Command{
		Use:   "prune [OPTIONS]",
		Short: "remove downloads that nobody needs any more",
		Long: `Removes the archives, image layers and packages that were downloaded to make releases, and layers that were
unpacked and that no release is made of any more. No release and no jail needs them; without them the next fetch of
the same downloads them again. Releases that no jail uses stay, and go by ioc destroy --release; what a crash has left
is found by ioc doctor.`,
		Example: `ioc prune --dry-run
ioc prune --older-than 720h`,
		Args: operands(),
	}, func(_ *cobra.Command, _ []string) error {
		open := c.open
		if o.DryRun {
			open = c.ask
		}
		host, err := open()
		if err != nil {
			return err
		}
		p, err := watch(c, host.Prune(o))
		if err == nil && c.events != modeNDJSON {
			verb := "freed"
			if o.DryRun {
				verb = "would free"
			}
			_, err = fmt.Fprintf(c.out, "%s %s\n", verb, octets(p.Bytes).text)
		}
		return err
	})
	cmd.Flags().BoolVarP(&o.DryRun, "dry-run", "n", false, "only tell how much it is")
	cmd.Flags().DurationVar(&o.Age, "older-than", o.Age, "leave what was touched within this `TIME`")
	return cmd
}
