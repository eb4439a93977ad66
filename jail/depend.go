package jail

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/internal/graph"
	"github.com/libioc/ioc/selector"
)

// CycleError is about jails that depend on each other in a circle.
type CycleError struct {
	Jails []Name // each depends on the next one, and the last on the first
}

// Error reads "db -> cache -> db: they depend on each other".
func (e *CycleError) Error() string {
	way := make([]string, 0, len(e.Jails)+1)
	for _, n := range append(slices.Clone(e.Jails), e.Jails[0]) {
		way = append(way, string(n))
	}
	if len(e.Jails) == 1 {
		return strings.Join(way, " -> ") + ": it depends on itself"
	}
	return strings.Join(way, " -> ") + ": they depend on each other"
}

// FaultKind is invalid.
func (*CycleError) FaultKind() fault.Kind { return fault.Invalid }

// circular introduces a cycle with what breaks it.
func circular(op string, cycle []Name) error {
	return fault.New(op, fault.Invalid, "", &CycleError{cycle}).
		WithRemedy("take one of them out of another's property depends")
}

// Dependencies is the payload of the start of jails that another one depends on.
type Dependencies struct {
	Subject
	On []Name // those that are not running
}

// EventType is jail.dependencies.
func (*Dependencies) EventType() string { return "jail.dependencies" }

// EventTitle says which.
func (p *Dependencies) EventTitle() string {
	return "start what " + string(p.Jail) + " depends on: " + nameList(p.On)
}

// AppendAttrs lists them.
func (p *Dependencies) AppendAttrs(dst []slog.Attr) []slog.Attr {
	return append(dst, slog.String("on", nameList(p.On)))
}

// dependencies starts the jails that i depends on and that do not run. They stay if what s is part of does.
func (k *Keeper) dependencies(s events.Step, i *Info) error {
	if i.value(depends) == "" {
		return nil
	}
	v := k.survey()
	v.seen[i.Name] = seen{info: i}
	nodes, err := v.order(s.Context(), ordering{names: []Name{i.Name}, again: true})
	if err != nil {
		return err
	}
	p := &Dependencies{Subject: Subject{i.Name}}
	var others []*node
	for _, n := range nodes {
		switch {
		case n.name != i.Name:
			p.On = append(p.On, n.name)
			others = append(others, n)
		case n.wrong != nil:
			return n.wrong
		}
	}
	if len(others) == 0 {
		return nil
	}
	return s.Do(p, func(s events.Step) error {
		x := several{each: func(g *events.Group, t *tally, n *node) { add(g, t, n, k.startAlone(n.name)) }}
		return x.work(s, others)
	})
}

// depends is the property with the jails that a jail depends on.
const depends = "depends"

// parseDepends reads the property's value.
func parseDepends(value string) (selector.Selector, error) {
	s, err := selector.Parse(selector.Fields(value), Kind)
	if e, ok := errors.AsType[*selector.Error](err); ok && e.Remedy != "" {
		return s, fault.New("", fault.Invalid, depends, err).WithRemedy(e.Remedy)
	}
	return s, err
}

// survey looks at jails and at what they depend on, at each once.
type survey struct {
	k    *Keeper
	seen map[Name]seen
	all  []Info
}

type seen struct {
	info *Info
	err  error
}

func (k *Keeper) survey() *survey { return &survey{k: k, seen: map[Name]seen{}} }

func (v *survey) look(ctx context.Context, n Name) (*Info, error) {
	if s, ok := v.seen[n]; ok {
		return s.info, s.err
	}
	i, err := v.k.Look(ctx, n)
	v.seen[n] = seen{&i, err}
	return &i, err
}

// depends lists the jails that i depends on, sorted. A name in the property that no jail has is fault.NotFound;
// a pattern that no jail fits is none, and never means the jail itself or a template.
func (v *survey) depends(ctx context.Context, i *Info) ([]Name, error) {
	value := i.value(depends)
	if value == "" {
		return nil, nil
	}
	s, err := parseDepends(value)
	if err != nil {
		return nil, err
	}
	if names, only := s.Names(); only {
		var all []Name
		for _, n := range names {
			other, err := v.look(ctx, Name(n))
			switch {
			case err != nil:
				return nil, fault.New("", fault.Unknown, depends, err)
			case s.Match(other):
				all = append(all, other.Name)
			}
		}
		slices.Sort(all)
		return all, nil
	}
	if v.all == nil {
		if v.all, err = v.k.List(ctx); err != nil {
			return nil, err
		}
	}
	var all []Name
	subjects := make([]selector.Subject, len(v.all))
	for n := range v.all {
		other := &v.all[n]
		if subjects[n] = other; s.Match(other) && other.Name != i.Name && other.value("template") != "yes" {
			all = append(all, other.Name)
		}
	}
	if missing := s.Missing(subjects); len(missing) > 0 {
		return nil, fault.New("", fault.NotFound, depends, fmt.Errorf("there is no jail %s", strings.Join(missing, ", ")))
	}
	return all, nil
}

// ordering says which jails are to be put into an order, and for what.
type ordering struct {
	op     string
	names  []Name
	ignore bool // one that is not there, or part of a cycle, is for itself
	again  bool // those that run are started again
}

// order gives the jails, and those that they depend on and that do not run, each behind those that it waits for.
func (v *survey) order(ctx context.Context, o ordering) ([]*node, error) {
	asked := make(map[Name]bool, len(o.names))
	for _, n := range o.names {
		asked[n] = true
	}
	g := graph.Graph[Name]{}
	wrong := map[Name]error{}
	for queue := slices.Clone(o.names); len(queue) > 0; queue = queue[1:] {
		n := queue[0]
		if _, ok := g[n]; ok {
			continue
		}
		g[n] = nil
		i, err := v.look(ctx, n)
		if err != nil {
			if !o.ignore {
				return nil, refused(o.op, n, err)
			}
			continue // it says so itself
		}
		if i.alive && !(o.again && asked[n]) {
			continue
		}
		on, err := v.depends(ctx, i)
		if err != nil {
			wrong[n] = refused(o.op, n, err)
			continue
		}
		for _, other := range on {
			if i, err := v.look(ctx, other); err != nil || !i.alive || asked[other] {
				g[n] = append(g[n], other)
				queue = append(queue, other)
			}
		}
	}
	for _, cycle := range g.Cycles() {
		if !o.ignore {
			return nil, circular(o.op, cycle)
		}
		for _, n := range cycle {
			wrong[n] = circular(o.op, cycle)
		}
	}
	return v.nodes(g, asked, wrong), nil
}

// nodes links the jails of a graph: who needs another one waits for it, and so does everybody for those of a lower
// priority. What is needed has the priority of those who need it, if that is lower than its own.
func (v *survey) nodes(g graph.Graph[Name], asked map[Name]bool, wrong map[Name]error) (all []*node) {
	order := g.Order()
	inOrder := len(order)
	for _, n := range g.Nodes() { // and those that have to do with a cycle
		if !slices.Contains(order[:inOrder], n) {
			order = append(order, n)
		}
	}
	priority := v.priorities(g, order)
	made := make(map[Name]*node, len(order))
	for at, n := range order {
		node := newNode(n)
		node.extra, node.wrong = !asked[n], wrong[n]
		for _, need := range g[n] {
			switch other := made[need]; {
			case other != nil && at < inOrder:
				node.need(other)
			case node.wrong == nil:
				node.wrong = fault.New("", fault.Unavailable, string(n), errors.New("what it depends on depends on itself"))
			}
		}
		made[n], all = node, append(all, node)
	}
	byPriority(all, func(n *node) int { return priority[n.name] })
	return all
}

// priorities are what counts for the jails, given with those that are needed before those who need them.
func (v *survey) priorities(g graph.Graph[Name], order []Name) map[Name]int {
	all := make(map[Name]int, len(order))
	for _, n := range order {
		if s := v.seen[n]; s.err == nil && s.info != nil {
			all[n], _ = strconv.Atoi(s.info.value("priority"))
		}
	}
	for _, n := range slices.Backward(order) {
		for _, need := range g[n] {
			all[need] = min(all[need], all[n])
		}
	}
	return all
}

// byPriority lets every node wait for those of the class before its own.
func byPriority(all []*node, priority func(*node) int) {
	classes := map[int][]*node{}
	for _, n := range all {
		classes[priority(n)] = append(classes[priority(n)], n)
	}
	var before []*node
	for _, p := range slices.Sorted(maps.Keys(classes)) {
		for _, n := range classes[p] {
			n.after = append(n.after, before...)
		}
		before = classes[p]
	}
}

// stopOrder is the other way round: those that others depend on wait for them, as far as they are among names. What
// cannot be known stops no stop.
func (k *Keeper) stopOrder(ctx context.Context, names []Name, ignore bool) ([]*node, error) {
	v := k.survey()
	g := graph.Graph[Name]{}
	for queue := distinct(names); len(queue) > 0; queue = queue[1:] {
		n := queue[0]
		if _, ok := g[n]; ok {
			continue
		}
		g[n] = nil
		i, err := v.look(ctx, n)
		if err == nil {
			g[n], _ = v.depends(ctx, i) // nothing on an error
			queue = append(queue, g[n]...)
		} else if !ignore && slices.Contains(names, n) {
			return nil, refused("stop", n, err)
		}
	}
	order := g.Order() // without those that have to do with a cycle
	priority := v.priorities(g, order)
	made := map[Name]*node{}
	all := wave(distinct(names))
	for _, n := range all {
		made[n.name] = n
	}
	for _, n := range order {
		for _, need := range g.Below(n) {
			if user, other := made[n], made[need]; user != nil && other != nil {
				other.after = append(other.after, user)
			}
		}
	}
	byPriority(all, func(n *node) int { return -priority[n.name] })
	return all, nil
}
