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
	cells := choose(w.Points)
	t.Logf("%d of %d points, a run takes %v", len(cells), len(w.Points), w.Took.Round(time.Millisecond))
	for _, i := range cells {
		name := fmt.Sprintf("%03d-%s", i+1, strings.ReplaceAll(w.Points[i], " ", "_"))
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := s.harness()
			if right != nil {
				e.Allowed = oneOf(t, right[i])
			}
			eventstest.Crash(t, e, w, eventstest.Kill{Point: i + 1}, uint64(i))
		})
	}
}

// choose is the sample of an ordinary run.
func choose(points []string) []int {
	var cells []int
	for i := range points {
		cells = append(cells, i)
	}
	return cells
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
