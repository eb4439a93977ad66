package cli

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/libioc/ioc"
	"github.com/libioc/ioc/history"
	"github.com/libioc/ioc/internal/view/svg"
)

// past is what a call of ioc events asks for.
type past struct {
	g      grid
	follow bool
	svg    bool
	since  string
	filter ioc.HistoryFilter
}

func (c *call) eventsCommand() *cobra.Command {
	var p past
	cmd := c.command(&cobra.Command{
		Use:   "events [OPTIONS] [ID]",
		Short: "list, replay and follow operations",
		Long: `Lists the operations that were run on this host, whoever ran them, the newest last. With an ID, which may be
the beginning of one, or the word last, it shows that operation again: as a tree, or as --events says.
The newest thousand are kept, fewer if they are long. What was so already, and what only looks, is not kept.

Outcomes are running; done; failed and cancelled, which left all as it was; residue, which left something
behind; crashed, whose process was killed; recovered, which crashed and was taken back or completed since;
skipped, where nothing was to be done beside what is shown.

--follow shows what any process does on this host now, a line for each step that ends, or the operation
named as a tree, until Ctrl-C. With --events ndjson each line then names its run, since those of several runs
are mixed; docs/events.md describes them.

Columns are ` + strings.Join(pastColumns(), ", ") + `.`,
		Example: `ioc events
ioc events last
ioc events --failed --since 2d
ioc events --jail web -o id,started,what,outcome --format json
ioc events --follow
ioc events 01JDA7Q0 --events ndjson
ioc events last --svg >start.svg`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			return operands("ID")(cmd, args)
		},
	}, func(cmd *cobra.Command, args []string) error {
		if err := p.check(cmd, c, args); err != nil {
			return err
		}
		host, err := c.open()
		if err != nil {
			return err
		}
		if len(args) == 0 {
			if p.follow {
				return c.followAll(host, p.filter)
			}
			return c.listPast(host, &p)
		}
		o, err := host.Operation(args[0])
		switch {
		case err != nil:
			return err
		case p.svg:
			return c.draw(host, &o)
		case p.follow:
			return c.followOne(host, &o)
		}
		return c.replay(host, &o)
	})
	flags := cmd.Flags()
	flags.BoolVarP(&p.follow, "follow", "f", false, "show what is running, and what begins, until Ctrl-C")
	flags.StringVar(&p.since, "since", "", "only what began at this `TIME` or later: 90m or 2d ago, 2026-11-28, or 2026-11-28T09:30")
	flags.StringVarP(&p.filter.Jail, "jail", "j", "", "only what is about this `JAIL`")
	flags.BoolVar(&p.filter.Failed, "failed", false, "only what did not come to its goal")
	flags.BoolVar(&p.svg, "svg", false, "draw the operation's timeline on standard output, as SVG")
	p.g.addFlagsWith(cmd, "")
	return cmd
}

// check refuses what makes no sense together.
func (p *past) check(cmd *cobra.Command, c *call, args []string) error {
	one := len(args) > 0
	if err := p.g.check(cmd); err != nil {
		return err
	}
	for _, name := range []string{"since", "failed", "output", "sort", "format", "scripted"} {
		if (one || p.follow) && cmd.Flags().Changed(name) {
			return misuse(cmd, "--%s is for the list of operations", name)
		}
	}
	switch {
	case one && p.filter.Jail != "":
		return misuse(cmd, "--jail chooses operations, and %s is one already", quote(args[0]))
	case p.svg && !one:
		return misuse(cmd, "--svg draws one operation: which?")
	case p.svg && p.follow:
		return misuse(cmd, "--svg and --follow contradict each other")
	case p.svg && c.events != "" && c.events != modeNone:
		return misuse(cmd, "--svg and --events contradict each other")
	case !one && !p.follow && c.events != "" && c.events != modeNone:
		return misuse(cmd, "--events %s shows one operation, or follows all: name one, or add --follow", c.events)
	case p.since == "":
		return nil
	}
	var err error
	if p.filter.Since, err = since(p.since, time.Now()); err != nil {
		return misuse(cmd, "--since: %v", err)
	}
	return nil
}

func (c *call) listPast(host *ioc.Host, p *past) error {
	g := &p.g
	usual := []string{"id", "started", "user", "what", "took", "outcome", "note"}
	switch {
	case c.quiet && g.plain(): // ids, and nothing else
		usual, g.script = []string{"id"}, true
	case g.format == "json" || g.format == "yaml":
		usual = []string{
			"id", "started", "took", "outcome", "type", "key", "what", "user", "uid", "pid", "command", "host", "error", "recovery", "note",
		}
	}
	if err := g.chooseOf(usual, pastColumns()); err != nil {
		return err
	}
	var all []history.Operation
	var unread strings.Builder
	for o, err := range host.History(p.filter) {
		switch {
		case err != nil && o.Run.ID.IsZero():
			return err
		case err != nil:
			fmt.Fprintf(&unread, "ioc: operation %s cannot be read: %s\n", o.Run.ID, oneLine(err.Error()))
		default:
			all = append(all, o)
		}
	}
	r := newChronicler(time.Now())
	if !g.script && g.format == "table" {
		r.id = enough(all)
	}
	fill(g, all, r.column)
	if len(all) > 0 || g.format != "table" {
		c.printGrid(g)
	}
	c.say(unread.String())
	return nil
}

// draw prints the timeline.
func (c *call) draw(host *ioc.Host, o *history.Operation) error {
	t, err := tree(host, o)
	if err != nil {
		return err
	}
	var b strings.Builder
	err = svg.Write(&b, t, svg.About{
		Title:   o.What(),
		Text:    []string{newChronicler(time.Now()).story(o), o.Run.ID.String()},
		Outcome: ending(o),
		Failed:  o.Outcome.Failure(),
	})
	c.print(b.String())
	return err
}
