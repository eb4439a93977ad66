package cli

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/libioc/ioc"
)

// chooseSource finds the root that operands name, SOURCE/JAIL, and leaves the jail's name in them. What looks so and names no
// source is left as it is: others have slashes, too.
func (c *call) chooseSource(cmd *cobra.Command, args []string) error {
	if c.rootDir != "" || c.ofSeveral(cmd) {
		return nil
	}
	known := c.knownSources()
	var chosen string
	for i, arg := range jailOperands(cmd.Name(), args) {
		name, rest, ok := strings.Cut(arg, "/")
		if !ok || rest == "" || !ioc.ValidSource(name) {
			continue
		}
		said, ok := known()[name]
		switch {
		case !ok:
			continue
		case chosen != "" && chosen != name:
			return misuse(cmd, "the jails are of two sources, %s and %s: an operation is of one", chosen, name)
		}
		chosen, c.source, args[i] = name, said, rest
	}
	return nil
}

// jailOperands are those of a command's operands that can name jails.
func jailOperands(verb string, args []string) []string {
	switch verb {
	case "exec", "console", "run", "create", "clone", "receive": // what follows is a program's, or is in the same source
		return args[:min(1, len(args))]
	case "fetch", "apply", "events", "activate", "deactivate", "completion", "help":
		return nil
	case "cp": // JAIL:PATH, and a file of the host
		some := slices.Clone(args)
		for i, arg := range some {
			if !strings.Contains(arg, ":") {
				some[i] = ""
			}
		}
		return some
	}
	return args
}

// knownSources gives what the options and the host name, asked for when it is needed first.
func (c *call) knownSources() func() map[string]string {
	var known map[string]string
	return func() map[string]string {
		if known != nil {
			return known
		}
		known = map[string]string{}
		all, _ := ioc.Sources(c.ctx) // if they cannot be asked for there are none
		for _, s := range all {
			known[s.Source] = s.Source
		}
		for _, said := range c.named {
			name, _, _ := strings.Cut(said, "=")
			known[name] = said
		}
		return known
	}
}
