package cli

import "github.com/spf13/cobra"

func (c *call) start() *cobra.Command {
	var o severalOptions
	var boot bool
	var properties []string
	cmd := c.command(&cobra.Command{
		Use:   "start [OPTIONS] JAIL...",
		Short: "start jails",
		Long: `Starts jails, and before them those that their property depends names and that do not run, at the same time
as far as they need not wait for each other: a jail waits for those that it depends on, and for those of a lower
priority. A jail that runs is left alone; one that has died is cleaned up first.

It is one operation. A jail that cannot be started leaves nothing behind; those that depend on it are not started
and say so, and what was started only for them is stopped again. The others stay, and the exit code is 1. With --atomic
all of them are started, or none. Jails that depend on each other in a circle are found before anything is started.

With --rc the jails that are started are those whose property boot says yes, without templates, and each counts for
itself: it is what a machine does when it boots. JAIL narrows them down.

With -o a property of the jails named has another value for this start, which is not kept.

Templates are left out unless they are named. ` + selectorHelp,
		Example: `ioc start web
ioc start db web
ioc start --atomic tags=mail
ioc start -o memoryuse=2G web
ioc start --rc`,
		Args: unless(&boot, operands("JAIL...")),
	}, func(cmd *cobra.Command, args []string) error {
		choose := c.startable
		if boot {
			if o.atomic {
				return misuse(cmd, "--rc and --atomic contradict each other")
			}
			choose, o.ignore = c.booting, true
		}
		several := o.options()
		var err error
		if several.Properties, err = pairs(cmd, properties); err != nil {
			return err
		}
		jails, err := choose(cmd, args)
		if err != nil {
			return err
		}
		_, err = watch(c, jails.Start(several))
		return err
	})
	o.addFlags(cmd)
	cmd.Flags().BoolVar(&o.atomic, "atomic", false, "start all of them or none")
	cmd.Flags().StringArrayVarP(&properties, "property", "o", nil, "start with `PROPERTY=VALUE`, once; can be repeated")
	cmd.Flags().BoolVar(&boot, "rc", false, "start the jails with boot=yes")
	return cmd
}
