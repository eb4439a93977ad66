package cli

import "github.com/spf13/cobra"

func (c *call) promote() *cobra.Command {
	return c.command(&cobra.Command{
		Use:   "promote JAIL",
		Short: "let a clone own what it shares with the jail it was cloned from",
		Long: `Lets a jail and the one it was cloned from change places: it keeps the files that both share, with the
snapshots that hold them, and the other depends on it and can be destroyed. Only storage whose clones depend on
what they were cloned from needs that, which is ZFS. Both may run.`,
		Example: `ioc clone web www
ioc promote www
ioc destroy web`,
		Args: operands("JAIL"),
	}, func(_ *cobra.Command, args []string) error {
		host, err := c.open()
		if err != nil {
			return err
		}
		_, err = watch(c, host.JailGenerator(args[0]).Promote())
		return err
	})
}
