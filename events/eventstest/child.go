package eventstest

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/libioc/ioc/events"
)

// childEnv tells a test binary that it is a child, and what to do.
const childEnv = "IOC_CRASH_CHILD"

// order is what a child is told.
type order struct {
	Scenario string
	Phase    string // before, operation, recover
	Dir      string
	Report   string // file to write report to
	Point    int    // to be killed at
	Name     string // what that point is called; empty: whatever it is
	Nth      int    // of that name
	Late     time.Duration
	Begun    bool // say on descriptor 3 that the operation begins
}

// report is what a child did.
type report struct {
	Points    []string
	At        []time.Duration // when each was passed
	Killed    string          // the point it was killed at
	Committed bool            // the commit point was passed
	Work      int             // events that undid or carried forward another run's work
	Err       string
	Residue   []string
	Fault     string // of the stream
	Took      time.Duration
}

// Child does nothing in an ordinary process. In one that Crash or Sweep started it runs what it is
// told to and exits. Call it first in TestMain, or use Main.
func Child(scenarios ...Scenario) {
	text, ok := os.LookupEnv(childEnv)
	if !ok {
		return
	}
	var o order
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		fail("%s: %v", childEnv, err)
	}
	i := slices.IndexFunc(scenarios, func(s Scenario) bool { return s.Name == o.Scenario })
	if i < 0 {
		fail("TestMain does not know the scenario %q", o.Scenario)
	}
	s := scenarios[i]
	make := map[string]func(string) (Operation, error){"before": s.Before, "operation": s.Operation, "recover": s.Recover}[o.Phase]
	op, err := make(o.Dir)
	if err != nil {
		fail("%s of %s: %v", o.Phase, o.Scenario, err)
	}
	c := &child{order: o}
	c.run(op, s.Within)
	os.Exit(0)
}

func fail(format string, args ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", args...)
	os.Exit(3)
}

// child runs one operation and dies where it is told to.
type child struct {
	order order
	start time.Time

	mu      sync.Mutex // lanes probe at once
	met     int        // points of the order's name
	report  report
	checker Checker
}

func (c *child) run(op Operation, within func(context.Context, func(string)) context.Context) {
	if c.order.Begun {
		begun := os.NewFile(3, "begun")
		syscall.CloseOnExec(3) // what the operation starts must not hold it
		if _, err := begun.Write([]byte{1}); err != nil {
			fail("begun: %v", err)
		}
	}
	ctx := context.Background()
	if within != nil {
		ctx = within(ctx, c.inside)
	}
	c.start = time.Now()
	residue, err := op.start(ctx, events.WithSink(c.sink), events.WithProbe(c.probe))
	c.mu.Lock()
	defer c.mu.Unlock()
	c.report.Took = time.Since(c.start)
	if err != nil {
		c.report.Err = err.Error()
	}
	for _, r := range residue {
		c.report.Residue = append(c.report.Residue, r.String())
	}
	if fault := c.checker.Close(); fault != nil {
		c.report.Fault = fault.Error()
	}
	c.write()
}

func (c *child) write() {
	text, err := json.Marshal(&c.report)
	if err != nil {
		fail("report: %v", err)
	}
	// Whole or not at all: the parent may kill meanwhile.
	if err := os.WriteFile(c.order.Report+".new", text, 0o600); err != nil {
		fail("report: %v", err)
	}
	if err := os.Rename(c.order.Report+".new", c.order.Report); err != nil {
		fail("report: %v", err)
	}
}

func (c *child) sink(ev *events.Event) {
	_ = c.checker.Add(*ev) // kept for Close
	c.mu.Lock()
	defer c.mu.Unlock()
	if ev.Phase == events.Begin && ev.Kind == events.Revert {
		c.report.Work++
	}
	name := ev.Phase.String()
	if ev.Kind != events.Forward {
		name += "-" + ev.Kind.String()
	}
	c.pass(name + "-" + ev.Type())
}

func (c *child) probe(p events.Probe) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if p.Point == "committed" {
		c.report.Committed = true
	}
	c.pass(p.Point + "-" + p.Type)
}

// inside is a point that an effect marks.
func (c *child) inside(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pass("inside-" + name)
}

// last reports whether point is where it ends. A point with a name is found by it: there may be more or
// fewer before it than in another run, of those that only time brings about.
func (c *child) last(point string) bool {
	if c.order.Name == "" {
		return len(c.report.Points) == c.order.Point
	}
	if point == c.order.Name {
		c.met++
	}
	return point == c.order.Name && c.met == c.order.Nth
}

// pass counts a point, or ends here.
func (c *child) pass(point string) {
	c.report.Points = append(c.report.Points, point)
	c.report.At = append(c.report.At, time.Since(c.start))
	if !c.last(point) {
		return
	}
	if c.order.Late > 0 { // nobody will know where it was
		time.AfterFunc(c.order.Late, func() { _ = syscall.Kill(os.Getpid(), syscall.SIGKILL) })
		return
	}
	c.report.Killed = point
	c.write()
	self, err := os.FindProcess(os.Getpid())
	if err == nil {
		err = self.Kill()
	}
	if err != nil {
		fail("kill: %v", err)
	}
	select {} // until the signal has come
}
