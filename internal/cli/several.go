package cli

import (
	"slices"

	"github.com/spf13/cobra"

	"github.com/libioc/ioc"
	"github.com/libioc/ioc/jail"
)

// selectorHelp is how commands choose jails.
const selectorHelp = `Jails are named one by one, by patterns ("web*"), by properties ("tags=mail", "state=running"), or with
ALL: see ioc help list.`

// severalOptions say how one operation goes about several jails.
type severalOptions struct{ ignore bool }

func (o *severalOptions) addFlags(cmd *cobra.Command) {
	cmd.Flags().BoolVarP(&o.ignore, "ignore", "i", false, "let every jail count for itself: go on after one that fails")
}

func (o *severalOptions) options() ioc.SeveralOptions { return ioc.SeveralOptions{Ignore: o.ignore} }

// jails are those that the arguments of a command choose.
func (c *call) jails(args []string) (*ioc.JailsGenerator, error) {
	host, err := c.open()
	if err != nil {
		return nil, err
	}
	names, err := c.choose(host, args)
	if err != nil {
		return nil, err
	}
	return host.JailsGenerator(names...), nil
}

// choose gives the names of the jails that the terms mean.
func (c *call) choose(host *ioc.Host, terms []string) ([]string, error) {
	if !slices.Contains(terms, "ALL") {
		return terms, nil
	}
	all, err := host.Jails(c.ctx)
	names := make([]string, 0, len(all))
	for _, i := range all {
		names = append(names, string(i.Name))
	}
	return names, err
}

// chosen are the jails that the terms mean, all of them without any.
func (c *call) chosen(host *ioc.Host, terms []string) ([]jail.Info, error) {
	if len(terms) == 0 || slices.Contains(terms, "ALL") {
		return host.Jails(c.ctx)
	}
	var all []jail.Info
	for _, n := range terms {
		i, err := host.JailGenerator(n).Info(c.ctx)
		if err != nil {
			return nil, err
		}
		all = append(all, i)
	}
	return all, nil
}
