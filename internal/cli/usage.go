package cli

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/internal/view/term"
)

// misuse is the error of a command that was called in a wrong way; it shows the right one.
func misuse(cmd *cobra.Command, format string, a ...any) error {
	err := fault.New("", fault.Invalid, name(cmd), fmt.Errorf(format, a...))
	if !cmd.HasParent() {
		return err.WithRemedy("ioc help lists the commands and options")
	}
	return err.WithRemedy("usage: " + cmd.UseLine())
}

// name is the command as it is typed, without the program: "snapshot list".
func name(cmd *cobra.Command) string {
	return strings.TrimPrefix(strings.TrimPrefix(cmd.CommandPath(), cmd.Root().Name()), " ")
}

// command completes one that does something.
func (*call) command(cmd *cobra.Command, run func(cmd *cobra.Command, args []string) error) *cobra.Command {
	cmd.RunE = run
	cmd.DisableFlagsInUseLine = true
	cmd.Flags().SortFlags = false
	return cmd
}

// operands wants as many arguments as names, and names the first that is missing. Of a last name that
// ends in "..." there may be more.
func operands(names ...string) cobra.PositionalArgs {
	few := atLeast(len(names), names...)
	return func(cmd *cobra.Command, args []string) error {
		many := len(names) > 0 && strings.HasSuffix(names[len(names)-1], "...")
		if len(args) > len(names) && !many {
			return misuse(cmd, "%s is one argument too many", quote(args[len(names)]))
		}
		return few(cmd, args)
	}
}

// atLeast wants n arguments or more, and names the first that is missing.
func atLeast(n int, names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < n {
			return misuse(cmd, "%s is missing", strings.TrimSuffix(names[len(args)], "..."))
		}
		return nil
	}
}

// unless wants what args wants where the option is not given.
func unless(option *bool, args cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, words []string) error {
		if *option {
			return nil
		}
		return args(cmd, words)
	}
}

// pairs reads NAME=VALUE arguments.
func pairs(cmd *cobra.Command, args []string) (map[string]string, error) {
	all := make(map[string]string, len(args))
	for _, arg := range args {
		key, value, ok := strings.Cut(arg, "=")
		if !ok || key == "" {
			return nil, misuse(cmd, "%s is not PROPERTY=VALUE", quote(arg))
		}
		if _, twice := all[key]; twice {
			return nil, misuse(cmd, "%s is given twice", key)
		}
		all[key] = value
	}
	return all, nil
}

func quote(s string) string { return strconv.Quote(s) }

// help prints a command's page.
func (c *call) help(cmd *cobra.Command, _ []string) {
	var b strings.Builder
	text := cmd.Long
	if text == "" {
		text = capital(cmd.Short) + "."
	}
	b.WriteString(wrap(text, 78))
	below, usage := c.below(cmd), cmd.UseLine()
	if len(below) > 0 {
		usage = cmd.CommandPath() + " COMMAND [ARGUMENTS]"
	}
	b.WriteString("\nUsage:\n  " + usage + "\n")
	if len(below) > 0 {
		b.WriteString("\nCommands:\n")
	}
	for _, sub := range below {
		fmt.Fprintf(&b, "  %-10s %s\n", sub.Name(), sub.Short)
	}
	if cmd.Example != "" {
		b.WriteString("\nExamples:\n")
		for line := range strings.Lines(cmd.Example) {
			b.WriteString("  " + line)
		}
		b.WriteByte('\n')
	}
	if flags := cmd.NonInheritedFlags(); flags.HasAvailableFlags() {
		fmt.Fprintf(&b, "\nOptions:\n%s", flags.FlagUsagesWrapped(90))
	}
	if cmd.HasParent() {
		b.WriteString("\nEvery command also takes --root DIR, --events MODE and --quiet: see ioc help.\n")
	} else {
		b.WriteString(conventions)
	}
	c.print(b.String())
}

// below are the commands of a command, in the order in which they are shown.
func (c *call) below(cmd *cobra.Command) []*cobra.Command {
	if !cmd.HasParent() {
		return c.commands
	}
	return cmd.Commands()
}

// conventions hold for every command.
const conventions = `
Exit codes:
    0  done, or it was so already
    1  failed, and all is as it was
    2  something is left behind, which ioc recover clears
  130  broken off, and all is as it was
exec, console and run end as the command in the jail does: see ioc help exec.

Ctrl-C takes back what the operation did so far; a second one leaves it as it is.
ioc help COMMAND explains a command.
`

// wrap breaks the paragraphs of text into lines of at most width characters. Lines that begin with a
// blank stay as they are.
func wrap(text string, width int) string {
	var b strings.Builder
	column := 0
	end := func() {
		if column > 0 {
			b.WriteByte('\n')
		}
		column = 0
	}
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		if line == "" || line[0] == ' ' {
			end()
			b.WriteString(line + "\n")
			continue
		}
		for word := range strings.FieldsSeq(line) {
			if column > 0 && column+1+len(word) > width {
				end()
			}
			if column > 0 {
				b.WriteByte(' ')
				column++
			}
			b.WriteString(word)
			column += len(word)
		}
	}
	end()
	return b.String()
}

func capital(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// print writes a part of the result.
func (c *call) print(text string) {
	if _, err := c.out.Write([]byte(text)); err != nil && c.outErr == nil {
		c.outErr = err
	}
}

// printGrid prints g, on a terminal with lines that are not longer than it is wide.
func (c *call) printGrid(g *grid) {
	g.width = term.Width(c.env.Stdout)
	c.print(g.String())
}
