package cli

import (
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/libioc/ioc"
	"github.com/libioc/ioc/apply"
	"github.com/libioc/ioc/fault"
)

func (c *call) apply() *cobra.Command {
	var o ioc.ApplyOptions
	var schema, yes bool
	cmd := c.command(&cobra.Command{
		Use:   "apply [OPTIONS] FILE",
		Short: "make the jails of the host what a file says",
		Long: `Reads a YAML file that says which jails there are to be, and makes, changes, starts and stops jails until it is
so. It is one operation: if a part of it fails, the rest is undone, and jails that ran before run again. Applying a
file a second time changes nothing. "-" is standard input.

    jails:
      db:
        memoryuse: 1G
        ready: tcp:5432
      web:
        release: mydebian
        depends: db
        boot: yes

A jail of the file has release or clone, which is what it is made from; state, which is running unless it says stopped
or any (or it is a template); fstab, the lines of its fstab; and properties. What a jail's configuration has and the file
has not is taken away. A jail that runs is restarted if a change needs it.

Jails that the file does not name are left alone; with --prune they are destroyed, which is asked once with all of their
names; where nobody can be asked it is refused without --yes.`,
		Example: `ioc apply --dry-run jails.yaml
ioc apply jails.yaml
ioc apply --schema > jails.schema.json`,
		Args: unless(&schema, operands("FILE")),
	}, func(cmd *cobra.Command, args []string) error {
		if schema {
			c.print(string(apply.Schema()))
			return nil
		}
		text, name, err := c.fileOrInput(args[0])
		if err != nil {
			return err
		}
		file, err := apply.Parse(name, text)
		if err != nil {
			return err
		}
		host, err := c.open()
		if err != nil {
			return err
		}
		if o.Prune && !o.DryRun && !yes {
			losses, err := host.Excess(c.ctx, file)
			if err == nil {
				err = c.confirmFor("apply", "destroy", lossLines(losses))
			}
			if err != nil {
				return err
			}
		}
		c.verbose = c.verbose || o.DryRun && !c.quiet // the steps are what was asked for
		_, err = watch(c, host.Apply(file, o))
		return err
	})
	cmd.Flags().BoolVarP(&o.DryRun, "dry-run", "n", false, "change nothing, and show what would be done")
	cmd.Flags().BoolVar(&o.Prune, "prune", false, "destroy the jails that the file does not name")
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask whether to destroy the jails that the file does not name")
	cmd.Flags().BoolVar(&schema, "schema", false, "print the JSON Schema of the file, for editors")
	return cmd
}

// fileOrInput reads a file, or standard input for "-", and says what it is called.
func (c *call) fileOrInput(name string) (text []byte, called string, err error) {
	if name == "-" {
		text, err = io.ReadAll(c.env.Stdin)
		return text, "standard input", err
	}
	if text, err = os.ReadFile(name); err != nil {
		err = fault.New("read", fault.KindOf(err), "", err)
	}
	return text, name, err
}
