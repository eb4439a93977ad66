package cli

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/internal/nearest"
)

// nearestJail is the jail or release that was probably meant by the one that was not found.
func (c *call) nearestJail(err error) string {
	missing := notFound(err)
	if c.host == nil || missing == "" {
		return ""
	}
	var names []string
	jails, _ := c.host.Jails(c.ctx) //nolint:errcheck // it is a hint, and another error is being told
	for _, j := range jails {
		names = append(names, string(j.Name))
	}
	return nearest.Word(missing, names)
}

// wrongOption is the error of an option that there is not, or whose value is none.
func wrongOption(cmd *cobra.Command, err error) error {
	if typed, unknown := strings.CutPrefix(err.Error(), "unknown flag: --"); unknown {
		var names []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
		if near := nearest.Word(typed, names); near != "" {
			return misuse(cmd, "there is no option --%s; did you mean --%s?", typed, near)
		}
		return misuse(cmd, "there is no option --%s", typed)
	}
	if _, short, unknown := strings.Cut(err.Error(), "unknown shorthand flag: "); unknown {
		_, letters, _ := strings.Cut(short, " in ")
		option := "-" + string([]rune(short)[1])
		if letters != option {
			option += ", as in " + letters
		}
		return misuse(cmd, "there is no option %s", option)
	}
	return misuse(cmd, "%v", err)
}

// notFound is the name of what an error says is not there.
func notFound(err error) string {
	for {
		f, ok := errors.AsType[*fault.Error](err)
		if !ok {
			return ""
		}
		if f.Kind == fault.NotFound {
			words := strings.FieldsFunc(f.Subject, func(r rune) bool { return r == ' ' || r == '/' })
			if len(words) == 0 || strings.Contains(words[len(words)-1], "@") {
				return ""
			}
			return words[len(words)-1]
		}
		err = f.Err
	}
}
