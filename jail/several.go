package jail

import (
	"log/slog"
	"slices"
	"strconv"
	"strings"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/storage"
)

// lanes is how many jails of one operation are at work at once.
const lanes = 8

// SeveralOptions say how one operation goes about several jails.
type SeveralOptions struct {
	// Ignore lets every jail count for itself: one that fails, or that there is not, does not stop the others,
	// what was done to them stays, and the operation fails in the end.
	Ignore bool

	// Atomic lets a start be of all jails or of none. Without it a jail that cannot be started stops those
	// that depend on it, and nobody else. Other operations do not look at it.
	Atomic bool

	// Properties of the jails named that hold for this start instead of theirs. They are written nowhere, and what
	// reads a property later (exec, set, the next start) finds the jail's own. Other operations do not look at it.
	Properties map[string]string
}

// Several is the payload of one operation on several jails.
type Several struct {
	Verb  string // what is done to each: "start"
	Jails []Name
}

// EventType is jail.several.
func (*Several) EventType() string { return "jail.several" }

// EventKey is all their names.
func (p *Several) EventKey() string { return p.names(len(p.Jails)) }

// EventTitle names a few of them.
func (p *Several) EventTitle() string {
	const few = 6
	if len(p.Jails) <= few {
		return p.Verb + " " + p.names(few)
	}
	return p.Verb + " " + strconv.Itoa(len(p.Jails)) + " jails: " + p.names(few-1) + " ..."
}

func (p *Several) names(most int) string {
	var b strings.Builder
	for i, n := range p.Jails[:min(most, len(p.Jails))] {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(string(n))
	}
	return b.String()
}

// AppendAttrs lists the verb and the number.
func (p *Several) AppendAttrs(dst []slog.Attr) []slog.Attr {
	return append(dst,
		slog.String("verb", p.Verb),
		slog.Int("jails", len(p.Jails))) // how many
}

// several describes what is done to each of many jails.
type several struct {
	verb   string
	names  []Name
	shares []Want // what the operation needs beside the jails
	ignore bool   // each counts for itself

	// final: what was done to one jail cannot be taken back, or must not be. Then a failure lets the others that
	// have begun go to their end, and no other begin.
	final bool

	width int                       // at most so many at once; 0: lanes
	first func(s events.Step) error // done before all else when the locks are held; may be nil

	// order says which jails wait for which. Nil: all at once.
	order func(s events.Step) ([]*node, error)

	each func(g *events.Group, t *tally, n *node) // adds the one jail's operation
}

// operate makes one operation of all. A name that is given twice counts once.
func (k *Keeper) operate(x several) events.Op[struct{}] {
	x.names = distinct(x.names)
	return events.New(&Several{x.verb, x.names}, func(s events.Step) (none struct{}, err error) {
		if len(x.names) == 0 {
			return none, events.Skip("there are none")
		}
		wants := slices.Clone(x.shares)
		if !x.ignore { // else each takes its own, and one that is busy stops nobody
			for _, n := range x.names {
				wants = append(wants, Want{Dataset: storage.Jail(n)})
			}
		}
		if _, err := k.Enter(s, x.verb, wants...); err != nil {
			return none, err
		}
		if x.first != nil {
			if err := x.first(s); err != nil {
				return none, err
			}
		}
		nodes := wave(x.names)
		if x.order != nil {
			if nodes, err = x.order(s); err != nil {
				return none, err
			}
		}
		return none, x.work(s, nodes)
	})
}

func (x *several) work(s events.Step, nodes []*node) error {
	width := x.width
	if width == 0 {
		width = lanes
	}
	t := tally{ignore: x.ignore, final: x.final}
	var opts []events.GroupOption
	if slices.ContainsFunc(nodes, func(n *node) bool { return len(n.after) > 0 }) {
		t.turns = make(chan struct{}, width) // a lane that waits for another one must not take its place
	} else {
		opts = append(opts, events.Limit(width))
	}
	if x.ignore || x.final {
		opts = append(opts, events.Settle())
	}
	err := s.Group(func(g *events.Group) {
		for _, n := range nodes {
			x.each(g, &t, n)
		}
	}, opts...)
	if err == nil && t.worked.Load() == 0 {
		err = events.Skip("all of it is so")
	}
	return err
}

func distinct(names []Name) []Name {
	var all []Name
	seen := make(map[Name]bool, len(names))
	for _, n := range names {
		if !seen[n] {
			seen[n] = true
			all = append(all, n)
		}
	}
	return all
}
