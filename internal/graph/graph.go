// Package graph orders things that need each other: what is needed comes first, and who need each other in a
// circle are found. It knows nothing of what the things are, and does nothing with them.
//
//	g := graph.Graph[string]{"web": {"db", "cache"}, "db": {"cache"}}
//	g.Order() // cache db web
package graph

import (
	"cmp"
	"maps"
	"slices"
)

// Graph has for every node the nodes that it needs. One that is needed and has no entry needs nothing.
type Graph[N cmp.Ordered] map[N][]N

// Nodes lists all nodes, also those that are only needed, in ascending order.
func (g Graph[N]) Nodes() []N {
	all := make(map[N]bool, len(g))
	for n, needs := range g {
		all[n] = true
		for _, need := range needs {
			all[need] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// Reverse is the graph in which every need goes the other way round.
func (g Graph[N]) Reverse() Graph[N] {
	r := make(Graph[N], len(g))
	for _, n := range g.Nodes() {
		r[n] = nil
	}
	for _, n := range slices.Sorted(maps.Keys(g)) {
		for _, need := range g[n] {
			r[need] = append(r[need], n)
		}
	}
	return r
}

// Order lists the nodes so that each comes after all that it needs, and the lesser of two that are free to come
// next first. Those that are part of a cycle, and those that need one of them, are left out.
func (g Graph[N]) Order() []N {
	waits := make(map[N]int, len(g)) // for how many
	users := make(map[N][]N, len(g))
	for n, needs := range g {
		for _, need := range slices.Compact(slices.Sorted(slices.Values(needs))) {
			waits[n]++
			users[need] = append(users[need], n)
		}
	}
	var free, order []N // free is sorted
	for _, n := range g.Nodes() {
		if waits[n] == 0 {
			free = append(free, n)
		}
	}
	for len(free) > 0 {
		n := free[0]
		free = free[1:]
		order = append(order, n)
		for _, user := range users[n] {
			if waits[user]--; waits[user] == 0 {
				at, _ := slices.BinarySearch(free, user)
				free = slices.Insert(free, at, user)
			}
		}
	}
	return order
}

// Cycles gives a cycle of every group of nodes that all need each other, none if there is no such group: the
// shortest one through its least node, which comes first. Every node needs the next one, and the last one the first.
func (g Graph[N]) Cycles() [][]N {
	done := make(map[N]bool)
	for _, n := range g.Order() {
		done[n] = true
	}
	var all [][]N
	for _, n := range g.Nodes() {
		if done[n] {
			continue
		}
		cycle := g.cycle(n)
		if cycle == nil { // it needs one, and is not part of it
			continue
		}
		all = append(all, cycle)
		for _, member := range g.group(n) {
			done[member] = true
		}
	}
	return all
}

// cycle is the shortest way from n back to it, nil if there is none.
func (g Graph[N]) cycle(n N) []N {
	from := map[N]N{}
	for queue := []N{n}; len(queue) > 0; queue = queue[1:] {
		at := queue[0]
		for _, need := range slices.Sorted(slices.Values(g[at])) {
			if need == n {
				way := []N{at}
				for ; at != n; at = way[len(way)-1] {
					way = append(way, from[at])
				}
				slices.Reverse(way)
				return way
			}
			if _, seen := from[need]; !seen {
				from[need] = at
				queue = append(queue, need)
			}
		}
	}
	return nil
}

// group are the nodes that n needs, if by others, and that need n.
func (g Graph[N]) group(n N) []N {
	reversed := g.Reverse().Below(n)
	var all []N
	for _, below := range g.Below(n) {
		if _, ok := slices.BinarySearch(reversed, below); ok {
			all = append(all, below)
		}
	}
	return all
}

// Below lists what the nodes need, if by others, in ascending order. Nodes of a cycle need themselves.
func (g Graph[N]) Below(nodes ...N) []N {
	seen := map[N]bool{}
	for queue := slices.Clone(nodes); len(queue) > 0; queue = queue[1:] {
		for _, need := range g[queue[0]] {
			if !seen[need] {
				seen[need] = true
				queue = append(queue, need)
			}
		}
	}
	return slices.Sorted(maps.Keys(seen))
}
