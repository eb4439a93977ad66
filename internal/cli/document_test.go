package cli

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/libioc/ioc/internal/golden"
)

var manDir = flag.String("man", "", "write the manual pages to this directory")

const (
	cliPage     = "../../docs/cli.md"
	cliPageHead = `# The command line

<!-- Made by make gen from the commands themselves. Do not edit. -->

Results go to standard output, progress and errors to standard error. ` + "`ioc help COMMAND`" + ` shows the same
text in a terminal, ` + "`make man`" + ` makes manual pages of it, and [errors.md](errors.md) has the exit codes and kinds
of errors.

`
)

// TestDocument keeps docs/cli.md current. With -update, as make gen runs it, it writes the page.
func TestDocument(t *testing.T) {
	golden.Check(t, cliPage, append([]byte(cliPageHead), handbook(&call{})...))
}

// TestManPages makes the manual pages, in the directory of -man if there is one, and has a formatter read them.
func TestManPages(t *testing.T) {
	dir := *manDir
	if dir == "" {
		dir = t.TempDir()
	} else if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	c := &call{}
	c.eachDocumented(c.root(""), func(cmd *cobra.Command) {
		file := filepath.Join(dir, manName(cmd)+".1")
		if err := os.WriteFile(file, manPage(cmd), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := exec.LookPath("groff"); err != nil {
			t.Log("left out: no groff reads the pages")
			return
		}
		out, err := exec.Command("groff", "-man", "-ww", "-z", "-Tutf8", file).CombinedOutput()
		if err != nil || len(out) > 0 {
			t.Errorf("groff %s: %v\n%s", filepath.Base(file), err, out)
		}
	})
}

// eachDocumented visits the commands that people are shown, in the order in which help lists them.
func (c *call) eachDocumented(cmd *cobra.Command, visit func(*cobra.Command)) {
	visit(cmd)
	for _, below := range c.below(cmd) {
		c.eachDocumented(below, visit)
	}
}

// handbook is all commands on one page.
func handbook(c *call) []byte {
	var b strings.Builder
	root := c.root("")
	c.eachDocumented(root, func(cmd *cobra.Command) {
		if cmd.HasParent() {
			fmt.Fprintf(&b, "* [%s](#%s): %s\n", cmd.CommandPath(), anchor(cmd), cmd.Short)
		}
	})
	c.eachDocumented(root, func(cmd *cobra.Command) {
		fmt.Fprintf(&b, "\n## %s\n\n", cmd.CommandPath())
		b.WriteString(markdown(prose(cmd)))
		fmt.Fprintf(&b, "\n    %s\n", usage(cmd))
		if cmd.Example != "" {
			b.WriteString("\nExamples:\n\n")
			for line := range strings.Lines(cmd.Example + "\n") {
				b.WriteString("    " + line)
			}
		}
		if options(cmd).HasAvailableFlags() {
			b.WriteString("\n| option | meaning |\n| --- | --- |\n")
		}
		options(cmd).VisitAll(func(f *pflag.Flag) {
			if name, meaning := option(f); !f.Hidden {
				fmt.Fprintf(&b, "| `%s` | %s |\n", name, strings.ReplaceAll(meaning, "|", `\|`))
			}
		})
		if !cmd.HasParent() {
			b.WriteString("\n" + markdown(strings.TrimPrefix(conventions, "\n")))
		}
	})
	return []byte(b.String())
}

func anchor(cmd *cobra.Command) string { return strings.ReplaceAll(cmd.CommandPath(), " ", "-") }

func usage(cmd *cobra.Command) string {
	if len(cmd.Commands()) > 0 {
		return cmd.CommandPath() + " COMMAND [ARGUMENTS]"
	}
	return cmd.UseLine()
}

func prose(cmd *cobra.Command) string {
	if cmd.Long != "" {
		return cmd.Long
	}
	return capital(cmd.Short) + "."
}

// options are the command's own, and of the root those that all commands have.
func options(cmd *cobra.Command) *pflag.FlagSet {
	all := cmd.NonInheritedFlags()
	all.SortFlags = false
	return all
}

// option is how an option is written, and what it does.
func option(f *pflag.Flag) (name, meaning string) {
	value, meaning := pflag.UnquoteUsage(f)
	name = "--" + f.Name
	if f.Shorthand != "" {
		name = "-" + f.Shorthand + ", " + name
	}
	if value != "" {
		name += " " + value
	}
	return name, meaning
}

// markdown keeps paragraphs, and shows what is indented or a table as it is. What could be taken for markup
// is escaped.
func markdown(text string) string {
	var b strings.Builder
	block := false
	for line := range strings.Lines(strings.TrimRight(text, "\n") + "\n") {
		if indented := line[0] == ' '; indented != block && line != "\n" {
			if block = indented; b.Len() > 0 && !strings.HasSuffix(b.String(), "\n\n") {
				b.WriteByte('\n')
			}
		}
		if block {
			b.WriteString("  " + line)
			continue
		}
		b.WriteString(strings.NewReplacer("*", `\*`, "<", "&lt;", "_", `\_`, "[", `\[`).Replace(line))
	}
	return b.String()
}

func manName(cmd *cobra.Command) string { return strings.ReplaceAll(cmd.CommandPath(), " ", "-") }

// manPage is a command's page for man(1), in the macros of man(7). It has no date: it is the same whenever it is made.
func manPage(cmd *cobra.Command) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, ".TH \"%s\" \"1\" \"\" \"ioc\" \"User Commands\"\n", strings.ToUpper(manName(cmd)))
	fmt.Fprintf(&b, ".SH NAME\n%s \\- %s\n", roff(manName(cmd)), roff(cmd.Short))
	fmt.Fprintf(&b, ".SH SYNOPSIS\n.nf\n%s\n.fi\n", roff(usage(cmd)))
	b.WriteString(".SH DESCRIPTION\n" + roffText(prose(cmd)))
	if options(cmd).HasAvailableFlags() {
		b.WriteString(".SH OPTIONS\n")
	}
	options(cmd).VisitAll(func(f *pflag.Flag) {
		if name, meaning := option(f); !f.Hidden {
			fmt.Fprintf(&b, ".TP\n.B %s\n%s.\n", roff(name), roff(capital(meaning)))
		}
	})
	if cmd.HasParent() {
		b.WriteString(".PP\nThe options of\n.BR ioc (1)\nhold for every command.\n")
	} else {
		b.WriteString(".SH CONVENTIONS\n" + roffText(conventions))
	}
	if cmd.Example != "" {
		fmt.Fprintf(&b, ".SH EXAMPLES\n.nf\n%s\n.fi\n", roff(cmd.Example))
	}
	also := cmd.Commands()
	if cmd.HasParent() {
		also = append([]*cobra.Command{cmd.Parent()}, also...)
	}
	var names []string
	for _, other := range also {
		if other.Name() != "help" && !other.Hidden {
			names = append(names, ".BR "+roff(manName(other))+" (1)")
		}
	}
	b.WriteString(".SH SEE ALSO\n" + strings.Join(names, ",\n") + "\n")
	return []byte(b.String())
}

// roff escapes text for troff.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`).Replace(text)
	var b strings.Builder
	for line := range strings.Lines(text) {
		if line[0] == '.' {
			b.WriteString(`\&`)
		}
		b.WriteString(line)
	}
	return b.String()
}

// roffText has paragraphs, and lines that begin with a blank as they are.
func roffText(text string) string {
	var b strings.Builder
	block := false
	for line := range strings.Lines(strings.Trim(text, "\n") + "\n") {
		indented := line[0] == ' '
		switch {
		case line == "\n":
			b.WriteString(".PP\n")
			continue
		case indented && !block:
			b.WriteString(".nf\n")
		case !indented && block:
			b.WriteString(".fi\n")
		}
		block = indented
		b.WriteString(roff(line))
	}
	if block {
		b.WriteString(".fi\n")
	}
	return b.String()
}
