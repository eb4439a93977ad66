package jail

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
)

// node is a jail of an operation on several, in a lane of its own, and what that waits for. It is of one run.
type node struct {
	name  Name
	after []*node // come to their end before it begins
	needs []*node // among after: if one of them fails it does not begin
	users []*node // who needs it
	extra bool    // it was not asked for: it is there for its users
	wrong error   // why it does not begin at all

	turn bool // it has taken one
	last bool // the last that its rollback does is to say that it is settled

	ended   chan struct{} // closed when what is done to it is done; then ok says whether users may go on
	ok      bool
	wanted  chan struct{} // closed when a user stays
	want    sync.Once
	settled chan struct{} // closed when it stays, as stays says then, or is undone
	stays   bool
	settle  sync.Once
}

func newNode(n Name) *node {
	return &node{name: n, ended: make(chan struct{}), wanted: make(chan struct{}), settled: make(chan struct{})}
}

// wave are jails that wait for nobody.
func wave(names []Name) []*node {
	all := make([]*node, 0, len(names))
	for _, n := range names {
		all = append(all, newNode(n))
	}
	return all
}

// waves lets all of one wave wait for all of the one before.
func waves(all [][]Name) (nodes []*node) {
	var before []*node
	for _, names := range all {
		now := wave(names)
		for _, n := range now {
			n.after = before
		}
		nodes, before = append(nodes, now...), now
	}
	return nodes
}

// need lets n wait for another one that it cannot be without.
func (n *node) need(other *node) {
	n.after, n.needs = append(n.after, other), append(n.needs, other)
	other.users = append(other.users, n)
}

// Await is the payload of waiting for other jails of the same operation.
type Await struct {
	Subject
	For []Name // the jails that come before it
}

// EventType is jail.await.
func (*Await) EventType() string { return "jail.await" }

// EventTitle says for whom.
func (p *Await) EventTitle() string { return "wait for " + nameList(p.For) }

// AppendAttrs lists the jails.
func (p *Await) AppendAttrs(dst []slog.Attr) []slog.Attr {
	return append(dst, slog.String("for", nameList(p.For)))
}

func nameList(all []Name) string {
	words := make([]string, len(all))
	for i, n := range all {
		words[i] = string(n)
	}
	return strings.Join(words, " ")
}

// tally is how the jails of one operation fare.
type tally struct {
	ignore, final bool
	turns         chan struct{} // nil: the group counts
	worked        atomic.Int64  // how many something was done to
	failed        atomic.Bool
}

// add lets op be n's lane.
func add[T any](g *events.Group, t *tally, n *node, op events.Op[T]) {
	begin := func(s events.Step) error { return t.begin(s, n) }
	events.Go(g, op.After(begin), func(s events.Step, _ T, err error) error { return t.end(s, n, err) })
}

// begin waits for those that come before n, and refuses or skips one that is not to be begun.
func (t *tally) begin(s events.Step, n *node) error {
	if err := n.await(s); err != nil {
		return err
	}
	switch lacks := n.lacks(); {
	case n.wrong != nil:
		return n.wrong
	case t.final && !t.ignore && t.failed.Load():
		return events.Skip("left as it is, because another one failed")
	case len(lacks) > 0:
		return fault.New("start", fault.Unavailable, string(n.name), errors.New("it depends on "+nameList(lacks)+", which could not be started"))
	}
	if t.turns != nil {
		select {
		case t.turns <- struct{}{}:
			n.turn = true
		case <-s.Context().Done():
			return context.Cause(s.Context())
		}
	}
	if slices.ContainsFunc(n.needs, func(need *node) bool { return need.extra }) {
		// What is there for n only is undone when n is, and not at the same time.
		n.last = true
		s.OnRollback("let go of what "+string(n.name)+" depends on", func(events.Step) error {
			n.isSettled()
			return nil
		})
	}
	return nil
}

func (n *node) isSettled() { n.settle.Do(func() { close(n.settled) }) }

// await returns when all that n waits for have come to their end.
func (n *node) await(s events.Step) error {
	p := &Await{Subject: Subject{n.name}}
	for _, other := range n.after {
		if !closed(other.ended) {
			p.For = append(p.For, other.name)
		}
	}
	if len(p.For) == 0 {
		return nil
	}
	return s.Do(p, func(s events.Step) error {
		for _, other := range n.after {
			select {
			case <-other.ended:
			case <-s.Context().Done():
				return context.Cause(s.Context())
			}
		}
		return nil
	})
}

// lacks lists what n needs and does not have. All of it has come to its end.
func (n *node) lacks() (all []Name) {
	for _, need := range n.needs {
		if !need.ok {
			all = append(all, need.name)
		}
	}
	return all
}

// end says to those who wait how it went, and makes final what is to stay.
func (t *tally) end(s events.Step, n *node, err error) error {
	if n.turn {
		<-t.turns
	}
	_, skip := errors.AsType[*events.SkipError](err)
	n.ok = err == nil || skip
	close(n.ended)
	defer func() {
		if n.stays || !n.last {
			n.isSettled()
		}
	}()
	switch {
	case !n.ok:
		t.failed.Store(true)
		return err
	case skip:
		n.stays = true
		n.wantAll()
		return err
	case t.ignore && !t.final:
		if err := n.keep(s); err != nil {
			return err
		}
	}
	t.worked.Add(1)
	if t.ignore || t.final {
		if err := s.Seal(); err != nil {
			return err
		}
	}
	n.stays = true
	return nil
}

// keep returns when n can stay: when what it needs stays, too. One that was not asked for stays if one does who
// needs it, and is undone otherwise.
func (n *node) keep(s events.Step) error {
	if n.extra && !n.isWanted(s.Context()) {
		if s.Context().Err() != nil {
			return context.Cause(s.Context())
		}
		return events.Skip("nobody who depends on it could be started")
	}
	n.wantAll()
	for _, need := range n.needs {
		select {
		case <-need.settled:
		case <-s.Context().Done():
			return context.Cause(s.Context())
		}
		if !need.stays {
			return fault.New("", fault.Unavailable, string(n.name), errors.New("it depends on "+string(need.name)+", and that does not stay"))
		}
	}
	return nil
}

func (n *node) wantAll() {
	for _, need := range n.needs {
		need.want.Do(func() { close(need.wanted) })
	}
}

// isWanted waits until somebody wants n to stay, or nobody can any more.
func (n *node) isWanted(ctx context.Context) bool {
	for _, user := range n.users {
		select {
		case <-n.wanted:
			return true
		case <-user.settled:
		case <-ctx.Done():
			return false
		}
	}
	return closed(n.wanted)
}

func closed(c chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
