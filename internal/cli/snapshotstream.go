package cli

import (
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/libioc/ioc"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/internal/view/term"
)

func (c *call) snapshotSend() *cobra.Command {
	var base string
	cmd := c.command(&cobra.Command{
		Use:   "send [OPTIONS] JAIL@SNAPSHOT",
		Short: "write a snapshot to standard output, for another root or host",
		Long: `Writes a snapshot of a jail's files to standard output, with the jail's properties and mounts as they are now. ioc
snapshot receive makes of it a jail, in another root or on another host. With --base it is only what is new since an earlier
snapshot, and brings on a jail that has that one.

The jail may run; until all is written it cannot be changed, started or stopped. It takes ZFS.`,
		Example: `ioc snapshot send web@monday >web.monday
ioc snapshot send web@monday | ssh other ioc snapshot receive web
ioc snapshot send --base monday web@tuesday | ssh other ioc snapshot receive web`,
		Args: snapshotOperand,
	}, func(cmd *cobra.Command, args []string) error {
		if term.IsTerminal(c.env.Stdout) {
			return fault.New(name(cmd), fault.Invalid, "", errors.New("a stream is not written to a terminal")).
				WithRemedy("write it to a file, >FILE, or to a program, | ssh HOST ioc snapshot receive JAIL")
		}
		if c.events == modeNDJSON {
			return fault.New(name(cmd), fault.Invalid, "", errors.New("the stream and the events both want standard output"))
		}
		j, snapshot, err := c.jailAt(args[0])
		if err != nil {
			return err
		}
		_, err = watch(c, j.Send(snapshot, strings.TrimPrefix(strings.TrimPrefix(base, j.Name()), "@"), c.env.Stdout))
		return err
	})
	cmd.Flags().StringVarP(&base, "base", "i", "", "write only what is new since this earlier `SNAPSHOT`, which the receiver has")
	return cmd
}

func (c *call) snapshotReceive() *cobra.Command {
	var o ioc.ReceiveOptions
	cmd := c.command(&cobra.Command{
		Use:   "receive [OPTIONS] JAIL [PROPERTY=VALUE...]",
		Short: "make a jail of what ioc snapshot send has written, or bring one on",
		Long: `Reads from standard input what ioc snapshot send has written.

All of a jail makes a new one, with the properties and mounts that come with it and those that are set here. What another jail of
the root has, an address or a port of the host, is left out, and said; under another name than it had before so are
the host name and MAC addresses. The commands among the properties are run on this host: receive jails from those whom
you trust.

What is new since a snapshot brings on a jail that has that snapshot and does not run. Its properties stay what they are. It
is refused if the jail has snapshots of its own since, or has written.

It is one operation: if not all of it comes, nothing has changed. What a jail has already is skipped.`,
		Example: `ioc snapshot receive web <web.monday
ioc snapshot receive web2 boot=no ip4_addr=auto <web.monday`,
		Args: atLeast(1, "JAIL"),
	}, func(cmd *cobra.Command, args []string) error {
		var err error
		if o.Properties, err = pairs(cmd, args[1:]); err != nil {
			return err
		}
		if term.IsTerminal(c.env.Stdin) {
			return misuse(cmd, "standard input is a terminal, not a stream")
		}
		host, err := c.open()
		if err != nil {
			return err
		}
		in, err := term.NewKeys(c.env.Stdin, context.Canceled)
		if err != nil {
			return err
		}
		c.unblock, o.Stream = in.Stop, in
		_, err = watch(c, host.JailGenerator(args[0]).Receive(o))
		return err
	})
	cmd.Flags().BoolVarP(&o.Force, "force", "f", false, "drop what the jail has of its own since: newer snapshots, and what was written")
	return cmd
}
