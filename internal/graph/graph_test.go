package graph_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/libioc/ioc/internal/graph"
)

func TestOrder(t *testing.T) {
	for _, tc := range []struct {
		name   string
		g      graph.Graph[string]
		order  []string
		cycles [][]string
	}{
		{"empty", nil, nil, nil},
		{"alone", graph.Graph[string]{"a": nil}, []string{"a"}, nil},
		{"needed-only", graph.Graph[string]{"b": {"a"}}, []string{"a", "b"}, nil},
		{"chain", graph.Graph[string]{"a": {"b"}, "b": {"c"}}, []string{"c", "b", "a"}, nil},
		{"diamond", graph.Graph[string]{"a": {"b", "c"}, "b": {"d"}, "c": {"d"}}, []string{"d", "b", "c", "a"}, nil},
		{"twice", graph.Graph[string]{"a": {"b", "b"}}, []string{"b", "a"}, nil},
		{"itself", graph.Graph[string]{"a": {"a"}, "b": nil}, []string{"b"}, [][]string{{"a"}}},
		{"pair", graph.Graph[string]{"a": {"b"}, "b": {"a"}}, nil, [][]string{{"a", "b"}}},
		{"behind-a-cycle", graph.Graph[string]{"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": nil}, []string{"d"}, [][]string{{"b", "c"}}},
		{"below-a-cycle", graph.Graph[string]{"b": {"c"}, "c": {"b", "a"}}, []string{"a"}, [][]string{{"b", "c"}}},
		{"shortest", graph.Graph[string]{"a": {"b"}, "b": {"c", "a"}, "c": {"a"}}, nil, [][]string{{"a", "b"}}},
		{"two", graph.Graph[string]{"a": {"b"}, "b": {"a", "c"}, "c": {"d"}, "d": {"e"}, "e": {"c"}}, nil, [][]string{{"a", "b"}, {"c", "d", "e"}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if diff := cmp.Diff(tc.order, tc.g.Order()); diff != "" {
				t.Errorf("order (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.cycles, tc.g.Cycles()); diff != "" {
				t.Errorf("cycles (-want +got):\n%s", diff)
			}
		})
	}
}

// random is any graph of a few nodes.
func random(t *rapid.T) graph.Graph[int] {
	node := rapid.IntRange(0, 9)
	return rapid.MapOfN(node, rapid.SliceOfN(node, 0, 4), 0, 10).Draw(t, "graph")
}

// TestOrderProperty: every node is ordered behind what it needs, or needs a cycle, or is part of one; what is
// called a cycle is one; and every node that needs itself is in a group of which one is shown.
func TestOrderProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := random(t)
		order, cycles := g.Order(), g.Cycles()
		for i, n := range order {
			for _, need := range g[n] {
				if at := slices.Index(order, need); at < 0 || at >= i {
					t.Fatalf("%d at %d needs %d at %d", n, i, need, at)
				}
			}
		}
		onCycle := func(n int) bool { return slices.Contains(g.Below(n), n) }
		for _, n := range g.Nodes() {
			if left := !slices.Contains(order, n); left != (onCycle(n) || slices.ContainsFunc(g.Below(n), onCycle)) {
				t.Fatalf("%d: left out %v of %v", n, left, order)
			}
			shown := slices.ContainsFunc(cycles, func(c []int) bool {
				return slices.Contains(g.Below(n), c[0]) && slices.Contains(g.Below(c[0]), n)
			})
			if onCycle(n) != shown {
				t.Fatalf("%d needs itself: %v; its cycle is shown: %v", n, onCycle(n), shown)
			}
		}
		for _, c := range cycles {
			for i, n := range c {
				if !slices.Contains(g[n], c[(i+1)%len(c)]) {
					t.Fatalf("%v is no cycle", c)
				}
				if slices.Contains(c[i+1:], n) {
					t.Fatalf("%v has %d twice", c, n)
				}
			}
		}
	})
}

// TestReverseProperty: the reversed graph is ordered the other way round, and reversed again it is the first one.
func TestReverseProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := random(t)
		r := g.Reverse()
		for _, n := range g.Nodes() {
			for _, need := range g[n] {
				if !slices.Contains(r[need], n) || !slices.Contains(r.Reverse()[n], need) {
					t.Fatalf("%d needs %d: lost in %v", n, need, r)
				}
			}
		}
		if !cmp.Equal(g.Nodes(), r.Nodes()) || len(g.Cycles()) != len(r.Cycles()) {
			t.Fatalf("%v and %v", g, r)
		}
	})
}
