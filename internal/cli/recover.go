package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/libioc/ioc"
	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
)

func (c *call) recover() *cobra.Command {
	var list bool
	var resolve, note string
	cmd := c.command(&cobra.Command{
		Use:   "recover [OPTIONS]",
		Short: "clear what broken off operations left behind",
		Long: `Takes back what operations left behind whose process was killed, or that could not be rolled back
completely, and finishes what had been decided. Every operation does so before it begins; this one also
tries again what was given up. What is left after that is listed, each operation by its id, and the stop of a
jail as jail/NAME: when a person has dealt with it, --resolve takes it off the list.`,
		Example: `ioc recover
ioc recover --list
ioc recover --resolve 01JDA7Q0000000000000000000 --note "unmounted by hand"
ioc recover --resolve jail/web`,
		Args: operands(),
	}, func(cmd *cobra.Command, _ []string) error {
		if list && resolve != "" {
			return misuse(cmd, "--list and --resolve contradict each other")
		}
		if note != "" && resolve == "" {
			return misuse(cmd, "--note needs --resolve")
		}
		open := c.open
		if list {
			open = c.ask
		}
		host, err := open()
		if err != nil {
			return err
		}
		switch {
		case list:
			return c.listPending(host)
		case resolve != "":
			return c.resolve(host, resolve, note)
		}
		done, err := watch(c, host.Recover())
		if c.events != modeNDJSON {
			if listErr := c.listPending(host); err == nil {
				err = listErr
			}
		}
		if done.Residue > 0 {
			return unrecovered(done.Residue, err)
		}
		return err
	})
	cmd.Flags().BoolVarP(&list, "list", "l", false, "only list what is left behind")
	cmd.Flags().BoolVarP(&list, "dry-run", "n", false, "the same: list what would be undone or finished, and do nothing")
	cmd.Flags().StringVar(&resolve, "resolve", "", "take the operation with this `ID`, or jail/NAME, off the list; nothing else is done")
	cmd.Flags().StringVar(&note, "note", "", "keep this `TEXT` with it: how it was dealt with")
	return cmd
}

// resolve takes off the list what it names with id.
func (c *call) resolve(host *ioc.Host, id, note string) error {
	if strings.Contains(id, "/") {
		return host.Forget(id, note)
	}
	run, err := events.ParseRunID(id)
	if err != nil {
		return fault.New("resolve", fault.Invalid, "", err).WithRemedy("ioc recover --list shows the ids; the stop of a jail has its name: jail/web")
	}
	return host.Resolve(run, note)
}

// unrecovered is the error of a recovery that could not clear n things, and ended with err.
func unrecovered(n int, err error) error {
	left := fmt.Errorf("%d of the things that were left behind are still there", n)
	if errors.Is(err, context.Canceled) {
		return fault.New("recover", fault.Residue, "", fmt.Errorf("broken off: %w", left)).WithRemedy("ioc recover goes on")
	}
	return fault.New("recover", fault.Residue, "", left).
		WithRemedy("deal with them by hand, then take each operation off the list: ioc recover --resolve ID")
}

// listPending prints what waits for a recovery or for a person; nothing if nothing does.
func (c *call) listPending(host *ioc.Host) error {
	all, err := host.Pending()
	var b strings.Builder
	for _, dead := range all {
		id := dead.Run.ID.String()
		if dead.Key != "" {
			id = dead.Key
		}
		fmt.Fprintf(&b, "%s  %s, of pid %d, since %s\n", id, dead.Root, dead.Run.PID, when(dead.Run.Started))
		if dead.Corrupt != nil {
			fmt.Fprintf(&b, "  its record is corrupt: %s\n", oneLine(dead.Corrupt.Error()))
		}
		for _, left := range dead.Pending {
			b.WriteString("  " + left.Action)
			if left.Err != nil {
				b.WriteString(": " + oneLine(left.Err.Error()))
			}
			b.WriteByte('\n')
		}
	}
	c.print(b.String())
	return err
}
