package ioc_test

import (
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/libioc/ioc"
	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/events/eventstest"
	"github.com/libioc/ioc/fault"
)

// random is what is another one each time in what things are called.
var random = regexp.MustCompile(`\.[0-9a-f]{8}`)

// paths are the steps of a stream, which do not differ when the same is done. Tests' drivers have effects without titles.
func paths(evs []events.Event, titles bool) []string {
	return eventstest.Paths(evs, titles, func(line string) string { return random.ReplaceAllString(line, ".#") })
}

// TestPlan compares what a dry run tells with what is done then.
func TestPlan(t *testing.T) {
	s := newShop(t, nil)
	changed := strings.NewReplacer("notes: a", "notes: b", "exec_stop: web down", "exec_stop: web off", "state: stopped", "state: running").Replace(town)
	for _, tc := range []struct{ name, text string }{
		{"everything", town + "  waits: {ready: 'tcp:80', exec_start: come, exec_stop: go}\n"},
		{"changes", changed},
		{"prune", "jails: {web: {state: any}, more: {}}"},
		{"nothing", "jails: {web: {state: any}, more: {}}"},
		{"stops", "jails: {web: {state: stopped}}"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			before := s.text(t)
			dry, _, err := eventstest.Record(t, s.Apply(parsed(t, tc.text), ioc.ApplyOptions{DryRun: true, Prune: true}))
			if err != nil {
				t.Fatal(err)
			}
			for _, ev := range dry {
				if ev.Phase == events.End && !ev.Skipped() {
					t.Errorf("%s %s was not skipped", ev.Type(), ev.Key())
				}
			}
			if now := s.text(t); now != before {
				t.Errorf("the dry run changed something:\n%s", cmp.Diff(before, now))
			}
			if said := s.order(); said != "" {
				t.Errorf("the dry run said %s", said)
			}
			done, _, err := eventstest.Record(t, s.Apply(parsed(t, tc.text), ioc.ApplyOptions{Prune: true}))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(paths(done, false), paths(dry, false)); diff != "" {
				t.Errorf("done, and told before:\n%s", diff)
			}
			if tc.name == "nothing" != (len(dry) == 2) {
				t.Errorf("%d events", len(dry))
			}
			s.order()
		})
	}
	// What would fail is told, and nothing is changed.
	before := s.text(t)
	_, _, err := eventstest.Record(t, s.Apply(parsed(t, "jails: {new: {}, bad: {clone: nosuch}}"), ioc.ApplyOptions{DryRun: true}))
	if !errors.Is(err, fault.NotFound) {
		t.Errorf("got %v", err)
	}
	if now := s.text(t); now != before {
		t.Errorf("the dry run changed something:\n%s", cmp.Diff(before, now))
	}
}
