package cli

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/libioc/ioc"
	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/sandbox"
)

// statusHelp says how a command that runs a program ends.
const statusHelp = `Exit codes:
  as the command's, or 128 and the number of the signal that killed it
  127  there is no such command in the jail
  126  it is there and cannot be executed
  125  ioc failed; standard error says why, ioc recover --list what is left behind
  130  also: broken off before the command ran, and all is as it was`

const terminalHelp = `If standard input, output and error are a terminal, the command gets a terminal of the jail's own,
as large as this one. Otherwise it gets the three files themselves. Signals are passed on to it. With
--events ndjson it writes to standard error only.`

// processOptions say what is run in a jail, and how.
type processOptions struct {
	user, dir            string
	env                  []string
	terminal, noTerminal bool
}

func (o *processOptions) addFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.SetInterspersed(false) // what follows the jail's name is the command's
	flags.StringVarP(&o.user, "user", "u", "", "run it as this `USER[:GROUP]` of the jail")
	flags.StringVarP(&o.dir, "workdir", "w", "", "run it in this `DIR` of the jail")
	flags.StringArrayVarP(&o.env, "env", "e", nil, "add `NAME=VALUE` to its environment")
	flags.BoolVarP(&o.terminal, "terminal", "t", false, "give it a terminal, whatever standard input is")
	flags.BoolVarP(&o.noTerminal, "no-terminal", "T", false, "do not give it a terminal")
}

func (o *processOptions) check(cmd *cobra.Command) error {
	if o.terminal && o.noTerminal {
		return misuse(cmd, "-t and -T contradict each other")
	}
	_, err := pairs(cmd, o.env)
	return err
}

// process is what the options describe. The caller decides on the terminal. A "--" before the command is taken
// away: many type it there, and no command has that name.
func (o *processOptions) process(args []string) sandbox.Process {
	if len(args) > 1 && args[0] == "--" {
		args = args[1:]
	}
	return sandbox.Process{Args: args, Env: o.env, Dir: o.dir, User: sandbox.User{Name: o.user}}
}

func (c *call) exec() *cobra.Command {
	var o processOptions
	var start bool
	cmd := c.command(&cobra.Command{
		Use:   "exec [OPTIONS] JAIL COMMAND [ARGUMENT...]",
		Short: "run a command in a jail that runs",
		Long: `Runs a command in a jail that runs, and waits for its end. With --force a jail that does not run is
started first, and goes on running.

` + terminalHelp + "\n\n" + statusHelp,
		Example: `ioc exec web ps
ioc exec web sh
tar c site | ioc exec -u www -w /srv web tar x`,
		Args:        atLeast(2, "JAIL", "COMMAND"),
		Annotations: map[string]string{annotationStatus: "command"},
	}, func(cmd *cobra.Command, args []string) error {
		if err := o.check(cmd); err != nil {
			return err
		}
		host, err := c.open()
		if err != nil {
			return err
		}
		s := c.session(true, c.wantsTerminal(&o))
		jail, exec := host.JailGenerator(args[0]), s.options(o.process(args[1:]))
		if start {
			return s.run(jail.Run(ioc.RunOptions{Existing: true, Exec: exec}))
		}
		return s.run(jail.Exec(exec))
	})
	cmd.Flags().BoolVarP(&start, "force", "f", false, "start the jail first if it does not run")
	o.addFlags(cmd)
	return cmd
}

func (c *call) console() *cobra.Command {
	var o processOptions
	var start bool
	cmd := c.command(&cobra.Command{
		Use:   "console [OPTIONS] JAIL",
		Short: "open a shell in a jail that runs",
		Long: `Opens a login shell in a jail that runs, on a terminal of the jail's own. With --start a jail that does
not run is started first. The jail goes on running when the shell ends. It ends with the exit code of the shell; see
ioc help exec.`,
		Example: `ioc console web
ioc console --start web
ioc console -u www web`,
		Args:        operands("JAIL"),
		Annotations: map[string]string{annotationStatus: "shell"},
	}, func(cmd *cobra.Command, args []string) error {
		if err := o.check(cmd); err != nil {
			return err
		}
		host, err := c.open()
		if err != nil {
			return err
		}
		s := c.session(true, true)
		jail, exec := host.JailGenerator(args[0]), s.options(o.process(nil))
		if start {
			exec.Process.Args = loginShell()
			return s.run(jail.Run(ioc.RunOptions{Existing: true, Exec: exec}))
		}
		return s.run(jail.Console(exec))
	})
	cmd.Flags().BoolVarP(&start, "start", "s", false, "start the jail first if it does not run")
	cmd.Flags().StringVarP(&o.user, "user", "u", "", "as this `USER[:GROUP]` of the jail")
	cmd.Flags().StringArrayVarP(&o.env, "env", "e", nil, "add `NAME=VALUE` to its environment")
	return cmd
}

// loginShell is what runs where no command was given.
func loginShell() []string { return []string{"/bin/sh", "-l"} }

func (c *call) runCommand() *cobra.Command {
	var create createOptions
	var temporary bool
	var o processOptions
	var properties []string
	cmd := c.command(&cobra.Command{
		Use:   "run [OPTIONS] JAIL [COMMAND [ARGUMENT...]]",
		Short: "run a command in a jail that is made and started for it",
		Long: `Creates the jail if it is missing, starts it if it does not run, and runs a command in it: one operation.
Without a command it is what the image says that the jail's release was made of, or a shell; an image's
entrypoint comes before the command, and its variables, user and directory are those that no option names. If the command cannot be run, all of it is taken back. Once it runs the jail
is there to stay.

With --rm the jail, which must not be there yet, is there for the command only: when that has ended it is stopped and
destroyed, and if ioc is killed the next ioc does it. Nobody else can enter, start or stop it meanwhile.

` + terminalHelp + "\n\n" + statusHelp,
		Example: `ioc run web
ioc run --rm try sh -c 'make -C /src && make -C /src check'
ioc run --release mydebian build make -C /src`,
		Args:        atLeast(1, "JAIL"),
		Annotations: map[string]string{annotationStatus: "command"},
	}, func(cmd *cobra.Command, args []string) error {
		if err := o.check(cmd); err != nil {
			return err
		}
		if err := create.check(cmd); err != nil {
			return err
		}
		set, err := pairs(cmd, properties)
		if err != nil {
			return err
		}
		host, err := c.open()
		if err != nil {
			return err
		}
		s := c.session(false, c.wantsTerminal(&o))
		return s.run(host.JailGenerator(args[0]).Run(ioc.RunOptions{
			Create:    create.options(set),
			Exec:      s.options(o.process(args[1:])),
			Temporary: temporary,
		}))
	})
	create.addFlags(cmd, false)
	cmd.Flags().BoolVar(&temporary, "rm", false, "destroy the jail when the command has ended")
	cmd.Flags().StringArrayVarP(&properties, "property", "p", nil, "set `PROPERTY=VALUE` if the jail is made")
	o.addFlags(cmd)
	return cmd
}

// run runs an operation whose value is how a program ended, and ends as the program did.
func (s *session) run(op events.Op[sandbox.Exit]) error {
	exit, err := follow(s.c, op, s.screen, s)
	if notRun, ok := errors.AsType[*sandbox.ExecError](err); ok && fault.ExitCode(err) != fault.ExitResidue {
		return &statusError{notRun.Status(), err}
	}
	left, ok := errors.AsType[*residueError](err)
	switch {
	case err != nil && !(ok && left.cause == nil):
		return err
	case !exit.Known:
		return fault.New("run", fault.Unavailable, "", errors.New("nobody can say how the command ended"))
	case exit.Status() != 0 || err != nil:
		return &statusError{exit.Status(), err}
	}
	return nil
}
