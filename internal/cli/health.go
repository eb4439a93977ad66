package cli

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/jail"
)

func (c *call) health() *cobra.Command {
	var g grid
	cmd := c.command(&cobra.Command{
		Use:   "health [OPTIONS] JAIL...",
		Short: "check jails now",
		Long: `Asks running jails once what their property health says, and prints what has become of them: starting, healthy or
unhealthy, how many checks in a row have failed, and why this one has. A jail is unhealthy when as many have failed as
health_retries says; ioc monitor checks again and again, and the column health_state of ioc list says what was found.
The exit code is 1 if a check has failed.

` + selectorHelp,
		Example: `ioc set health=tcp:80 web
ioc health web
ioc health -H running=yes health!=-`,
		Args: operands("JAIL..."),
	}, func(cmd *cobra.Command, args []string) error {
		if err := g.check(cmd); err != nil {
			return err
		}
		if err := g.chooseOf([]string{"name", "health_state", "failures", "why"}, []string{"failures", "health_state", "name", "why"}); err != nil {
			return err
		}
		jails, err := c.jails(cmd, args)
		if err != nil {
			return err
		}
		type row struct {
			name string
			jail.Checked
		}
		var rows []row
		var failed []error
		for _, name := range jails.Names() {
			done, err := watch(c, c.host.JailGenerator(name).Check())
			switch {
			case err != nil:
				failed = append(failed, err)
				continue
			case done.Why != "":
				failed = append(failed, fault.New("health", fault.Unavailable, name, errors.New(done.Why)))
			}
			rows = append(rows, row{name, done})
		}
		fill(&g, rows, func(r row, column string) cell {
			switch column {
			case "name":
				return words(r.name)
			case "health_state":
				return words(string(r.Health))
			case "failures":
				return number(int64(r.Failures))
			}
			return words(r.Why)
		})
		if len(rows) > 0 {
			c.print(g.String())
		}
		if len(failed) == 1 {
			return failed[0]
		}
		return errors.Join(failed...)
	})
	g.addFlags(cmd)
	return cmd
}
