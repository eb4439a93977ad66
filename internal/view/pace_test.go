package view

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/libioc/ioc/events"
)

// TestPace tells how fast a step is of late, and how long it will take.
func TestPace(t *testing.T) {
	const mib = 1 << 20
	amounts := func(per ...int64) *Node { // one a second, from the first second on
		n := &Node{Began: time.Minute}
		done := int64(0)
		for i, d := range per {
			done += d
			n.progress(events.Event{At: time.Minute + time.Duration(i+1)*time.Second, Detail: events.Amount{Done: done, Total: 100 * mib}})
		}
		return n
	}
	steady := []int64{mib, mib, mib, mib, mib}
	for _, test := range []struct {
		name  string
		n     *Node
		after time.Duration // the step's begin
		rate  float64
		left  time.Duration // 0: nobody can say
	}{
		{"nothing", &Node{}, time.Minute, 0, 0},
		{"first", amounts(), time.Second, 0, 0},
		{"early", amounts(steady[:1]...), 900 * time.Millisecond, 0, 0},
		{"steady", amounts(steady...), 5 * time.Second, mib, 95 * time.Second},
		{"faster", amounts(append(make([]int64, 20), 12*mib, 0)...), 22 * time.Second, 12 * mib / 11.0, 80666666666},
		{"stuck", amounts(steady...), 10 * time.Minute, 0, 0},
		{"starts_over", amounts(50*mib, -50*mib, mib, mib), 4 * time.Second, mib, 98 * time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			at := time.Minute + test.after
			if got := test.n.Pace.Rate(at); got != test.rate {
				t.Errorf("rate %v, want %v", got, test.rate)
			}
			if test.n.Pace == nil {
				return
			}
			if got, ok := test.n.Pace.Left(at); got != test.left || ok != (test.left != 0) {
				t.Errorf("left %v, %v, want %v", got, ok, test.left)
			}
		})
	}
}

// TestTail keeps the last lines, and counts those before.
func TestTail(t *testing.T) {
	var tail Tail
	for i := range 25 {
		tail.add(events.Output{Lines: []string{fmt.Sprint(i)}})
	}
	if got := strings.Join(tail.Lines, " "); got != "5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24" || tail.Omitted != 5 {
		t.Errorf("the tail is %q after %d", got, tail.Omitted)
	}
	tail.add(events.Output{Lines: []string{"a", "b"}, Omitted: 100})
	if diff := cmp.Diff(Tail{Lines: []string{"a", "b"}, Omitted: 125}, tail); diff != "" {
		t.Errorf("after a gap (-want +got):\n%s", diff)
	}
}

// TestCounts: what a node says of those below it is what counting them gives, after every event.
func TestCounts(t *testing.T) {
	var tree Tree
	next := events.ID(0)
	var open []events.Event
	check := func() {
		t.Helper()
		var visit func(n *Node) (below Tally, pending int)
		visit = func(n *Node) (below Tally, pending int) {
			var ended Tally
			var now []*Node
			for _, c := range n.Children {
				b, p := visit(c)
				pending += p
				below = add(below, b)
				if c.Pending() {
					pending++
					now = append(now, c)
				} else {
					ended.count(c)
				}
			}
			below = add(below, ended)
			if n.Ended != ended || n.Below != below || n.Open != pending {
				t.Fatalf("node %d says %+v, %+v, %d; counted %+v, %+v, %d", n.ID, n.Ended, n.Below, n.Open, ended, below, pending)
			}
			if got := n.Pendings(1 << 20); !cmp.Equal(ids(got), ids(now)) {
				t.Fatalf("node %d has the pending %v, want %v", n.ID, ids(got), ids(now))
			}
			return below, pending
		}
		visit(tree.Root)
	}
	begin := func(parent events.ID, kind events.Kind) {
		next++
		ev := events.Event{ID: next, Parent: parent, Kind: kind, Phase: events.Begin, Payload: &events.Named{Type: "x"}}
		tree.Add(ev)
		open = append(open, ev)
	}
	begin(0, events.Forward)
	for i := range 200 {
		begin(open[i*7%len(open)].ID, events.Kind(i%2))
		if i%3 == 0 && len(open) > 2 {
			at := 1 + i*5%(len(open)-1)
			ev := open[at]
			for _, other := range open { // children end first
				if other.Parent == ev.ID {
					ev = events.Event{}
					break
				}
			}
			if ev.ID != 0 {
				open = append(open[:at], open[at+1:]...)
				ev.Phase, ev.Status, ev.Reason = events.End, events.Status(1+i%3), events.Reason(1+i%4)
				tree.Add(ev)
			}
		}
		check()
	}
}

func add(a, b Tally) Tally {
	a.Done += b.Done
	a.Skipped += b.Skipped
	a.Undone += b.Undone
	a.Failed += b.Failed
	a.Cancelled += b.Cancelled
	return a
}

func ids(all []*Node) []events.ID {
	list := make([]events.ID, 0, len(all))
	for _, n := range all {
		list = append(list, n.ID)
	}
	return list
}
