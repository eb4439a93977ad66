package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/libioc/ioc"
	"github.com/libioc/ioc/fault"
)

func (c *call) version() *cobra.Command {
	var verbose bool
	var f format
	cmd := c.command(&cobra.Command{
		Use:   "version [OPTIONS]",
		Short: "tell which ioc this is",
		Long: `Tells the version of ioc, the commit it was built from, the compiler and the platform. With --verbose it
also says what keeps files and runs jails here and what this host cannot do, each with the reason; for that it
looks at the root, and makes none.`,
		Example: `ioc version
ioc version --verbose --format json`,
		Args: operands(),
	}, func(*cobra.Command, []string) error {
		about := about{Version: ioc.Build()}
		if verbose {
			if err := about.look(c); err != nil {
				return err
			}
		}
		if f == formatJSON {
			return c.printJSON(about)
		}
		c.print(about.String())
		return nil
	})
	cmd.Flags().BoolVarP(&verbose, "verbose", "v", false, "also tell what this host can do")
	f.addFlag(cmd)
	return cmd
}

// about is what is told of a program and its host.
type about struct {
	ioc.Version
	Backend string            `json:"backend,omitempty"`
	Root    string            `json:"root,omitempty"`
	Storage string            `json:"storage,omitempty"`
	Can     []string          `json:"can,omitempty"`
	Cannot  map[string]string `json:"cannot,omitempty"` // with reasons
}

// look asks the host. Without a root there is less to tell, and nothing wrong.
func (a *about) look(c *call) error {
	c.existing = true
	host, err := c.open()
	if errors.Is(err, fault.NotFound) {
		a.Root = "none yet"
		return nil
	}
	if err != nil {
		return err
	}
	a.Backend, a.Root = host.Backend(), host.Root()
	f := host.Features(c.ctx)
	a.Storage = f.Storage.Why
	a.Cannot = maps.Clone(f.Sandbox.Why)
	for name, on := range switches(f.Sandbox) {
		if on {
			a.Can = append(a.Can, name)
		}
	}
	slices.Sort(a.Can)
	return nil
}

// switches are the fields of a struct that are true or false.
func switches(features any) map[string]bool {
	all := map[string]bool{}
	v := reflect.ValueOf(features)
	for i := range v.NumField() {
		if field := v.Field(i); field.Kind() == reflect.Bool {
			all[v.Type().Field(i).Name] = field.Bool()
		}
	}
	return all
}

// String is for people: one line, and with what the host can do some more.
func (a *about) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "ioc %s", a.Version.Version)
	if a.Commit != "" {
		fmt.Fprintf(&b, " (commit %.12s%s)", a.Commit, map[bool]string{true: ", modified"}[a.Modified])
	}
	fmt.Fprintf(&b, ", %s, %s/%s\n", a.Go, a.OS, a.Arch)
	row := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "  %-8s  %s\n", name, value)
		}
	}
	row("root", a.Root)
	row("backend", a.Backend)
	row("storage", a.Storage)
	row("can", strings.Join(a.Can, ", "))
	for _, name := range slices.Sorted(maps.Keys(a.Cannot)) {
		row("cannot", name+": "+a.Cannot[name])
	}
	return b.String()
}

// format is how a result is written.
type format string

const (
	formatText format = "text"
	formatJSON format = "json"
)

// Set, String and Type make it a flag.
func (f *format) Set(s string) error {
	if s != string(formatText) && s != string(formatJSON) {
		return errors.New("it is text or json")
	}
	*f = format(s)
	return nil
}

func (f *format) String() string { return string(*f) }

// Type is what help calls a value.
func (*format) Type() string { return "format" }

func (f *format) addFlag(cmd *cobra.Command) {
	cmd.Flags().Var(f, "format", "write the result as `FORMAT`: text or json")
}

// printJSON prints a value as one JSON document, indented.
func (c *call) printJSON(v any) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err == nil {
		c.print(string(text) + "\n")
	}
	return err
}
