package eventstest_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/libioc/ioc/events/eventstest"
)

func TestPrograms(t *testing.T) {
	gen := eventstest.Programs(eventstest.Config{})
	rapid.Check(t, func(t *rapid.T) {
		p := gen.Draw(t, "program")
		evs, err := p.Run()
		if err != nil {
			t.Fatalf("%v\n%s\n%s", err, p, eventstest.Outline(evs))
		}
	})
}
