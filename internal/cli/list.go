package cli

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/libioc/ioc"
	"github.com/libioc/ioc/config"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/jail"
	"github.com/libioc/ioc/release"
	"github.com/libioc/ioc/storage"
)

func (c *call) list() *cobra.Command {
	var g grid
	var releases, remote, templates, long, datasets, pools bool
	var offers ioc.OfferOptions
	cmd := c.command(&cobra.Command{
		Use:   "list [OPTIONS] [JAIL...]",
		Short: "list jails, releases, or where they can be",
		Long: `Lists the jails with their states: stopped; running; dead, which is a jail that ended without being
stopped; stopping, whose stop is not over; broken, which cannot be used as it is. The note says what is wrong and
what repairs it.

Columns are ` + strings.Join(jailColumns(), ", ") + `, and every property.
patch is the patch level of the release that a jail runs (ioc fetch --update), newer the newest one if it runs another.
used, referenced, available and snapshots take a look at all files, which takes its time; refer and avail are other names of two.
cpu, memory, processes and time are what a running jail uses, as ioc top shows it: cpu is in percent of one processor since the start.
Of several roots, those of several --source or, for uid 0 that names none, all that the host has (ioc list --datasets), it lists the jails of
all, with the column source; SOURCE/NAME is a jail of one. A root that does not answer is said, and makes the list fail when the others
are listed.
In JSON and YAML sizes are bytes, times are RFC 3339 in UTC, and what is not known is null; columns are
added at times, but none changes its meaning.

` + selectorHelp,
		Example: `ioc list
ioc list -H | cut -f 1,2
ioc list -o name,memoryuse,used -s -used
ioc list --format json state=running
ioc list --releases
ioc list --releases --remote alpine
ioc list --pools`,
		Args: cobra.ArbitraryArgs,
	}, func(cmd *cobra.Command, args []string) error {
		if err := g.check(cmd); err != nil {
			return err
		}
		if releases && (templates || long || len(args) > 0 && !remote) {
			return misuse(cmd, "--releases lists all releases")
		}
		if remote && !releases || offers.Mirror != "" && !remote {
			return misuse(cmd, "--remote belongs to --releases, and --mirror to --remote")
		}
		if datasets || pools {
			if datasets && pools || releases || templates || long || len(args) > 0 {
				return misuse(cmd, "--datasets and --pools list all there are, and nothing else")
			}
			what := c.listDatasets
			if pools {
				what = c.listPools
			}
			err := what(&g)
			if err == nil {
				c.printGrid(&g)
			}
			return err
		}
		jails := &listOptions{args, templates, long}
		if several := c.severalRoots(); !releases && len(several) > 0 {
			err := c.listSeveral(&g, several, jails)
			if g.rows != nil || err == nil { // some could be asked
				c.printGrid(&g)
			}
			return err
		}
		open := c.ask
		if remote { // what a server says is kept, as a download is
			open = c.open
		}
		host, err := open()
		if err != nil {
			return err
		}
		switch offers.Sources = args; {
		case remote:
			err = c.listOffers(host, &g, offers)
		case releases:
			err = c.listReleases(host, &g)
		default:
			err = c.listJails(host, &g, jails)
		}
		if err == nil {
			c.printGrid(&g)
		}
		return err
	})
	cmd.Flags().BoolVarP(&releases, "releases", "r", false, "list what jails can be made from")
	cmd.Flags().BoolVar(&remote, "remote", false, "with --releases: list what can be fetched from the network, from all sources or those that are named")
	cmd.Flags().StringVar(&offers.Mirror, "mirror", "", "with --remote: ask the server at this `URL`, which has what the source's own has")
	cmd.Flags().BoolVarP(&templates, "templates", "t", false, "only jails that are templates")
	cmd.Flags().BoolVarP(&long, "long", "l", false, "show more columns")
	cmd.Flags().BoolVar(&datasets, "datasets", false, "list the ZFS file systems that jails are kept in, the one that is used first")
	cmd.Flags().BoolVar(&pools, "pools", false, "list the ZFS pools, and which are active")
	g.addFlags(cmd)
	return cmd
}

func (c *call) listJails(host *ioc.Host, g *grid, o *listOptions) error {
	if err := g.choose(o.usual(c, g), isJailColumn, suggestedColumns()); err != nil {
		return err
	}
	all, err := host.Select(c.ctx, o.terms)
	if err != nil {
		return err
	}
	m := c.measurer(host)
	fill(g, o.filter(all), func(i jail.Info, column string) cell { return jailColumn(&i, column, m) })
	return nil
}

// jailColumns lists what is known of a jail beside its properties.
func jailColumns() []string {
	return []string{
		"address", "avail", "available", "cpu", "created", "dir", "health_state", "memory", "name", "newer", "note", "origin", "patch", "pid",
		"processes", "reason", "refer", "referenced", "remedy", "running", "snapshots", "source", "started", "state", "time", "used",
	}
}

func suggestedColumns() []string {
	all := jailColumns()
	for _, p := range config.Properties() {
		all = append(all, p.Name)
	}
	return all
}

// isJailColumn takes every name that can be in a configuration, also of another system's jail.
func isJailColumn(name string) bool {
	if slices.Contains(jailColumns(), name) {
		return true
	}
	_, err := config.Find(name)
	return err == nil || errors.Is(err, fault.NotSupported)
}

// jailColumn is the value of one column.
func jailColumn(i *jail.Info, column string, m *measurer) cell {
	switch column {
	case "name":
		return words(string(i.Name))
	case "state":
		return words(string(i.State))
	case "running":
		return yesNo(i.State == jail.Running)
	case "release":
		return words(string(i.Release))
	case "patch":
		if i.Release == "" {
			return cell{}
		}
		_, level := release.Patch(i.Release)
		return number(int64(level))
	case "newer":
		return m.newer(string(i.Release))
	case "origin":
		return words(i.Origin.String())
	case "created":
		return moment(i.Created)
	case "started":
		return moment(i.Started)
	case "address", "health_state", "source":
		return words(i.Value(column))
	case "pid":
		if i.Sandbox.PID == 0 {
			return cell{}
		}
		return number(int64(i.Sandbox.PID))
	case "reason":
		return words(i.Reason)
	case "remedy":
		return words(i.Remedy)
	case "note":
		return words(note(i))
	case "dir":
		return words(i.Dir)
	case "cpu", "memory", "processes", "time":
		return m.now(i).column(column)
	case "used", "referenced", "refer", "available", "avail", "snapshots":
		return m.column(i.Name, column)
	}
	return property(column, i.Value(column))
}

// measurer takes a look at the files of jails, of each once.
type measurer struct {
	c    *call
	host *ioc.Host
	seen map[jail.Name]*storage.Usage // nil: it could not be measured
	all  map[jail.Name]storage.Surveyed
	last map[string]string    // the newest patch level of a release
	uses map[jail.Name]sample // of those that run
}

func (c *call) measurer(host *ioc.Host) *measurer {
	return &measurer{c: c, host: host, last: map[string]string{}, uses: map[jail.Name]sample{}}
}

// newer is the newest patch level of a release, if that is another one.
func (m *measurer) newer(name string) cell {
	if name == "" {
		return cell{}
	}
	last, ok := m.last[name]
	if !ok {
		if last, _ = m.host.NewestRelease(m.c.ctx, name); last == name {
			last = ""
		}
		m.last[name] = last
	}
	return words(last)
}

// now is what a jail uses at the moment, if it runs: it is asked once.
func (m *measurer) now(i *jail.Info) sample {
	if s, ok := m.uses[i.Name]; ok {
		return s
	}
	s := sample{Info: *i, percent: -1}
	s.CPU, s.Memory, s.Processes = -1, -1, -1
	if i.State == jail.Running {
		if u, err := m.host.JailGenerator(string(i.Name)).Measure(m.c.ctx); err == nil {
			s.Usage, s.at = u, time.Now()
			s = s.after(sample{at: s.Started})
		}
	}
	m.uses[i.Name] = s
	return s
}

// column gives one column; of a broken jail it is not known.
func (m *measurer) column(name jail.Name, column string) cell {
	if m.seen == nil {
		m.seen = map[jail.Name]*storage.Usage{}
		m.all, _ = m.host.Survey(m.c.ctx) // else one after the other
	}
	j := m.host.JailGenerator(string(name))
	s, surveyed := m.all[name]
	if surveyed {
		m.seen[name] = &s.Usage
	}
	if column == "snapshots" && surveyed {
		return number(int64(s.Snapshots))
	}
	if column == "snapshots" {
		all, err := j.Snapshots(m.c.ctx)
		if err != nil {
			return cell{}
		}
		return number(int64(len(all)))
	}
	u, ok := m.seen[name]
	if !ok {
		if found, err := j.Usage(m.c.ctx); err == nil {
			u = &found
		}
		m.seen[name] = u
	}
	switch {
	case u == nil:
		return cell{}
	case column == "used":
		return octets(u.Used)
	case column == "referenced", column == "refer":
		return octets(u.Referenced)
	}
	return octets(u.Available)
}

// note is what is wrong with a jail and what repairs it.
func note(i *jail.Info) string {
	if i.Reason != "" && i.Remedy != "" {
		return i.Reason + "; " + i.Remedy
	}
	return i.Reason
}
