package eventstest

import (
	"fmt"
	"hash/fnv"
	"regexp"
	"testing"
	"time"
)

// SweepOption changes a Sweep.
type SweepOption func(*sweep)

type sweep struct {
	from   int
	every  int
	random int
}

// From leaves out the points before the n-th, counted from 1.
func From(n int) SweepOption { return func(s *sweep) { s.from = n } }

// Every takes every n-th point only: for a quick test of a long operation.
func Every(n int) SweepOption { return func(s *sweep) { s.every = n } }

// AtRandom adds n runs that are killed from outside at times spread over that of a complete run.
func AtRandom(n int) SweepOption { return func(s *sweep) { s.random = n } }

// Sweep kills s at every point of a complete run, each in a world and a subtest of its own: at every
// record, which is an event boundary, and at every probe, which is a point inside an effect. A single
// cell is repeated with -run; with IOC_KEEP=1 in the environment the directory of one that failed stays.
func Sweep(t *testing.T, s Scenario, opts ...SweepOption) {
	t.Helper()
	sw := sweep{from: 1, every: 1}
	for _, o := range opts {
		o(&sw)
	}
	w := Dry(t, s)
	t.Logf("%s: %d points in %v", s.Name, len(w.Points), w.Took)
	for i, point := range w.Points {
		if i < sw.from-1 || (i-sw.from+1)%sw.every != 0 {
			continue
		}
		cellTest(t, s, fmt.Sprintf("%03d-%s", i+1, fit(point)), w, Kill{Point: i + 1})
	}
	for i := range sw.random {
		after := w.Took * time.Duration(i+1) / time.Duration(sw.random+1)
		cellTest(t, s, fmt.Sprintf("time-%03d", i+1), w, Kill{After: max(after, 1)})
	}
}

func cellTest(t *testing.T, s Scenario, name string, w World, kill Kill) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		if !s.Exclusive {
			t.Parallel()
		}
		h := fnv.New64a()
		_, _ = h.Write([]byte(name)) // it cannot fail
		Crash(t, s, w, kill, h.Sum64())
	})
}

var unfit = regexp.MustCompile(`[^a-zA-Z0-9._-]+`)

// fit makes a name fit for -run.
func fit(name string) string { return unfit.ReplaceAllString(name, "_") }
