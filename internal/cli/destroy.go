package cli

import (
	"bufio"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/libioc/ioc"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/internal/view/term"
	"github.com/libioc/ioc/jail"
)

func (c *call) destroy() *cobra.Command {
	var o ioc.DestroyOptions
	var release, yes bool
	cmd := c.command(&cobra.Command{
		Use:   "destroy [OPTIONS] NAME...",
		Short: "destroy jails with their files and snapshots",
		Long: `Destroys jails with their files, snapshots and configuration. All that would go is shown first, and you are
asked once; where nobody can be asked it is refused without --yes. It is one operation: until the last of them is
out of sight all of it can be brought back, and files are deleted only then. A jail that runs is refused.

` + selectorHelp,
		Example: `ioc destroy web
ioc destroy --yes web db
ioc destroy --force "test-*"
ioc destroy --release mydebian`,
		Args: operands("NAME..."),
	}, func(cmd *cobra.Command, args []string) error {
		if release && (o.Force || o.Clones) {
			return misuse(cmd, "--force and --clones are for jails")
		}
		if release {
			return c.destroyReleases(args, yes)
		}
		jails, err := c.jails(cmd, args)
		if err != nil {
			return err
		}
		if !yes && !o.Force {
			losses, err := jails.Losses(c.ctx, o)
			if err != nil {
				return err
			}
			if err := c.confirm("destroy", lossLines(losses)); err != nil {
				return err
			}
		}
		_, err = watch(c, jails.Destroy(o))
		return err
	})
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	cmd.Flags().BoolVarP(&o.Force, "force", "f", false, "do not ask, and stop one that runs, by killing its processes")
	cmd.Flags().BoolVarP(&o.Clones, "clones", "R", false, "destroy the jails that depend on it, too, where the storage lets jails depend on each other")
	cmd.Flags().BoolVar(&release, "release", false, "the names are those of releases, which no jail may use")
	return cmd
}

// lossLines says what each jail takes with it.
func lossLines(losses []jail.Loss) []string {
	var all []string
	for _, l := range losses {
		line := "jail " + string(l.Jail)
		if l.State != jail.Stopped {
			line += ", which is " + string(l.State)
		}
		if l.CloneOf != "" {
			line += ", which depends on " + string(l.CloneOf)
		}
		if n := len(l.Snapshots); n > 0 {
			names := make([]string, 0, n)
			for _, s := range l.Snapshots {
				names = append(names, "@"+string(s))
			}
			line += ", with " + count(n, "snapshot") + ": " + strings.Join(names, " ")
		}
		all = append(all, line)
	}
	return all
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// confirm asks once whether all of what may be done. Where nobody can be asked it is refused.
func (c *call) confirm(verb string, what []string) error { return c.confirmFor(verb, verb, what) }

// confirmFor is the same for a command that does more than that.
func (c *call) confirmFor(command, verb string, what []string) error {
	if len(what) == 0 {
		return nil
	}
	if !term.IsTerminal(c.env.Stdin) || !term.IsTerminal(c.env.Stderr) {
		return fault.New(command, fault.Invalid, "", errors.New("it has to be confirmed, and standard input is no terminal")).
			WithRemedy("say yes beforehand: ioc " + command + " --yes ...")
	}
	var b strings.Builder
	fmt.Fprintf(&b, "This will %s, for ever:\n", verb)
	for _, line := range what {
		b.WriteString("  " + line + "\n")
	}
	b.WriteString("Go on? [y/N] ")
	c.say(b.String())
	answer, err := bufio.NewReader(c.env.Stdin).ReadString('\n')
	if err != nil { // the terminal has been closed, or Ctrl-D was typed
		c.say("\n")
	}
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return nil
	}
	return fault.New(command, fault.Cancelled, "", errors.New("it was not confirmed, and all is as it was"))
}
