package eventstest_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/libioc/ioc/events/eventstest"
)

// TestKilledPrograms kills random programs with real files, each at one of its points, and compares worlds.
func TestKilledPrograms(t *testing.T) {
	n := 300
	if long() {
		n = 1500
	}
	gen := eventstest.Programs(eventstest.Config{Durable: true})
	killed := 0
	for seed := 0; killed < n; seed++ {
		p := gen.Example(seed)
		s := filesScenario("programs", p)
		w := rehearse(t, s)
		if len(w.Points) < 6 { // too little to kill
			continue
		}
		rng := rand.New(rand.NewPCG(uint64(seed), 2)) //nolint:gosec // to be repeated
		kill := eventstest.Kill{Point: 1 + rng.IntN(len(w.Points))}
		if seed%10 == 0 {
			kill = eventstest.Kill{After: time.Duration(1 + rng.Int64N(int64(2*w.Took)))}
		}
		name := fmt.Sprintf("%04d", seed)
		if !t.Run(name, func(t *testing.T) {
			if eventstest.Crash(t, s, w, kill, uint64(seed)) { //nolint:gosec // small
				killed++
			}
		}) {
			t.Fatalf("program %d:\n%s", seed, p)
		}
	}
}

// rehearse is Dry in this process: it is much faster, and these programs cannot hurt it.
func rehearse(t *testing.T, s eventstest.Scenario) (w eventstest.World) {
	t.Helper()
	dir := t.TempDir()
	if err := s.Setup(dir); err != nil {
		t.Fatal(err)
	}
	snapshot := func() string {
		text, err := s.Snapshot(dir)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	w.Before = snapshot()
	op, err := s.Operation(dir)
	if err != nil {
		t.Fatal(err)
	}
	w.Points, w.Took = op.Rehearse(t)
	w.After = snapshot()
	return w
}

// TestSweepProgram kills one program with everything in it at every point.
func TestSweepProgram(t *testing.T) {
	fails := eventstest.Body{Do: []eventstest.Item{{Kind: eventstest.Applies}}, End: eventstest.Fail}
	p := &eventstest.Program{Root: eventstest.Body{Do: []eventstest.Item{
		{Kind: eventstest.Applies, Learn: true},
		{Kind: eventstest.Acts, Learn: true, Undo: eventstest.Undo{Nested: &fails, Handled: true}},
		{Kind: eventstest.Defers},
		{Kind: eventstest.Nests, Handled: true, Bodies: []eventstest.Body{{
			Do:  []eventstest.Item{{Kind: eventstest.Applies}, {Kind: eventstest.Acts, Undo: eventstest.Undo{Nested: &fails, Handled: true}}, {Kind: eventstest.Defers}},
			End: eventstest.Fail,
		}}},
		{Kind: eventstest.Parallel, Limit: 1, Bodies: []eventstest.Body{
			{Do: []eventstest.Item{{Kind: eventstest.Applies}}},
			{Do: []eventstest.Item{{Kind: eventstest.Acts}, {Kind: eventstest.Defers, Learn: true, Undo: eventstest.Undo{Nested: &fails, Handled: true}}}},
		}},
	}}}
	eventstest.Sweep(t, filesScenario("sweep", p), eventstest.AtRandom(5))
}

// watcher is a testing.TB that keeps what it is told.
type watcher struct {
	testing.TB
	said string
}

func (w *watcher) Helper() {}

func (w *watcher) Fatalf(format string, args ...any) {
	w.said = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

// TestCrashSees lets a scenario break each rule and looks for the complaint.
func TestCrashSees(t *testing.T) {
	p := &eventstest.Program{Root: eventstest.Body{Do: []eventstest.Item{{Kind: eventstest.Applies}, {Kind: eventstest.Applies}}}}
	base := filesScenario("breaks-rule", p)
	w := rehearse(t, base)
	for name, tc := range map[string]struct {
		change func(s *eventstest.Scenario, w *eventstest.World)
		want   string
	}{
		"nothing":      {func(*eventstest.Scenario, *eventstest.World) {}, ""},
		"other-before": {func(_ *eventstest.Scenario, w *eventstest.World) { w.Before = "else" }, "the world before differs"},
		"unclean": {func(s *eventstest.Scenario, _ *eventstest.World) {
			s.Clean = func(string) error { return errors.New("dirty") }
		}, "not clean: dirty"},
		"other-after": {func(_ *eventstest.Scenario, w *eventstest.World) { w.After = "else" }, "the world is not the one after"},
		"not-allowed": {func(s *eventstest.Scenario, _ *eventstest.World) {
			s.Allowed = func(string, string, string) bool { return false }
		}, "not allowed"},
		"cut-changes": {func(s *eventstest.Scenario, _ *eventstest.World) {
			s.Cut = func(dir string) error { return os.WriteFile(filepath.Join(dir, "files", "stray"), nil, 0o600) }
		}, "the world is not the one before"},
		"cut-fails": {func(s *eventstest.Scenario, _ *eventstest.World) {
			s.Cut = func(string) error { return errors.New("no") }
		}, "cut: no"},
		"setup-fails": {func(s *eventstest.Scenario, _ *eventstest.World) {
			s.Setup = func(string) error { return errors.New("no") }
		}, "setup: no"},
		"snapshot-fails": {func(s *eventstest.Scenario, _ *eventstest.World) {
			s.Snapshot = func(string) (string, error) { return "", errors.New("no") }
		}, "snapshot: no"},
		"unknown":               {func(s *eventstest.Scenario, _ *eventstest.World) { s.Name = "unknown" }, "does not know the scenario"},
		"recovery-does-nothing": {func(s *eventstest.Scenario, _ *eventstest.World) { s.Name = "no-recovery" }, "the world is not the one before"},
	} {
		t.Run(name, func(t *testing.T) {
			s, w, tb := base, w, &watcher{TB: t}
			tc.change(&s, &w)
			done := make(chan struct{})
			go func() {
				defer close(done)
				eventstest.Crash(tb, s, w, eventstest.Kill{Point: len(w.Points) / 2}, 1)
			}()
			<-done
			if !strings.Contains(tb.said, tc.want) || tc.want == "" && tb.said != "" {
				t.Errorf("said %q, want %q", tb.said, tc.want)
			}
		})
	}
}

// TestSweepRelease kills the release of retained effects at every point: it goes forward.
func TestSweepRelease(t *testing.T) { eventstest.Sweep(t, releaseScenario(), eventstest.AtRandom(3)) }
