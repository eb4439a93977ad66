package cli

import (
	"github.com/spf13/cobra"

	"github.com/libioc/ioc"
)

func (c *call) destroy() *cobra.Command {
	var o ioc.DestroyOptions
	var release bool
	cmd := c.command(&cobra.Command{
		Use:   "destroy [OPTIONS] NAME...",
		Short: "destroy jails with their files and snapshots",
		Long: `Destroys jails, one after the other, with their files, snapshots and configuration. Until a jail is
out of sight all of it can be taken back; its files are deleted only then. A jail that runs is refused.`,
		Example: `ioc destroy web
ioc destroy --force web db
ioc destroy --release mydebian`,
		Args: operands("NAME..."),
	}, func(cmd *cobra.Command, args []string) error {
		if release && o.Force {
			return misuse(cmd, "--force is for jails")
		}
		if release {
			return c.destroyReleases(args)
		}
		return c.each(args, func(j *ioc.JailGenerator) error {
			_, err := watch(c, j.Destroy(o))
			return err
		})
	})
	cmd.Flags().BoolVarP(&o.Force, "force", "f", false, "stop one that runs, by killing its processes")
	cmd.Flags().BoolVar(&release, "release", false, "the names are those of releases, which no jail may use")
	return cmd
}
