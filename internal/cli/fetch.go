package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/libioc/ioc"
	"github.com/libioc/ioc/internal/view/term"
	"github.com/libioc/ioc/release"
)

func (c *call) fetch() *cobra.Command {
	var o ioc.FetchOptions
	var tar string
	cmd := c.command(&cobra.Command{
		Use:   "fetch [OPTIONS] [RELEASE]",
		Short: "get a release that jails can be made from",
		Long: `Gets a release. Without --from-tar it is the one that is built into ioc, which create gets by itself.
With --from-tar it is any root file system, as an archive that may be compressed with gzip, zstd or xz;
"-" is standard input. The archive is not trusted: names that lead out of it are refused. The release is
seen by nobody before it is complete.`,
		Example: `ioc fetch
ioc fetch --from-tar debian-rootfs.tar.xz mydebian
docker export mycontainer | ioc fetch --from-tar - myimage`,
		Args: func(cmd *cobra.Command, args []string) error {
			if tar != "" {
				return operands("RELEASE")(cmd, args)
			}
			if len(args) > 1 {
				return misuse(cmd, "%s is one argument too many", quote(args[1]))
			}
			return nil
		},
	}, func(cmd *cobra.Command, args []string) error {
		if o.SHA256 != "" && tar == "" {
			return misuse(cmd, "--sha256 needs --from-tar")
		}
		if len(args) == 1 {
			o.Name = args[0]
		}
		switch tar {
		case "":
		case "-":
			if term.IsTerminal(c.env.Stdin) {
				return misuse(cmd, "standard input is a terminal, not an archive")
			}
			in, err := term.NewKeys(c.env.Stdin, context.Canceled)
			if err != nil {
				return err
			}
			c.unblock = in.Stop // whoever writes the archive may be slow, or gone to sleep
			o.Source = release.Reader("standard input", in)
		default:
			o.Source = release.File(tar)
		}
		host, err := c.open()
		if err != nil {
			return err
		}
		_, err = watch(c, host.Fetch(o))
		return err
	})
	cmd.Flags().StringVar(&tar, "from-tar", "", "make it of the archive in this `FILE`; -: of standard input")
	cmd.Flags().StringVar(&o.SHA256, "sha256", "", "refuse an archive whose digest is not `HEX`")
	return cmd
}
