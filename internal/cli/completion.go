package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/libioc/ioc"
	"github.com/libioc/ioc/config"
	"github.com/libioc/ioc/jail"
)

func (c *call) completion() *cobra.Command {
	return c.command(&cobra.Command{
		Use:   "completion bash|zsh|fish",
		Short: "print what completes commands in a shell",
		Long: `Prints a script for a shell that completes commands, options, and the names of jails, snapshots, releases
and properties. To try it at once:

  bash  source <(ioc completion bash)      needs the package bash-completion
  zsh   source <(ioc completion zsh)       after: autoload -U compinit; compinit
  fish  ioc completion fish | source

To have it in every shell, write it to a file that the shell reads by itself:

  bash  /etc/bash_completion.d/ioc, or ~/.local/share/bash-completion/completions/ioc
  zsh   a file _ioc in a directory of $fpath
  fish  ~/.config/fish/completions/ioc.fish

Completing looks at jails and changes nothing; who has no right to see them gets no names.`,
		Example:   `ioc completion bash >/etc/bash_completion.d/ioc`,
		Args:      operands("SHELL"),
		ValidArgs: []string{"bash", "zsh", "fish"},
	}, func(cmd *cobra.Command, args []string) error {
		var b strings.Builder
		var err error
		switch args[0] {
		case "bash":
			err = cmd.Root().GenBashCompletionV2(&b, true)
			c.print(bashWords(b.String()))
			return err
		case "zsh":
			err = cmd.Root().GenZshCompletion(&b)
		case "fish":
			err = cmd.Root().GenFishCompletion(&b, true)
		default:
			return misuse(cmd, "%s is neither bash, zsh nor fish", quote(args[0]))
		}
		c.print(b.String())
		return err
	})
}

// bashWords makes bash take jail@snapshot as one word. To readline it is three, of which it replaces the
// last: what is before it must not come again. The library does so for name=value.
func bashWords(script string) string {
	script = strings.ReplaceAll(script, "_init_completion -n =:", "_init_completion -n =:@")
	const values = `__ioc_handle_special_char "$cur" =` + "\n"
	return strings.Replace(script, values, values+"    "+strings.Replace(values, "=", "@", 1), 1)
}

// topics completes what help explains.
func (c *call) topics(_ *cobra.Command, args []string, word string) ([]cobra.Completion, cobra.ShellCompDirective) {
	var all []cobra.Completion
	if len(args) == 0 {
		for _, cmd := range c.commands {
			all = append(all, cobra.CompletionWithDesc(cmd.Name(), cmd.Short))
		}
	}
	return begin(word, all), cobra.ShellCompDirectiveNoFileComp
}

// complete lets every command complete what its usage line says that it takes.
func (c *call) complete(root *cobra.Command) {
	for _, cmd := range root.Commands() {
		c.complete(cmd)
	}
	if root.ValidArgsFunction == nil && len(root.ValidArgs) == 0 && root.Runnable() {
		wants := takes(root.Use)
		root.ValidArgsFunction = func(cmd *cobra.Command, args []string, word string) ([]cobra.Completion, cobra.ShellCompDirective) {
			return c.operand(cmd, wants, args, word)
		}
	}
	for flag, what := range map[string]string{"release": "RELEASE", "property": "PROPERTY=VALUE", "output": "COLUMN", "sort": "COLUMN"} {
		if f := root.LocalNonPersistentFlags().Lookup(flag); f != nil && f.Value.Type() != "bool" {
			_ = root.RegisterFlagCompletionFunc(flag, func(_ *cobra.Command, _ []string, word string) ([]cobra.Completion, cobra.ShellCompDirective) { // it exists
				return c.candidates(what, false, word)
			})
		}
	}
}

// completeModes completes the options that all commands have.
func completeModes(root *cobra.Command) {
	fixed := func(words ...string) cobra.CompletionFunc {
		return cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp)
	}
	_ = root.RegisterFlagCompletionFunc("events", fixed("tree", "plain", "none", "ndjson")) // it exists
	_ = root.MarkPersistentFlagDirname("root")                                              // as above
}

// takes lists the operands of a usage line: "clone [OPTIONS] JAIL[@SNAPSHOT] NAME" takes two.
func takes(use string) []string {
	var all []string
	for _, word := range strings.Fields(use)[1:] {
		if word = strings.TrimPrefix(word, "["); word != "OPTIONS]" {
			all = append(all, word)
		}
	}
	return all
}

// operand completes the next operand. One that is repeated may be over: what follows it is completed too.
func (c *call) operand(cmd *cobra.Command, wants, args []string, word string) ([]cobra.Completion, cobra.ShellCompDirective) {
	first := slices.IndexFunc(wants, func(w string) bool { return strings.Contains(w, "...") })
	at := len(args)
	if first >= 0 && at >= first {
		wants, at = wants[first:], 0
	} else {
		if at >= len(wants) {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		wants = wants[at : at+1]
	}
	var all []cobra.Completion
	directive := cobra.ShellCompDirectiveNoFileComp
	for _, w := range wants {
		what := w
		if release, _ := cmd.Flags().GetBool("release"); release && strings.HasPrefix(w, "NAME") { //nolint:errcheck // not every command has it
			what = "RELEASE"
		} else if cmd.Name() == "destroy" && strings.HasPrefix(w, "NAME") {
			what = "JAIL"
		}
		some, d := c.candidates(what, strings.Contains(w, "..."), word)
		all = append(all, some...)
		directive |= d
		if d == cobra.ShellCompDirectiveDefault {
			return all, d
		}
	}
	return slices.DeleteFunc(all, func(w cobra.Completion) bool {
		text, _, _ := strings.Cut(w, "\t")
		return slices.Contains(args, text)
	}), directive
}

// candidates are the words that begin as word does, of one sort.
func (c *call) candidates(what string, several bool, word string) ([]cobra.Completion, cobra.ShellCompDirective) {
	const names, unfinished = cobra.ShellCompDirectiveNoFileComp, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	switch {
	case strings.HasPrefix(what, "PROPERTY=VALUE"):
		return begin(word, settings(word)), unfinished
	case strings.HasPrefix(what, "PROPERTY"):
		var all []cobra.Completion
		for _, p := range config.Properties() {
			all = append(all, cobra.CompletionWithDesc(p.Name, p.Help))
		}
		return begin(word, all), names
	case strings.HasPrefix(what, "COLUMN"):
		done := word[:strings.LastIndexByte(word, ',')+1]
		var all []cobra.Completion
		for _, name := range suggestedColumns() {
			all = append(all, done+name)
		}
		return begin(word, all), unfinished
	case strings.HasPrefix(what, "JAIL") && strings.Contains(what, "@SNAPSHOT"):
		if strings.Contains(word, "@") || !strings.Contains(what, "[@") {
			return begin(word, c.snapshots(word)), names
		}
		return begin(word, c.jailNames(false)), names
	case strings.HasPrefix(what, "JAIL"):
		return begin(word, c.jailNames(several)), names
	case strings.HasPrefix(what, "RELEASE"):
		return begin(word, c.releaseNames()), names
	case strings.Contains(what, "FILE"), strings.Contains(what, "PATH"), strings.Contains(what, "DIR"):
		return nil, cobra.ShellCompDirectiveDefault
	}
	return nil, names
}

func begin(word string, all []cobra.Completion) []cobra.Completion {
	return slices.DeleteFunc(all, func(w cobra.Completion) bool { return !strings.HasPrefix(w, word) })
}

// settings are properties with a "=", or, behind one, the values that there are.
func settings(word string) []cobra.Completion {
	var all []cobra.Completion
	name, _, valued := strings.Cut(word, "=")
	for _, p := range config.Properties() {
		switch {
		case !valued:
			all = append(all, cobra.CompletionWithDesc(p.Name+"=", p.Help))
		case p.Name == name:
			for _, v := range values(p) {
				all = append(all, name+"="+v)
			}
		}
	}
	return all
}

// values are those of a property that has few, and what takes any away.
func values(p config.Property) []string {
	switch p.Type {
	case config.Bool:
		return []string{"yes", "no"}
	default:
		if p.Default != config.None {
			return []string{p.Default, config.None}
		}
		return []string{config.None}
	}
}

// look opens the root, if there is one and it may be seen. It recovers nothing and makes nothing.
func (c *call) look() *ioc.Host {
	c.existing = true
	host, err := c.open()
	if err != nil {
		return nil
	}
	return host
}

// jailNames are the jails with their states; several: what chooses all of them, too.
func (c *call) jailNames(several bool) []cobra.Completion {
	var all []cobra.Completion
	for _, i := range c.jailsSeen() {
		all = append(all, cobra.CompletionWithDesc(string(i.Name), string(i.State)))
	}
	if several && len(all) > 0 {
		all = append(all, cobra.CompletionWithDesc("ALL", "every jail"))
	}
	return all
}

func (c *call) jailsSeen() []jail.Info {
	host := c.look()
	if host == nil {
		return nil
	}
	all, err := host.Jails(c.ctx)
	if err != nil {
		return nil
	}
	return all
}

// snapshots are those of the jail that word begins with, or of all jails before there is an "@".
func (c *call) snapshots(word string) []cobra.Completion {
	host := c.look()
	if host == nil {
		return nil
	}
	of, _, chosen := strings.Cut(word, "@")
	var all []cobra.Completion
	for _, i := range c.jailsSeen() {
		if name := string(i.Name); !chosen && strings.HasPrefix(name, of) || name == of {
			points, err := host.JailGenerator(name).Snapshots(c.ctx)
			if err != nil {
				continue
			}
			for _, s := range points {
				all = append(all, cobra.CompletionWithDesc(fmt.Sprintf("%s@%s", name, s.Name), when(s.Created)))
			}
		}
	}
	return all
}

func (c *call) releaseNames() []cobra.Completion {
	host := c.look()
	if host == nil {
		return nil
	}
	releases, err := host.Releases(c.ctx)
	if err != nil {
		return nil
	}
	var all []cobra.Completion
	for _, r := range releases {
		all = append(all, string(r.Name))
	}
	return all
}
