package cli

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/libioc/ioc"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/jail"
	"github.com/libioc/ioc/storage"
)

// createOptions say what a jail is made of.
type createOptions struct {
	release, template string
	thick, noFetch    bool
}

// addFlags adds them with their letters, which mean something else to commands that run a program.
func (o *createOptions) addFlags(cmd *cobra.Command, letters bool) {
	template, thick := "t", "T"
	if !letters {
		template, thick = "", ""
	}
	cmd.Flags().StringVarP(&o.release, "release", "r", "", "make it from this `RELEASE` and not from the default one")
	cmd.Flags().StringVarP(&o.template, "template", template, "", "make it from this `JAIL`, whose property template is yes")
	cmd.Flags().BoolVarP(&o.thick, "thick", thick, false, "copy all files, so that it shares none with what it is made from")
}

func (o *createOptions) check(cmd *cobra.Command) error {
	if o.release != "" && o.template != "" {
		return misuse(cmd, "--release and --template contradict each other")
	}
	return nil
}

func (o *createOptions) options(properties map[string]string) ioc.CreateOptions {
	all := ioc.CreateOptions{Release: storage.Name(o.release), Properties: properties, Thick: o.thick, NoFetch: o.noFetch}
	if o.template != "" {
		from, snapshot, _ := strings.Cut(o.template, "@")
		all.Source = storage.Origin{Dataset: storage.Jail(storage.Name(from)), Snapshot: storage.SnapshotName(snapshot)}
		all.Template = true
	}
	return all
}

func (c *call) create() *cobra.Command {
	var o createOptions
	var foreign foreignOptions
	var count int
	cmd := c.command(&cobra.Command{
		Use:   "create [OPTIONS] JAIL [PROPERTY=VALUE...]",
		Short: "make a jail from a release or a template",
		Long: `Makes a jail. Without --release it is made from the release that is built into ioc, so that nothing
has to be downloaded; a release that can be fetched by its name is fetched if it is missing. Of a release with
patch levels the newest is taken; RELEASE-p2 is one of them, and RELEASE-p0 the first. With --template
it has the files and properties of another jail that is a template; --release and ioc clone do not ask for that.

With --count several are made that are alike, as one operation: JAIL-1, JAIL-2 and so on. If one cannot be
made, none is.

A jail that exists and was made in the same way is left as it is.`,
		Example: `ioc create web
ioc create web --release mydebian host_hostname=www memoryuse=512M
ioc create --count 3 worker tags=pool
ioc create --template golden web`,
		Args: atLeast(1, "JAIL"),
	}, func(cmd *cobra.Command, args []string) error {
		if err := errors.Join(foreign.refuse(), o.check(cmd)); err != nil {
			return err
		}
		if strings.Contains(args[0], "=") {
			return misuse(cmd, "the jail comes first, and %s is a property", quote(args[0]))
		}
		properties, err := pairs(cmd, args[1:])
		if err != nil {
			return err
		}
		names, err := numbered(cmd, args[0], count)
		if err != nil {
			return err
		}
		host, err := c.open()
		if err != nil {
			return err
		}
		_, err = watch(c, host.JailsGenerator(names...).Create(o.options(properties)))
		return err
	})
	o.addFlags(cmd, true)
	cmd.Flags().BoolVar(&o.noFetch, "no-fetch", false, "fail if the release is missing")
	foreign.addFlags(cmd)
	cmd.Flags().IntVarP(&count, "count", "c", 1, "make `N` jails, called JAIL-1 to JAIL-N")
	return cmd
}

// foreignOptions are those of libioc's create that have no effect here. Help does not list them.
type foreignOptions struct{ empty, base, noBase bool }

func (o *foreignOptions) addFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.BoolVarP(&o.empty, "empty", "e", false, "")
	flags.BoolVarP(&o.base, "basejail", "b", false, "")
	flags.BoolVar(&o.noBase, "no-basejail", false, "") // what jails are anyway
	for _, name := range []string{"empty", "basejail", "no-basejail"} {
		flags.Lookup(name).Hidden = true
	}
}

// refuse names what does instead.
func (o *foreignOptions) refuse() error {
	switch {
	case o.empty:
		return fault.New("create", fault.NotSupported, "--empty", errors.New("in a jail without files nothing could run")).
			WithRemedy("make a release of the files that it is to have, ioc fetch --from-tar FILE RELEASE, then ioc create --release RELEASE JAIL")
	case o.base:
		return fault.New("create", fault.NotSupported, "--basejail", errors.New("a jail keeps the base system that it was made with, and shares its files with the release without being a basejail")).
			WithRemedy("leave the option out")
	}
	return nil
}

// numbered are the names of the jails that --count asks for; without it it is the one.
func numbered(cmd *cobra.Command, base string, count int) ([]string, error) {
	if !cmd.Flags().Changed("count") {
		return []string{base}, nil
	}
	all, err := jail.Numbered(jail.Name(base), count)
	names := make([]string, 0, len(all))
	for _, n := range all {
		names = append(names, string(n))
	}
	return names, err
}
