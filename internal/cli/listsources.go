package cli

import (
	"errors"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"github.com/libioc/ioc"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/jail"
)

// root is one of several roots.
type root struct {
	label string // what it is called, or its file system where several are called so
	said  string // as --source takes it
	host  *ioc.Host
	err   error // why it cannot be asked
}

// severalRoots are those that a list is of: all that are named, or, for uid 0 that names none, those of the host. None: it is of
// one. They are asked for once.
func (c *call) severalRoots() []root {
	if c.roots == nil {
		all := c.findRoots()
		c.roots = &all
	}
	return *c.roots
}

func (c *call) findRoots() []root {
	var all []root
	switch {
	case c.rootDir != "", len(c.named) == 1, len(c.named) == 0 && (c.env.Getenv("IOC_ROOT") != "" || os.Geteuid() != 0):
		return nil
	case len(c.named) > 1:
		for _, said := range c.named {
			name, _, _ := strings.Cut(said, "=")
			all = append(all, root{label: name, said: said})
		}
	default:
		found, err := ioc.SourceNames(c.ctx)
		if err != nil || len(found) < 2 {
			return nil // whoever opens the one that is used says what is wrong
		}
		count := map[string]int{}
		for _, said := range found {
			name, _, _ := strings.Cut(said, "=")
			count[name]++
		}
		for _, said := range found {
			label, dataset, _ := strings.Cut(said, "=")
			if count[label] > 1 { // pools that are active
				label = dataset
			}
			all = append(all, root{label: label, said: said})
		}
	}
	return all
}

// narrowed are those roots that operands can be of: if all names among them are written SOURCE/NAME, no others.
func narrowed(all []root, terms []string) []root {
	var named []string
	for _, term := range terms {
		if strings.ContainsAny(term, "=<>!") {
			continue
		}
		name, rest, ok := strings.Cut(term, "/")
		if !ok || rest == "" {
			return all
		}
		named = append(named, name)
	}
	some := slices.DeleteFunc(slices.Clone(all), func(r root) bool {
		name, _, _ := strings.Cut(r.said, "=")
		return !slices.Contains(named, name)
	})
	if len(some) == 0 {
		return all
	}
	return some
}

// openAll opens roots at the same time: each that does not answer takes its time to be given up.
func (c *call) openAll(all []root) {
	var wait sync.WaitGroup
	for i := range all {
		wait.Go(func() {
			r := &all[i]
			r.host, r.err = ioc.Open(c.ctx, ioc.Options{Source: r.said, Existing: true, Command: c.words})
			if errors.Is(r.err, ioc.ErrNoRoot) {
				nothing := ioc.Memory()
				r.host, r.err = ioc.Open(c.ctx, ioc.Options{Backend: &nothing})
			}
		})
	}
	wait.Wait()
}

// jailOf is a jail with the root it is in.
type jailOf struct {
	jail.Info
	label string
	m     *measurer
}

// listSeveral lists the jails of several roots. One that cannot be asked keeps the others from nothing but success.
func (c *call) listSeveral(g *grid, all []root, o *listOptions) error {
	usual := o.usual(c, g)
	if slices.Equal(usual, []string{"name"}) {
		usual = []string{"source/name"}
	} else {
		usual = slices.Insert(usual, len(usual)-1, "source")
	}
	know := func(name string) bool { return name == "source/name" || isJailColumn(name) }
	if err := g.choose(usual, know, suggestedColumns()); err != nil {
		return err
	}
	all = narrowed(all, o.terms)
	c.openAll(all)
	var failed []error
	var hosts []*ioc.Host
	var asked []root
	fail := func(r root, err error) {
		if !strings.Contains(err.Error(), r.label) {
			err = fault.New("", fault.KindOf(err), "source "+r.label, err)
		}
		failed = append(failed, err)
	}
	for _, r := range all {
		if r.err != nil {
			fail(r, r.err)
			continue
		}
		hosts, asked = append(hosts, r.host), append(asked, r)
	}
	chosen, refused, err := ioc.SelectAmong(c.ctx, hosts, o.terms)
	if chosen == nil {
		return err
	}
	if err != nil {
		failed = append(failed, err)
	}
	var rows []jailOf
	for n, r := range asked {
		if refused[n] != nil {
			fail(r, refused[n])
			continue
		}
		m := c.measurer(r.host)
		for _, i := range o.filter(chosen[n]) {
			rows = append(rows, jailOf{i, r.label, m})
		}
	}
	fill(g, rows, func(j jailOf, column string) cell {
		switch column {
		case "source":
			return words(j.label)
		case "source/name":
			return words(j.label + "/" + string(j.Name))
		}
		return jailColumn(&j.Info, column, j.m)
	})
	if len(failed) == 1 {
		return failed[0]
	}
	return errors.Join(failed...)
}

// listOptions choose what is listed of jails.
type listOptions struct {
	terms           []string
	templates, long bool
}

// usual are the columns that nobody has asked for.
func (o *listOptions) usual(c *call, g *grid) []string {
	switch {
	case c.quiet && g.plain(): // names, and nothing else
		g.script = true
		return []string{"name"}
	case o.long || g.format == "json" || g.format == "yaml":
		return []string{"name", "state", "release", "origin", "created", "started", "pid", "address", "health_state", "boot", "priority", "template", "tags", "note"}
	}
	return []string{"name", "state", "release", "started", "note"}
}

// filter keeps what is wanted.
func (o *listOptions) filter(all []jail.Info) []jail.Info {
	if !o.templates {
		return all
	}
	return slices.DeleteFunc(all, func(i jail.Info) bool { return i.Value("template") != "yes" })
}

// ofSeveral reports whether a command is a list of jails of several roots, which takes SOURCE/NAME itself.
func (c *call) ofSeveral(cmd *cobra.Command) bool {
	return cmd.CommandPath() == "ioc list" && len(c.severalRoots()) > 0
}
