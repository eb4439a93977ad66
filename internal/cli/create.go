package cli

import (
	"github.com/spf13/cobra"

	"github.com/libioc/ioc"
	"github.com/libioc/ioc/storage"
)

// createOptions say what a jail is made of.
type createOptions struct {
	release string
	thick   bool
}

func (o *createOptions) addFlags(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&o.release, "release", "r", "", "make it from this `RELEASE` and not from the default one")
	cmd.Flags().BoolVar(&o.thick, "thick", false, "copy all files, so that it shares none with the release")
}

func (o *createOptions) options(properties map[string]string) ioc.CreateOptions {
	return ioc.CreateOptions{Release: storage.Name(o.release), Properties: properties, Thick: o.thick}
}

func (c *call) create() *cobra.Command {
	var o createOptions
	cmd := c.command(&cobra.Command{
		Use:   "create [OPTIONS] JAIL [PROPERTY=VALUE...]",
		Short: "make a jail from a release",
		Long: `Makes a jail. Without --release it is made from the release that is built into ioc, so that nothing
has to be downloaded; a release that can be fetched by its name is fetched if it is missing.

A jail that exists and was made in the same way is left as it is.`,
		Example: `ioc create web
ioc create web --release mydebian host_hostname=www memoryuse=512M`,
		Args: atLeast(1, "JAIL"),
	}, func(cmd *cobra.Command, args []string) error {
		properties, err := pairs(cmd, args[1:])
		if err != nil {
			return err
		}
		host, err := c.open()
		if err != nil {
			return err
		}
		_, err = watch(c, host.JailGenerator(args[0]).Create(o.options(properties)))
		return err
	})
	o.addFlags(cmd)
	return cmd
}
