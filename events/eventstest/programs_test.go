package eventstest_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/libioc/ioc/events/eventstest"
)

// TestPrograms runs random programs and holds each against the model of the world.
func TestPrograms(t *testing.T) {
	if checks(t, "5000"); long() {
		checks(t, "100000")
	}
	gen := eventstest.Programs(eventstest.Config{})
	rapid.Check(t, func(t *rapid.T) {
		p := gen.Draw(t, "program")
		evs, err := p.Run()
		if err != nil {
			t.Fatalf("%v\n%s\n%s", err, p, eventstest.Outline(evs))
		}
	})
}
