package cli

import (
	"errors"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/libioc/ioc"
	"github.com/libioc/ioc/config"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/jail"
)

// getOptions say what of whom is shown.
type getOptions struct {
	grid
	all, recursive, help, history bool
	at                            int
}

func (c *call) get() *cobra.Command {
	var o getOptions
	cmd := c.command(&cobra.Command{
		Use:   "get [OPTIONS] [PROPERTY...] JAIL...|defaults",
		Short: "show properties of jails",
		Long: `Shows what holds for a jail: of one property the value alone, of several NAME=VALUE as set takes it,
and without any the whole configuration. What the jail does not say is said by the host's defaults, and what
they do not say is built in: -a and -f json tell which. "defaults" instead of a jail shows the defaults. What is known of a
jail and cannot be set, as its state, can be asked for like a property.

` + selectorHelp,
		Example: `ioc get memoryuse web
ioc get -a web
ioc get -r memoryuse state
ioc get -f json notes tags=mail
ioc get --history web
ioc get --help-properties`,
		Args: cobra.ArbitraryArgs,
	}, func(cmd *cobra.Command, args []string) error {
		if err := o.check(cmd); err != nil {
			return err
		}
		var err error
		switch {
		case o.help:
			err = c.helpProperties(cmd, &o, args)
		case o.history:
			err = c.listVersions(cmd, &o, args)
		default:
			err = c.getProperties(cmd, &o, args)
		}
		return err
	})
	flags := cmd.Flags()
	flags.BoolVarP(&o.all, "all", "a", false, "all properties, and where their values come from")
	flags.BoolVarP(&o.recursive, "recursive", "r", false, "of all jails: the arguments are properties")
	flags.IntVar(&o.at, "at", 0, "what was said in version `N` of the jail's configuration")
	flags.BoolVar(&o.history, "history", false, "list the versions of the jail's configuration, and what changed")
	flags.BoolVar(&o.help, "help-properties", false, "explain all properties")
	o.grid.addFlags(cmd)
	return cmd
}

// source is whose properties are shown: a jail's, or the host's defaults.
type source struct {
	name string
	data *config.Data // its own
	get  func(property string) (value, from string)
}

func (c *call) getProperties(cmd *cobra.Command, o *getOptions, args []string) error {
	host, err := c.ask()
	if err != nil {
		return err
	}
	names, terms, err := c.operands(cmd, host, args, o.recursive)
	if err != nil {
		return err
	}
	from, err := c.sources(cmd, host, o, terms)
	if err != nil {
		return err
	}
	for _, n := range names {
		if err := known(n, from); err != nil {
			return err
		}
	}
	if o.at == 0 {
		if err := c.askZFS(host, from, names); err != nil {
			return err
		}
	}
	single := len(from) == 1 && !o.recursive
	if single && o.plain() && !o.all && o.sortBy == "" {
		c.print(plainProperties(&from[0], names))
		return nil
	}
	usual := []string{"jail", "property", "value"}
	if single && o.format == "table" {
		usual = usual[1:]
	}
	if o.all || o.format == "json" || o.format == "yaml" {
		usual = append(usual, "from")
	}
	columns := []string{"from", "jail", "property", "value"}
	if err := o.chooseOf(usual, columns); err != nil {
		return err
	}
	type line struct{ jail, property, value, from string }
	var lines []line
	for _, s := range from {
		for _, n := range orAll(names, func() []string { return s.properties(o.all) }) {
			v, where := s.get(n)
			lines = append(lines, line{s.name, n, v, where})
		}
	}
	fill(&o.grid, lines, func(l line, column string) cell {
		switch column {
		case "jail":
			return words(l.jail)
		case "property":
			return words(l.property)
		case "from":
			return words(l.from)
		default:
			return property(l.property, l.value)
		}
	})
	c.print(o.String())
	return nil
}

// askZFS lets properties of ZFS that were named be what ZFS says: also what a jail inherits, and what somebody has set with zfs.
func (c *call) askZFS(host *ioc.Host, from []source, names []string) error {
	names = slices.DeleteFunc(slices.Clone(names), func(n string) bool { return !strings.HasPrefix(n, "zfs.") })
	if len(names) == 0 {
		return nil
	}
	for i := range from {
		s := &from[i]
		if s.name == config.DefaultsName {
			continue
		}
		found, err := host.JailGenerator(s.name).Tuned(c.ctx, names...)
		if err != nil {
			return fault.New("get", fault.Unknown, s.name, err)
		}
		configured := s.get
		s.get = func(n string) (string, string) {
			if t, ok := found[n]; ok {
				return t.Value, t.Source
			}
			return configured(n)
		}
	}
	return nil
}

// orAll is what was asked for, else all there is.
func orAll(names []string, all func() []string) []string {
	if len(names) > 0 {
		return names
	}
	return all()
}

// plainProperties are a jail's as set takes them; of one that was asked for the value alone.
func plainProperties(s *source, names []string) string {
	if len(names) == 1 {
		v, _ := s.get(names[0])
		return none(v) + "\n"
	}
	var b strings.Builder
	for _, n := range orAll(names, func() []string { return s.properties(s.name != config.DefaultsName) }) {
		v, _ := s.get(n)
		b.WriteString(n + "=" + none(v) + "\n")
	}
	return b.String()
}

func none(v string) string {
	if v == "" {
		return config.None
	}
	return v
}

// properties are those that have an effect and whatever is configured, or only the latter.
func (s *source) properties(all bool) []string {
	names := s.data.Keys()
	if all {
		for _, p := range config.Properties() {
			names = append(names, p.Name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// observed is where an attribute comes from: nobody has set it.
const observed = "observed"

// known refuses what is neither a property nor an attribute nor configured anyhow.
func known(name string, from []source) error {
	_, err := jail.Kind(name)
	for _, s := range from {
		if _, ok := s.data.Get(name); ok {
			return nil
		}
	}
	return err
}

// sources are the jails that terms choose, or the defaults.
func (c *call) sources(cmd *cobra.Command, host *ioc.Host, o *getOptions, terms []string) ([]source, error) {
	if slices.Equal(terms, []string{config.DefaultsName}) {
		d, err := host.Defaults(c.ctx)
		return []source{{config.DefaultsName, d, func(n string) (string, string) {
			p, ok := config.Lookup(n)
			if !ok {
				p.Name = n
			}
			v, from := config.Resolve(p, nil, d)
			return v, from.String()
		}}}, err
	}
	chosen, err := host.Select(c.ctx, terms)
	if err != nil {
		return nil, fault.New("get", fault.Unknown, "", err)
	}
	if o.at != 0 {
		if len(chosen) != 1 {
			return nil, misuse(cmd, "--at is about one jail")
		}
		v, err := c.configAt(host, string(chosen[0].Name), o.at)
		if err != nil {
			return nil, err
		}
		chosen[0].Config = v
	}
	all := make([]source, 0, len(chosen))
	for n := range chosen {
		i := &chosen[n]
		all = append(all, source{string(i.Name), i.Config, func(n string) (string, string) {
			if jail.IsAttribute(n) {
				return i.Value(n), observed
			}
			v, from := i.Property(n)
			return v, from.String()
		}})
	}
	return all, nil
}

// operands tells properties from jails: the last argument is a jail, and those before it are as far as they
// look like one or are the name of one.
func (c *call) operands(cmd *cobra.Command, host *ioc.Host, args []string, recursive bool) (names, terms []string, err error) {
	for n, a := range args {
		_, err := jail.Kind(a)
		isProperty := err == nil
		switch {
		case isTerm(a), !recursive && n == len(args)-1 && (!isProperty || c.isJail(host, a)):
			terms = append(terms, a)
		case !recursive && n == len(args)-1 && n == 0:
			return nil, nil, misuse(cmd, "JAIL is missing")
		case !recursive && n == len(args)-1:
			return nil, nil, misuse(cmd, "the jail comes last")
		case !isProperty && !recursive && c.isJail(host, a):
			terms = append(terms, a)
		default:
			names = append(names, a)
		}
	}
	if len(args) == 0 && !recursive {
		return nil, nil, misuse(cmd, "JAIL is missing")
	}
	return names, terms, nil
}

// isTerm tells what is a selector and nothing else.
func isTerm(arg string) bool { return arg == "ALL" || strings.ContainsAny(arg, `=<>!*+,/\`) }

func (c *call) isJail(host *ioc.Host, name string) bool {
	_, err := host.JailGenerator(name).Info(c.ctx)
	return err == nil
}

// configAt is an earlier configuration of a jail.
func (c *call) configAt(host *ioc.Host, name string, number int) (*config.Data, error) {
	all, err := host.JailGenerator(name).Versions(c.ctx)
	if err != nil {
		return nil, fault.New("get", fault.Unknown, name, err)
	}
	for _, v := range all {
		if v.Number == number {
			return v.Config, v.Broken
		}
	}
	return nil, fault.New("get", fault.NotFound, name, errors.New("there is no such version of its configuration")).
		WithRemedy("ioc get --history " + name + " lists them")
}

func (c *call) listVersions(cmd *cobra.Command, o *getOptions, args []string) error {
	if len(args) != 1 {
		return misuse(cmd, "--history is about one jail")
	}
	host, err := c.ask()
	if err != nil {
		return err
	}
	all, err := host.JailGenerator(args[0]).Versions(c.ctx)
	if err != nil {
		return fault.New("get", fault.Unknown, args[0], err)
	}
	columns := []string{"version", "since", "changes"}
	if err := o.chooseOf(columns, columns); err != nil {
		return err
	}
	fill(&o.grid, all, func(v jail.Version, column string) cell {
		switch column {
		case "version":
			return number(int64(v.Number))
		case "since":
			return moment(v.Since)
		}
		var b []string
		for _, ch := range v.Changes {
			b = append(b, ch.Property+": "+ch.From+" -> "+ch.To)
		}
		if v.Broken != nil {
			b = append(b, v.Broken.Error())
		}
		return words(strings.Join(b, "; "))
	})
	c.print(o.String())
	return nil
}

func (c *call) helpProperties(cmd *cobra.Command, o *getOptions, args []string) error {
	if len(args) > 0 {
		return misuse(cmd, "%s is one argument too many", quote(args[0]))
	}
	columns := []string{"property", "type", "default", "effect", "linux", "freebsd", "meaning", "topic", "unit", "lack"}
	if err := o.chooseOf(columns[:7], columns); err != nil {
		return err
	}
	fill(&o.grid, config.Known(), func(p config.Property, column string) cell {
		return words(map[string]string{
			"property": p.Name, "type": p.Type.String(), "default": p.Default, "effect": p.When.String(), "unit": p.Unit,
			"linux": p.Linux.String(), "freebsd": p.FreeBSD.String(), "meaning": p.Help, "topic": p.Topic, "lack": p.Lack,
		}[column])
	})
	c.print(o.String())
	return nil
}
