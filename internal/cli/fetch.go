package cli

import (
	"cmp"
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/libioc/ioc"
	"github.com/libioc/ioc/internal/view/term"
	"github.com/libioc/ioc/release"
)

func (c *call) fetch() *cobra.Command {
	var o ioc.FetchOptions
	var tar, setuid, devices, named string
	var update bool
	cmd := c.command(&cobra.Command{
		Use:   "fetch [OPTIONS] [ADDRESS] [RELEASE]",
		Short: "get a release that jails can be made from",
		Long: `Gets a release. Without an address it is the one that is built into ioc, which create gets by itself.
An address is one of

  debian/SUITE, ubuntu/SUITE   made of packages, from the mirror that the host's apt
                               has, by mmdebstrap or debootstrap, whichever is installed
  alpine/VERSION               Alpine's minirootfs
  images:NAME                  an image of linuxcontainers.org, such as images:fedora/43
  15.0-RELEASE, freebsd/NAME   FreeBSD's base system, of its releases, snapshots or archive
  hardenedbsd/BRANCH           HardenedBSD's
  oci://REGISTRY/NAME:TAG      a container image; docker's logins are honoured
  oci-layout:DIRECTORY[:NAME]  one in a directory of the OCI's layout
  docker-archive:FILE[:NAME]   one that docker save or podman save wrote
  https://HOST/FILE.tar.xz     a root file system as an archive on the web

and the release is called after it if no name is given. With --from-tar it is an archive in a file;
"-" is standard input. Archives may be compressed with gzip, zstd, xz or bzip2. None is trusted: names
that lead out of it are refused. A download that was broken off goes on the next time. The release is seen
by nobody before it is complete.

With --update a release that is there is got again from where it came from. If that has something newer it is
called RELEASE-p1, then RELEASE-p2; jails stay on the one that they were made from, which ioc list shows.

Where a jail is created, an address can be given instead of the release's name.`,
		Example: `ioc fetch
ioc fetch debian/bookworm
ioc fetch alpine/3.21 --mirror https://mirror.example.org/alpine
ioc fetch oci://docker.io/library/debian:bookworm-slim debian
ioc create web --release oci://docker.io/library/nginx:1.29
ioc fetch --from-tar debian-rootfs.tar.xz mydebian
docker export mycontainer | ioc fetch --from-tar - myimage`,
		Args: func(cmd *cobra.Command, args []string) error {
			most := 1
			switch {
			case tar != "":
				return operands("RELEASE")(cmd, args)
			case len(args) > 0 && ioc.IsAddress(args[0]):
				most = 2
			}
			if len(args) > most {
				if ioc.IsAddress(args[most]) {
					return misuse(cmd, "the address comes first, then the release's name")
				}
				return misuse(cmd, "%s is one argument too many", quote(args[most]))
			}
			return nil
		},
	}, func(cmd *cobra.Command, args []string) error {
		if tar == "" && len(args) > 0 && ioc.IsAddress(args[0]) {
			o.From, args = args[0], args[1:]
		}
		if named != "" {
			if len(args) > 0 || tar != "" {
				return misuse(cmd, "--release is another way to say what is fetched")
			}
			if args = []string{named}; ioc.IsAddress(named) {
				o.From, args = named, nil
			}
		}
		if update {
			if o.From != "" && len(args) > 0 || o.From == "" && len(args) != 1 || tar != "" {
				return misuse(cmd, "--update takes the name of one release")
			}
			return c.update(cmp.Or(o.From, strings.Join(args, "")), o.Mirror)
		}
		for _, flag := range []string{"sha256", "key", "signature"} {
			if cmd.Flags().Changed(flag) && tar == "" && o.From == "" {
				return misuse(cmd, "--%s needs an archive: --from-tar, or an address", flag)
			}
		}
		if o.Signature != "" && o.Key == "" || tar == "-" && o.Key != "" && o.Signature == "" {
			return misuse(cmd, "a signature is told by --key and --signature")
		}
		for flag, rule := range map[string]*release.Rule{"setuid": &o.Policy.Setuid, "devices": &o.Policy.Devices} {
			if !cmd.Flags().Changed(flag) {
				continue
			}
			var err error
			if *rule, err = release.ParseRule(cmd.Flags().Lookup(flag).Value.String()); err != nil {
				return misuse(cmd, "--%s: %v", flag, err)
			}
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
	cmd.Flags().StringVarP(&named, "release", "r", "", "get this `RELEASE`: the same without the option")
	cmd.Flags().BoolVarP(&update, "update", "U", false, "get what is newer than this release: it becomes RELEASE-p1, -p2 and so on; jails stay on theirs")
	cmd.Flags().StringVar(&o.SHA256, "sha256", "", "refuse an archive whose digest is not `HEX`")
	cmd.Flags().StringVar(&o.Mirror, "mirror", "", "ask the server at this `URL`, which has what the address's own has")
	cmd.Flags().StringVar(&o.Key, "key", "", "refuse an archive that is not signed with this `KEY` of minisign or signify: a file, or the key itself")
	cmd.Flags().StringVar(&o.Signature, "signature", "", "the signature is in this `FILE` or at this URL, and not beside the archive with .minisig after its name")
	cmd.Flags().StringVar(&setuid, "setuid", "keep", "keep, drop or refuse setuid and setgid bits in an archive: `RULE`")
	cmd.Flags().StringVar(&devices, "devices", "drop", "keep, drop or refuse device nodes in an archive: `RULE`")
	cmd.Flags().Int64Var(&o.Policy.Bytes, "max-size", 0, "refuse an archive whose files have more than `BYTES`; 0: 64 GiB")
	return cmd
}

func (c *call) update(name, mirror string) error {
	host, err := c.open()
	if err != nil {
		return err
	}
	_, err = watch(c, host.UpdateRelease(name, mirror))
	return err
}
