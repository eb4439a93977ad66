package jail

import (
	"errors"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/storage"
)

// lanes is how many jails of one operation are at work at once.
const lanes = 8

// SeveralOptions say how one operation goes about several jails.
type SeveralOptions struct {
	// Ignore lets every jail count for itself: one that fails does not stop the others, what was done to
	// them stays, and the operation fails in the end. Without it the operation is one: if a jail fails, what
	// was done to the others is taken back, as far as what was done can be.
	Ignore bool
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
	ignore bool

	// final: what was done to one jail cannot be taken back, or must not be. Then a failure lets the others that
	// have begun go to their end, and no other begin.
	final bool

	width int                       // at most so many at once; 0: lanes
	first func(s events.Step) error // done before all else when the locks are held; may be nil

	// waves puts the names into the order in which they are worked on: all of one wave at once, and one
	// wave after the other. Nil: all at once.
	waves func(s events.Step) ([][]Name, error)

	each func(g *events.Group, t *tally, n Name) // adds the one jail's operation
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
		waves := [][]Name{x.names}
		if x.waves != nil {
			if waves, err = x.waves(s); err != nil {
				return none, err
			}
		}
		return none, x.work(s, waves)
	})
}

func (x *several) work(s events.Step, waves [][]Name) error {
	t := tally{ignore: x.ignore, final: x.final}
	opts := []events.GroupOption{events.Limit(lanes)}
	if x.width > 0 {
		opts[0] = events.Limit(x.width)
	}
	if x.ignore || x.final {
		opts = append(opts, events.Settle())
	}
	var all []error
	for _, wave := range waves {
		err := s.Group(func(g *events.Group) {
			for _, n := range wave {
				x.each(g, &t, n)
			}
		}, opts...)
		if all = append(all, err); err != nil && !x.ignore || s.Context().Err() != nil {
			break
		}
	}
	err := errors.Join(all...)
	if err == nil && t.done.Load() == 0 {
		err = events.Skip("all of it is so")
	}
	return err
}

// tally is how the jails of one operation fare.
type tally struct {
	ignore, final bool
	done          atomic.Int64 // to which something was done
	failed        atomic.Bool
}

// add lets op be one lane.
func add[T any](g *events.Group, t *tally, op events.Op[T]) {
	events.Go(g, op.After(t.begin), func(s events.Step, _ T, err error) error { return t.end(s, err) })
}

// begin skips a jail that is not to be begun any more.
func (t *tally) begin(events.Step) error {
	if t.final && !t.ignore && t.failed.Load() {
		return events.Skip("left as it is, because another one failed")
	}
	return nil
}

// end makes final what is to stay.
func (t *tally) end(s events.Step, err error) error {
	if _, skip := errors.AsType[*events.SkipError](err); skip {
		return err
	}
	if err != nil {
		t.failed.Store(true)
		return err
	}
	t.done.Add(1)
	if t.ignore || t.final {
		return s.Seal()
	}
	return nil
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
