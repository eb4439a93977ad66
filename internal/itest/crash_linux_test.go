package itest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/libioc/ioc/events/eventstest"
)

// TestCrash is the crash matrix.
func TestCrash(t *testing.T) {
	m := &matrix{worlds: map[string]eventstest.World{}}
	for _, s := range all() {
		if s.only || ordinary() && !slices.Contains(strings.Fields(ordinaryScenarios), s.name) {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			s.needs(t)
			m.sweep(t, &s)
		})
	}
}

// matrix remembers what complete runs were like.
type matrix struct {
	worlds map[string]eventstest.World
}

// dry runs a scenario to its end, once.
func (m *matrix) dry(t *testing.T, s *scenario) eventstest.World {
	t.Helper()
	if _, ok := m.worlds[s.name]; !ok {
		m.worlds[s.name] = eventstest.Dry(t, s.harness())
	}
	return m.worlds[s.name]
}

// named is the world that a turn means.
func (m *matrix) named(t *testing.T, name string, w eventstest.World) string {
	t.Helper()
	switch name {
	case "before":
		return w.Before
	case "after":
		return w.After
	}
	list := all()
	i := slices.IndexFunc(list, func(s scenario) bool { return s.name == name })
	if i < 0 {
		t.Fatalf("there is no world %q", name)
	}
	return m.dry(t, &list[i]).After
}

// sweep kills s at its points, each in a world of its own.
func (m *matrix) sweep(t *testing.T, s *scenario) {
	t.Helper()
	w := m.dry(t, s)
	right := m.expect(t, s, w)
	cells := choose(w, s.sample)
	t.Logf("%d points, %d cells, a run takes %v", len(w.Points), len(cells), w.Took.Round(time.Millisecond))
	for _, c := range cells {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			e := s.harness()
			switch {
			case right != nil:
				e.Allowed = oneOf(t, c.worlds(right, w)...)
			case s.any != nil:
				worlds := []string{w.Before, w.After}
				for _, name := range s.any {
					worlds = append(worlds, m.named(t, name, w))
				}
				e.Allowed = oneOf(t, worlds...)
			}
			eventstest.Crash(t, e, w, c.kill, uint64(c.kill.Point)+uint64(c.kill.Late)+uint64(c.kill.After))
		})
	}
}

// cell is one kill.
type cell struct {
	name string
	kill eventstest.Kill
}

// choose gives the cells: one at every point and, in a long run, many between the points and at any time.
// An ordinary run has one in the middle of every effect, and an ordinary user's a sample.
func choose(w eventstest.World, sampled bool) (cells []cell) {
	between, anytime := 1, 0
	if long() {
		between, anytime = 8, 40
	}
	for i, point := range w.Points {
		name := fmt.Sprintf("%03d-%s", i+1, strings.ReplaceAll(point, " ", "_"))
		cells = append(cells, cell{name, eventstest.Kill{Point: i + 1}})
		working := long() || strings.HasPrefix(point, "journaled-") || strings.HasPrefix(point, "begin-undo-") ||
			strings.HasPrefix(point, "begin-revert-") || strings.HasPrefix(point, "begin-commit-")
		if i+1 == len(w.Points) || !working {
			continue
		}
		step := w.At[i+1] - w.At[i]
		for n := range between {
			late := step * time.Duration(n+1) / time.Duration(between+1)
			if late < 50*time.Microsecond { // less than a kill takes
				continue
			}
			cells = append(cells, cell{fmt.Sprintf("%s+%d", name, n+1), eventstest.Kill{Point: i + 1, Late: late}})
		}
	}
	for n := range anytime {
		after := w.Took * time.Duration(n+1) / time.Duration(anytime)
		cells = append(cells, cell{fmt.Sprintf("time-%02d", n+1), eventstest.Kill{After: max(after, 1)}})
	}
	if (ordinary() || sampled) && !long() {
		var sample []cell
		for i := 0; i < len(cells); i += 5 {
			sample = append(sample, cells[i])
		}
		cells = sample
	}
	return cells
}

// worlds are those that are right after a kill: one if it is known where it came.
func (c *cell) worlds(right []string, w eventstest.World) []string {
	i := c.kill.Point - 1
	switch {
	case c.kill.After > 0:
		right = append([]string{w.Before}, right...)
	case c.kill.Late > 0:
		right = right[i:]
	default:
		right = right[i : i+1]
	}
	all := slices.Clone(right)
	slices.Sort(all)
	return slices.Compact(all)
}

// expect gives the right world for each point; nil if the commit is all that matters.
func (m *matrix) expect(t *testing.T, s *scenario, w eventstest.World) []string {
	t.Helper()
	if s.turns == nil {
		return nil
	}
	now, turns, met := w.Before, s.turns, map[string]int{}
	var right []string
	for _, p := range w.Points {
		met[p]++
		if len(turns) > 0 && p == turns[0].point && met[p] == max(1, turns[0].nth) {
			now, turns = m.named(t, turns[0].world, w), turns[1:]
		}
		if strings.HasPrefix(p, "committed-") {
			now = w.After
		}
		right = append(right, now)
	}
	if len(turns) > 0 {
		t.Fatalf("no point %s among %q", turns[0].point, w.Points)
	}
	return right
}

// oneOf is a rule for the harness that shows how a world differs.
func oneOf(t *testing.T, worlds ...string) func(world, before, after string) bool {
	return func(world, _, _ string) bool {
		if slices.Contains(worlds, world) {
			return true
		}
		for _, w := range worlds {
			t.Logf("it is not this one (-want +got):\n%s", cmp.Diff(w, world))
		}
		return false
	}
}
