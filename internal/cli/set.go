package cli

import (
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/libioc/ioc"
	"github.com/libioc/ioc/config"
	"github.com/libioc/ioc/jail"
)

func (c *call) set() *cobra.Command {
	var revert bool
	cmd := c.command(&cobra.Command{
		Use:   "set PROPERTY=VALUE... JAIL...|defaults",
		Short: "change properties of jails",
		Long: `Changes properties of jails: all of them of all jails, or none if one is wrong. The value "none" takes a
value away, so that the default holds; so does a property without a "=". "defaults" instead of a jail changes
what holds for all jails that do not say otherwise. Jails are names or patterns (web*, ALL). Prints what changed;
what has no effect before a jail is restarted is marked.

What a jail's configuration was before is kept: ioc get --history shows it, and --revert [N] JAIL returns to the
version before, or to version N.`,
		Example: `ioc set memoryuse=1G notes="the shop" web
ioc set memoryuse web
ioc set stop_timeout=5 defaults
ioc set priority=5 web db
ioc set --revert web`,
		Args: func(cmd *cobra.Command, args []string) error {
			if revert {
				return atLeast(1, "JAIL")(cmd, args)
			}
			return atLeast(2, "PROPERTY=VALUE", "JAIL")(cmd, args)
		},
	}, func(cmd *cobra.Command, args []string) error {
		if revert {
			return c.revert(cmd, args)
		}
		host, err := c.open()
		if err != nil {
			return err
		}
		properties, terms, err := c.assignments(cmd, host, args)
		if err != nil {
			return err
		}
		if slices.Equal(terms, []string{config.DefaultsName}) {
			changed, err := watch(c, host.SetDefaults(properties))
			return c.tell(changed, false, err)
		}
		jails, err := c.jails(cmd, terms)
		if err != nil {
			return err
		}
		changed, err := watch(c, jails.Set(properties))
		return c.tell(changed, len(jails.Names()) > 1, err)
	})
	cmd.Flags().BoolVar(&revert, "revert", false, "return to an earlier version of a jail's configuration")
	return cmd
}

// assignments tells properties from jails: what has a "=" is a property, and so is a word that is the name
// of one and is not the last; jails come after them.
func (c *call) assignments(cmd *cobra.Command, host *ioc.Host, args []string) (map[string]string, []string, error) {
	var words, terms []string
	for n, a := range args {
		_, isProperty := config.Lookup(a)
		switch {
		case strings.Contains(a, "="):
			if words = append(words, a); len(terms) > 0 || n == len(args)-1 {
				return nil, nil, misuse(cmd, "the jail comes last")
			}
		case n == len(args)-1 || len(terms) > 0 || isTerm(a):
			terms = append(terms, a)
		case isProperty && c.isJail(host, a):
			return nil, nil, misuse(cmd, "%s is a property and a jail: write %s= to take the property away", a, a)
		case isProperty:
			words = append(words, a+"=")
		case c.isJail(host, a):
			terms = append(terms, a)
		default:
			if _, err := config.Find(a); err != nil {
				return nil, nil, err
			}
		}
	}
	if len(words) == 0 {
		return nil, nil, misuse(cmd, "PROPERTY=VALUE is missing")
	}
	if len(terms) > 1 && slices.Contains(terms, config.DefaultsName) {
		return nil, nil, misuse(cmd, "the defaults cannot be set together with jails")
	}
	properties, err := pairs(cmd, words)
	return properties, terms, err
}

func (c *call) revert(cmd *cobra.Command, args []string) error {
	version := 0
	if len(args) > 1 {
		n, err := strconv.Atoi(args[0])
		if err != nil || n < 1 {
			return misuse(cmd, "%s is not the number of a version", quote(args[0]))
		}
		version = n
	}
	if len(args) > 2 {
		return misuse(cmd, "%s is one argument too many", quote(args[2]))
	}
	host, err := c.open()
	if err != nil {
		return err
	}
	changed, err := watch(c, host.JailGenerator(args[len(args)-1]).Revert(version))
	return c.tell(changed, false, err)
}

// tell prints what changed.
func (c *call) tell(changed []jail.Changed, named bool, err error) error {
	if err != nil || c.events == modeNDJSON {
		return err
	}
	for _, ch := range changed {
		line := ch.Property + ": " + ch.From + " -> " + ch.To
		if named {
			line = string(ch.Jail) + ": " + line
		}
		switch {
		case ch.Restart && ch.Jail == "":
			line += " (when a jail is started)"
		case ch.Restart:
			line += " (when the jail is restarted)"
		}
		c.print(line + "\n")
	}
	return nil
}
