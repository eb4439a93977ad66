package cli

import (
	"context"
	"slices"

	"github.com/spf13/cobra"

	"github.com/libioc/ioc"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/jail"
)

// selectorHelp is how commands choose jails.
const selectorHelp = `Jails are chosen by names, by patterns (web*, !test+) and by properties and columns of ioc list: tags=mail,
state!=running, "priority<5", "memoryuse>=1G", boot=yes,-. Names add up, everything else narrows down; ALL is
every jail. "-" or nothing as a value means that it is not set; \ takes the meaning from the character after it.`

// severalOptions say how one operation goes about several jails.
type severalOptions struct{ ignore, atomic bool }

func (o *severalOptions) addFlags(cmd *cobra.Command) {
	cmd.Flags().BoolVarP(&o.ignore, "ignore", "i", false, "let every jail count for itself: go on after one that fails")
}

func (o *severalOptions) options() ioc.SeveralOptions {
	return ioc.SeveralOptions{Ignore: o.ignore, Atomic: o.atomic}
}

// jails are those that the arguments of a command choose.
func (c *call) jails(cmd *cobra.Command, terms []string) (*ioc.JailsGenerator, error) {
	return c.choose(cmd, terms, func(jail.Info) bool { return true })
}

// startable are those that the arguments choose, without the templates that nobody has named.
func (c *call) startable(cmd *cobra.Command, terms []string) (*ioc.JailsGenerator, error) {
	return c.choose(cmd, terms, func(i jail.Info) bool {
		return i.Value("template") != "yes" || slices.Contains(terms, string(i.Name))
	})
}

// booting are those that are to run when the machine does, narrowed down by the arguments.
func (c *call) booting(cmd *cobra.Command, terms []string) (*ioc.JailsGenerator, error) {
	return c.among(cmd, terms, func(i jail.Info) bool { return i.Value("boot") == "yes" && i.Value("template") != "yes" })
}

// started are those that run, or have left something of a run, narrowed down by the arguments.
func (c *call) started(cmd *cobra.Command, terms []string) (*ioc.JailsGenerator, error) {
	return c.among(cmd, terms, func(i jail.Info) bool { return !i.Started.IsZero() && i.Value("template") != "yes" })
}

func (c *call) choose(cmd *cobra.Command, terms []string, keep func(jail.Info) bool) (*ioc.JailsGenerator, error) {
	host, err := c.open()
	if err != nil {
		return nil, err
	}
	// A jail that is missing is one that fails, and the operation's stream says so. With several, none is
	// touched if one is missing, unless that is to be ignored.
	ignore, _ := cmd.Flags().GetBool("ignore") //nolint:errcheck // not every command has it
	if plain(terms) && (ignore || len(terms) == 1) {
		return host.JailsGenerator(terms...), nil
	}
	return c.among(cmd, terms, keep)
}

// among are the jails that terms choose, as far as keep does, too.
func (c *call) among(cmd *cobra.Command, terms []string, keep func(jail.Info) bool) (*ioc.JailsGenerator, error) {
	host, err := c.open()
	if err != nil {
		return nil, err
	}
	all, err := host.Select(c.ctx, terms)
	if err != nil {
		return nil, fault.New(name(cmd), fault.Unknown, "", err)
	}
	var names []string
	for _, i := range all {
		if keep(i) {
			names = append(names, string(i.Name))
		}
	}
	return host.JailsGenerator(names...), nil
}

// plain says that terms are nothing but names.
func plain(terms []string) bool {
	return !slices.ContainsFunc(terms, func(t string) bool { return t == "ALL" || jail.Name(t).Validate() != nil })
}

// ofJails makes rows of what the jails that are chosen have. Of several, one that is broken may have nothing to say.
func ofJails[T, R any](c *call, terms []string, have func(*ioc.JailGenerator, context.Context) ([]T, error), row func(jail string, of T) R) (all []R, err error) {
	host, err := c.ask()
	if err != nil {
		return nil, err
	}
	jails, err := host.Select(c.ctx, terms)
	if err != nil {
		return nil, err
	}
	for _, i := range jails {
		of, err := have(host.JailGenerator(string(i.Name)), c.ctx)
		if err != nil && (len(jails) == 1 || i.State != jail.Broken) {
			return nil, err
		}
		for _, one := range of {
			all = append(all, row(string(i.Name), one))
		}
	}
	return all, nil
}
