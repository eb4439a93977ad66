package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/spf13/cobra"
)

// TestHelp holds every command to a page that can be read: what it is for, how it is called, an example,
// lines that fit a terminal, and nothing about commands or options that there are not.
func TestHelp(t *testing.T) {
	c, _ := testCall(t)
	root := c.root("")
	eachCommand(root, func(cmd *cobra.Command) {
		t.Run(strings.ReplaceAll(cmd.CommandPath(), " ", "_"), func(t *testing.T) {
			var page strings.Builder
			c.out = &page
			c.help(cmd, nil)
			text := page.String()
			for _, section := range []string{"\nUsage:\n  ioc", "\nExamples:\n  ioc"} {
				if !strings.Contains(text, section) && !strings.Contains(text, "| ioc") {
					t.Errorf("no %q in\n%s", section, text)
				}
			}
			for line := range strings.Lines(text) {
				if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > 92 {
					t.Errorf("a line of %d characters: %s", n, line)
				}
				if strings.TrimRight(line, " \n")+"\n" != line {
					t.Errorf("blanks at the end of %q", line)
				}
			}
			if cmd.Short == "" || strings.HasSuffix(cmd.Short, ".") || cmd.Short != strings.ToLower(cmd.Short[:1])+cmd.Short[1:] {
				t.Errorf("the summary %q is no phrase", cmd.Short)
			}
			for line := range strings.Lines(cmd.Example) {
				line = line[strings.Index(line, "ioc ")+len("ioc "):]
				found, rest, err := root.Find(strings.Fields(line))
				if err != nil || found == root || found.Flags() == nil {
					t.Errorf("the example %q is not a command: %v", line, err)
					continue
				}
				for _, word := range rest {
					name, ok := strings.CutPrefix(strings.TrimSpace(word), "--")
					if ok && found.Flags().Lookup(name) == nil && found.InheritedFlags().Lookup(name) == nil {
						t.Errorf("the example %q has an option that there is not: %s", line, word)
					}
				}
			}
		})
	})
}

func eachCommand(cmd *cobra.Command, visit func(*cobra.Command)) {
	visit(cmd)
	for _, below := range cmd.Commands() {
		eachCommand(below, visit)
	}
}

func TestWrap(t *testing.T) {
	in := "one two three four\nfive six\n\n  kept as it is, however long\nseven\n"
	want := "one two\nthree four\nfive six\n\n  kept as it is, however long\nseven\n"
	if got := wrap(in, 10); got != want {
		t.Errorf("wrap gives\n%q, want\n%q", got, want)
	}
}

func TestTable(t *testing.T) {
	fill := func(script bool) string {
		table := table{script: script}
		table.header("NAME", "NOTE", "END")
		table.row("wéb", "a\tb\nc", "")
		table.row("longer name", "", "x")
		return table.String()
	}
	if got, want := fill(false), "NAME         NOTE   END\nwéb          a b c  -\nlonger name  -      x\n"; got != want {
		t.Errorf("for people\n%q, want\n%q", got, want)
	}
	narrow := table{width: 25}
	narrow.header("NAME", "NOTE")
	narrow.row("ジェイル", "what does not fit on the screen")
	narrow.row("web", "what does fit")
	if got, want := narrow.String(), "NAME      NOTE\nジェイル  what does no...\nweb       what does fit\n"; got != want {
		t.Errorf("on a narrow screen\n%s, want\n%s", got, want)
	}
	if got, want := fill(true), "wéb\ta b c\t-\nlonger name\t-\tx\n"; got != want {
		t.Errorf("for scripts\n%q, want\n%q", got, want)
	}
}

func TestSize(t *testing.T) {
	for n, want := range map[int64]string{-1: "-", 0: "0", 1023: "1023", 1024: "1.0K", 1536: "1.5K", 10 << 20: "10.0M", 3 << 40: "3.0T"} {
		if got := size(n); got != want {
			t.Errorf("size(%d) = %q, want %q", n, got, want)
		}
	}
}

// TestDefaultScreen finds out where standard error leads.
func TestDefaultScreen(t *testing.T) {
	c, _ := testCall(t)
	if _, ok := c.screen(true).(dark); !ok {
		t.Error("a quiet command shows progress")
	}
	null, err := os.OpenFile(filepath.Join(t.TempDir(), "x"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	c.env.Stderr = null
	if o := c.terminal(null); o.Color || o.Live || !o.ASCII {
		t.Errorf("a file is taken for a terminal: %+v", o)
	}
	for locale, want := range map[string]bool{"de_DE.UTF-8": true, "C.utf8": true, "C": false, "": false} {
		c.env.Getenv = func(name string) string { return map[string]string{"LANG": locale}[name] }
		if got := c.utf8(); got != want {
			t.Errorf("LANG=%s is UTF-8: %v, want %v", locale, got, want)
		}
	}
}
