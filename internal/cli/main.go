package cli

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/libioc/ioc"
	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
)

// Env is what a command is given of the world.
type Env struct {
	Args                  []string // without the program's name
	Stdin, Stdout, Stderr *os.File
	Getenv                func(string) string
}

// Main runs one command and returns its exit code.
func Main(env Env) int {
	// A reader that leaves must not kill an operation half way: writing fails instead. The signal is
	// caught and not ignored, because what is ignored is inherited by programs in jails.
	broken := make(chan os.Signal, 1)
	signal.Notify(broken, syscall.SIGPIPE)
	defer signal.Stop(broken)

	if env.Getenv("GOGC") == "" {
		debug.SetGCPercent(400) // most commands end before there is anything to collect
	}

	if slices.Equal(env.Args, []string{"--version"}) { // what one tries first with an unknown program
		env.Args = []string{"version"}
	}
	c := &call{env: env, out: env.Stdout, err: env.Stderr, ctx: context.Background()}
	root := c.root(firstWord(env.Args))
	root.SetArgs(env.Args)
	cmd, err := root.ExecuteC()
	return c.conclude(cmd, err)
}

// call is one run of the program.
type call struct {
	env      Env
	out, err io.Writer       // a command's result; progress and errors
	ctx      context.Context //nolint:containedctx // it lives as long as the program

	commands []*cobra.Command // in the order in which help lists them

	rootDir  string
	named    []string // NAME or NAME=DATASET
	source   string   // the one of them that the operands name
	roots    *[]root  // those that a list is of; nil: not asked for
	existing bool     // open makes no root
	events   mode
	quiet    bool
	verbose  bool
	words    string // the command without its arguments: "ioc snapshot list"
	host     *ioc.Host
	ndjson   *events.NDJSONWriter
	outErr   error  // the first of writing to out
	unblock  func() // ends a read that waits for what an operation needs
}

// open opens the host that the flags and the environment choose, once.
func (c *call) open() (*ioc.Host, error) {
	if c.host != nil {
		return c.host, nil
	}
	o := ioc.Options{Root: c.rootDir, Source: c.source, Existing: c.existing, Command: c.words}
	if o.Source == "" && len(c.named) > 0 {
		o.Source = c.named[0]
	}
	if o.Root == "" && o.Source == "" {
		o.Root = c.env.Getenv("IOC_ROOT")
	}
	host, err := ioc.Open(c.ctx, o)
	c.host = host
	return host, err
}

// ask opens the host for questions only. Where nothing is kept yet there is nothing to tell, and it stays so.
func (c *call) ask() (*ioc.Host, error) {
	c.existing = true
	host, err := c.open()
	if errors.Is(err, ioc.ErrNoRoot) {
		nothing := ioc.Memory()
		host, err = ioc.Open(c.ctx, ioc.Options{Backend: &nothing})
		c.host = host
	}
	return host, err
}

// verbs are the commands, in the order in which help lists them.
var verbs = []struct {
	word string
	make func(*call) *cobra.Command
}{
	{"create", (*call).create},
	{"start", (*call).start},
	{"stop", (*call).stop},
	{"restart", (*call).restart},
	{"apply", (*call).apply},
	{"destroy", (*call).destroy},
	{"run", (*call).runCommand},
	{"exec", (*call).exec},
	{"console", (*call).console},
	{"list", (*call).list},
	{"get", (*call).get},
	{"set", (*call).set},
	{"rename", (*call).rename},
	{"clone", (*call).clone},
	{"promote", (*call).promote},
	{"fstab", (*call).fstab},
	{"snapshot", (*call).snapshot},
	{"df", (*call).df},
	{"activate", (*call).activate},
	{"deactivate", (*call).deactivate},
	{"top", (*call).top},
	{"health", (*call).health},
	{"monitor", (*call).monitor},
	{"logs", (*call).logs},
	{"cp", (*call).cp},
	{"fetch", (*call).fetch},
	{"prune", (*call).prune},
	{"recover", (*call).recover},
	{"doctor", (*call).doctor},
	{"events", (*call).eventsCommand},
	{"completion", (*call).completion},
	{"version", (*call).version},
}

// firstWord is the first argument that is neither an option nor an option's value: the command, if the
// options before it are those that all commands have.
func firstWord(args []string) string {
	for i := 0; i < len(args); i++ {
		switch arg := args[i]; {
		case arg == "--root" || arg == "--events" || arg == "--source":
			i++
		case !strings.HasPrefix(arg, "-"):
			return arg
		}
	}
	return ""
}

// root is the command without arguments. It has the one that word names, or else all of them: half of the
// time in which a command starts would go into building the others.
func (c *call) root(word string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "ioc",
		Short: "run jails",
		Long: `ioc runs jails. Every operation shows its steps while they happen, and takes back what it did if it
does not finish.`,
		Example: `ioc create web
ioc start web
ioc exec web ps
ioc run --release mydebian build make -C /src`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          c.unknown,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.SetOut(c.out)
	cmd.SetErr(c.err)
	cmd.CompletionOptions.DisableDefaultCmd = true
	cmd.SuggestionsMinimumDistance = 2
	cmd.SetHelpFunc(c.help)
	cmd.SetFlagErrorFunc(wrongOption)
	flags := cmd.PersistentFlags()
	flags.SortFlags = false
	flags.StringVar(&c.rootDir, "root", "", "keep everything below this `DIR`, and see nothing else; also IOC_ROOT")
	flags.StringArrayVar(&c.named, "source", nil, "use the root called `NAME`, or call a ZFS file system or a directory so: NAME=DATASET; of several the first, where a jail is not written NAME/JAIL")
	flags.Var(&c.events, "events", "show progress as `MODE`: tree, plain, none, or ndjson: the events themselves on standard output, and nothing else there")
	flags.BoolVarP(&c.quiet, "quiet", "q", false, "show no progress: --events none")
	flags.BoolVarP(&c.verbose, "verbose", "v", false, "show every step, with its attributes and the output of commands")
	cmd.PersistentPreRunE = func(cmd *cobra.Command, args []string) error {
		c.words = cmd.CommandPath()
		switch {
		case c.rootDir != "" && len(c.named) > 0:
			return misuse(cmd, "--root and --source contradict each other")
		case c.quiet && c.events != "" && c.events != modeNone:
			return misuse(cmd, "--quiet and --events %s contradict each other", c.events)
		case c.quiet && c.verbose:
			return misuse(cmd, "--quiet and --verbose contradict each other")
		case c.verbose && c.events == modeNone:
			return misuse(cmd, "--verbose and --events none contradict each other")
		}
		if c.quiet {
			c.events = modeNone
		}
		return c.chooseSource(cmd, args)
	}
	for _, v := range verbs {
		if v.word == word {
			cmd.AddCommand(v.make(c))
			return cmd
		}
	}
	for _, v := range verbs {
		c.commands = append(c.commands, v.make(c))
	}
	cmd.AddCommand(c.commands...)
	cmd.SetHelpCommand(&cobra.Command{
		Use:   "help [COMMAND]",
		Short: "explain a command",
		RunE: func(cmd *cobra.Command, args []string) error {
			about, rest, err := cmd.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return c.unknown(cmd.Root(), args)
			}
			return about.Help()
		},
		ValidArgsFunction: c.topics,
	})
	c.complete(cmd)
	completeModes(cmd)
	return cmd
}

// unknown refuses a word that is no command.
func (c *call) unknown(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	err := fault.New("", fault.Invalid, "", errors.New("there is no command "+quote(args[0])))
	if len(args) > 1 {
		if turned, _, notFound := cmd.Find(args[1:2]); notFound == nil && turned != cmd {
			return err.WithRemedy("the command comes first: " + turned.UseLine())
		}
	}
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		slices.Sort(near)
		return err.WithRemedy("did you mean " + strings.Join(near, " or ") + "?")
	}
	return err.WithRemedy("ioc help lists the commands")
}
