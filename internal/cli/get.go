package cli

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/libioc/ioc/config"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/jail"
)

func (c *call) get() *cobra.Command {
	return c.command(&cobra.Command{
		Use:   "get [PROPERTY...] JAIL",
		Short: "show properties of a jail",
		Long: `Shows what holds for a jail: of one property the value alone, of several NAME=VALUE as set takes it,
and without any the whole configuration. What nobody has set has its default.`,
		Example: `ioc get memoryuse web
ioc get web`,
		Args: operands("JAIL..."),
	}, func(cmd *cobra.Command, args []string) error {
		names, on := args[:len(args)-1], args[len(args)-1]
		var all []config.Property
		for _, n := range names {
			p, err := config.Find(n)
			if err != nil {
				if _, turned := config.Find(on); turned == nil {
					return misuse(cmd, "the jail comes last")
				}
				return err
			}
			all = append(all, p)
		}
		host, err := c.open()
		if err != nil {
			return err
		}
		info, err := host.JailGenerator(on).Info(c.ctx)
		if err != nil {
			return fault.New("get", fault.Unknown, on, err)
		}
		if len(names) == 1 {
			c.print(value(info, all[0]) + "\n")
			return nil
		}
		if len(names) == 0 {
			all = known(info)
		}
		var b strings.Builder
		for _, p := range all {
			b.WriteString(p.Name + "=" + value(info, p) + "\n")
		}
		c.print(b.String())
		return nil
	})
}

// value is what holds for p, as set takes it.
func value(i jail.Info, p config.Property) string {
	if v := config.Effective(i.Config, p); v != "" {
		return v
	}
	return config.None
}

// known are all properties that there are, and what else is configured.
func known(i jail.Info) []config.Property {
	all := config.Properties()
	for _, key := range i.Config.Keys() {
		if !slices.ContainsFunc(all, func(p config.Property) bool { return p.Name == key }) {
			all = append(all, config.Property{Name: key, Default: config.None})
		}
	}
	slices.SortFunc(all, func(a, b config.Property) int { return strings.Compare(a.Name, b.Name) })
	return all
}
