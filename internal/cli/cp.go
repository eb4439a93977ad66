package cli

import (
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/libioc/ioc"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/internal/view/term"
	"github.com/libioc/ioc/jail"
)

func (c *call) cp() *cobra.Command {
	var o ioc.CopyOptions
	cmd := c.command(&cobra.Command{
		Use:   "cp [OPTIONS] FILE JAIL:PATH | JAIL:PATH FILE",
		Short: "copy files into a jail or out of it",
		Long: `Copies a file, or a directory with all that is in it, into a jail or out of it. The jail may run or not. As with
cp, a goal that is a directory gets the source under its own name; a source that ends in "/." is what is in the
directory. "-" instead of FILE is a tar archive on standard input, unpacked in the directory PATH, or on standard output.

No path and no link of the jail leads out of the jail. It is one operation: what is replaced stays as it was until
all is written, and if not all can be written nothing has changed.

What comes into a jail belongs to its root, what comes out of it to you. Other file systems that are mounted in the
source or in the jail are left out.`,
		Example: `ioc cp site web:/srv/www
ioc cp web:/etc/passwd .
ioc cp -a web:/srv/. backup/
ioc cp web:/srv - | ioc cp - db:/tmp`,
		Args: operands("FILE", "JAIL:PATH"),
	}, func(cmd *cobra.Command, args []string) error {
		from, fromPath, in := inJail(args[0])
		to, toPath, out := inJail(args[1])
		switch {
		case in && out:
			err := fault.New("cp", fault.Invalid, "", errors.New("both are in jails"))
			return err.WithRemedy("ioc cp " + args[0] + " - | ioc cp - " + args[1])
		case !in && !out:
			return misuse(cmd, "neither is in a jail: JAIL:PATH")
		}
		host, err := c.open()
		if err != nil {
			return err
		}
		if in {
			return c.copyOut(host.JailGenerator(from), fromPath, args[1], o)
		}
		return c.copyIn(cmd, host.JailGenerator(to), args[0], toPath, o)
	})
	cmd.Flags().BoolVarP(&o.Owners, "archive", "a", false, "keep owners, and programs that run as their owner")
	return cmd
}

// inJail reads JAIL:PATH. What begins with a slash or a dot is a file of the host, whatever else is in it.
func inJail(arg string) (name, path string, ok bool) {
	name, path, ok = strings.Cut(arg, ":")
	if !ok || jail.Name(name).Validate() != nil {
		return "", "", false
	}
	return name, path, true
}

func (c *call) copyIn(cmd *cobra.Command, j *ioc.JailGenerator, file, path string, o ioc.CopyOptions) error {
	o.Host, o.Path = file, path
	if file == "-" {
		if term.IsTerminal(c.env.Stdin) {
			return misuse(cmd, "standard input is a terminal, not an archive")
		}
		in, err := term.NewKeys(c.env.Stdin, context.Canceled)
		if err != nil {
			return err
		}
		c.unblock = in.Stop
		o.Archive = in
	}
	_, err := watch(c, j.CopyIn(o))
	return err
}

func (c *call) copyOut(j *ioc.JailGenerator, path, file string, o ioc.CopyOptions) error {
	if file != "-" {
		o.Host, o.Path = file, path
		_, err := watch(c, j.CopyOut(o))
		return err
	}
	if term.IsTerminal(c.env.Stdout) {
		return fault.New("cp", fault.Invalid, "", errors.New("an archive is not written to a terminal"))
	}
	if c.events == modeNDJSON {
		return fault.New("cp", fault.Invalid, "", errors.New("the archive and the events both want standard output"))
	}
	_, err := watch(c, j.CopyTar(path, c.env.Stdout))
	return err
}
