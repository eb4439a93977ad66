package pool

import (
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/libioc/ioc"
	"github.com/libioc/ioc/apply"
	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/events/eventstest"
)

// random is what is another one each time in what things are called.
var random = regexp.MustCompile(`\.[0-9a-f]{8}|\b[a-z2-7]{26}\b`)

// paths are the steps of a stream, which do not differ when the same is done.
func paths(evs []events.Event) []string {
	return eventstest.Paths(evs, true, func(line string) string { return random.ReplaceAllString(line, "#") })
}

// TestPlan compares what a dry run tells with what is done then to file systems.
func TestPlan(t *testing.T) {
	t.Parallel()
	h := jailed(t)
	const text = `
jails:
  golden: {release: small, template: yes, quota: 64M}
  db: {clone: golden, state: stopped, notes: a}
  copy: {clone: db, state: stopped}
`
	for _, tc := range []struct{ name, text string }{
		{"create", text},
		{"change", strings.Replace(strings.Replace(text, "64M", "96M", 1), "notes: a", "notes: b, quota: 32M", 1)},
		{"prune", "jails: {golden: {template: yes}}"},
		{"end", "jails: {}"},
	} {
		f, err := apply.Parse("jails.yaml", []byte(tc.text))
		if err != nil {
			t.Fatal(err)
		}
		dry, _, err := eventstest.Record(t, h.Apply(f, ioc.ApplyOptions{DryRun: true, Prune: true}))
		if err != nil {
			t.Fatalf("%s: dry run: %v", tc.name, err)
		}
		done, _, err := eventstest.Record(t, h.Apply(f, ioc.ApplyOptions{Prune: true}))
		if err != nil {
			t.Fatalf("%s: %v", tc.name, err)
		}
		if diff := cmp.Diff(paths(done), paths(dry)); diff != "" {
			t.Errorf("%s: done, and told before:\n%s", tc.name, diff)
		}
	}
}
