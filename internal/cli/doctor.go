package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/libioc/ioc"
	"github.com/libioc/ioc/doctor"
	"github.com/libioc/ioc/fault"
)

func (c *call) doctor() *cobra.Command {
	var fix bool
	var f format
	cmd := c.command(&cobra.Command{
		Use:   "doctor [OPTIONS]",
		Short: "look for what is not in order, and mend it",
		Long: `Looks at the live system, the records and the files, and lists what is not in order: what something left
behind that is no more, records of jails that are not there and jails without a usable configuration, layers
and halves of datasets that nobody refers to, locks of dead processes, operations that were broken off. It says
of each what it is, how it knows that it is of this root and of use to nobody, and what would be done.
Things of other roots and other programs are not touched, and no jail that runs is.

With --fix all of that is done, as one operation. It looks at each again, under the lock of the jail it is
of. Killing and deleting come last. What only a person can decide stays on the list.

What the host lacks, for example control groups that are not delegated to this user, is listed as advice,
which does not count.

Exit codes:
  0  nothing is wrong, or all of it was put right
  1  something is wrong
  2  something could not be finished; ioc recover tries again`,
		Example: `ioc doctor
ioc doctor --fix
ioc doctor --format json`,
		Args: operands(),
	}, func(*cobra.Command, []string) error {
		c.existing = true
		host, err := c.open()
		if errors.Is(err, fault.NotFound) {
			return c.diagnosis(f, nil)
		}
		if err != nil {
			return err
		}
		var done ioc.Mended
		if fix {
			if done, err = watch(c, host.Mend()); err != nil {
				return err
			}
		}
		found := host.Examine(c.ctx)
		for _, failed := range done.Failed {
			for i := range found {
				if found[i].Kind == failed.Kind && found[i].Subject == failed.Subject {
					found[i].Err = failed.Err
				}
			}
		}
		return c.diagnosis(f, found)
	})
	cmd.Flags().BoolVar(&fix, "fix", false, "put right what can be put right")
	f.addFlag(cmd)
	return cmd
}

// diagnosis prints what was found. Findings that are no advice make the exit code 1.
func (c *call) diagnosis(f format, found []doctor.Finding) error {
	switch {
	case c.events == modeNDJSON:
	case f == formatJSON:
		all := make([]finding, 0, len(found))
		for _, f := range found {
			all = append(all, asFinding(&f))
		}
		if err := c.printJSON(all); err != nil {
			return err
		}
	default:
		c.print(diagnosis(found))
	}
	if !doctor.Healthy(found) {
		return &statusError{status: fault.ExitFailed}
	}
	return nil
}

// finding is one as JSON. Members are added at times; none changes its meaning.
type finding struct {
	Kind     string `json:"kind"`
	Subject  string `json:"subject"`
	Class    string `json:"class"`
	Text     string `json:"text"`
	Proof    string `json:"proof,omitempty"`
	Remedy   string `json:"remedy,omitempty"`
	Jail     string `json:"jail,omitempty"`
	Mendable bool   `json:"mendable"`
	Error    string `json:"error,omitempty"`
}

func asFinding(f *doctor.Finding) finding {
	j := finding{f.Kind, f.Subject, string(f.Class), f.Text, f.Proof, f.Remedy, f.Jail, f.Mendable(), ""}
	if f.Err != nil {
		j.Error = f.Err.Error()
	}
	return j
}

// diagnosis is what was found for people.
func diagnosis(found []doctor.Finding) string {
	var b strings.Builder
	wrong, mendable := 0, 0
	for _, f := range found {
		fmt.Fprintf(&b, "%s: %s %s\n", f.Class, f.Kind, f.Subject)
		row := func(name, text string) {
			if text != "" {
				fmt.Fprintf(&b, "  %-6s %s\n", name, oneLine(text))
			}
		}
		row("what", f.Text)
		row("why", f.Proof)
		switch {
		case f.Mendable():
			row("--fix", f.Remedy)
		default:
			row("you", f.Remedy)
		}
		if f.Err != nil {
			row("failed", f.Err.Error())
		}
		if f.Class != doctor.Advice {
			wrong++
		}
		if f.Mendable() {
			mendable++
		}
	}
	switch {
	case wrong == 0:
		b.WriteString("nothing is wrong\n")
	case mendable == 0:
		fmt.Fprintf(&b, "%d found, which only you can put right\n", wrong)
	default:
		fmt.Fprintf(&b, "%d found; ioc doctor --fix puts right %d\n", wrong, mendable)
	}
	return b.String()
}
