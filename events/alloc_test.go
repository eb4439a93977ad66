package events_test

import (
	"io"
	"testing"

	"github.com/libioc/ioc/events"
)

// guardAllocs fails if f allocates.
func guardAllocs(t *testing.T, what string, f func()) {
	t.Helper()
	if n := testing.AllocsPerRun(1000, f); n != 0 {
		t.Errorf("%s: %v allocations, want 0", what, n)
	}
}

func TestAllocsEvent(t *testing.T) {
	for _, depth := range []int{1, 10} {
		var nest func(s events.Step, left int) error
		nest = func(s events.Step, left int) error {
			if left > 0 {
				return s.Do(&emptyCase{}, func(s events.Step) error { return nest(s, left-1) })
			}
			guardAllocs(t, "a step", func() { _ = s.Do(&emptyCase{}, nothing) })
			guardAllocs(t, "a progress", func() { _ = s.Progress(nil) })
			return nil
		}
		op := events.New(&emptyCase{}, func(s events.Step) (int, error) { return 0, nest(s, depth-1) })
		for range op.Events(t.Context()) { //nolint:revive // only the cost counts
		}
		if _, err := op.Do(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAllocsNDJSON(t *testing.T) {
	evs := sampleEvents()
	sink := events.NDJSON(io.Discard)
	guardAllocs(t, "a record", func() {
		sink(&evs[0])
		sink(&evs[1])
	})
	buf := make([]byte, 0, 1024)
	guardAllocs(t, "AppendJSON", func() { buf = evs[1].AppendJSON(buf[:0]) })
}

func TestAllocsHub(t *testing.T) {
	h := events.NewHub(256)
	sink := h.Sink()
	ev := events.Event{Run: &events.RunInfo{}, Parent: 1}
	step := func() { // nested, so that the snapshot has something to do
		for _, phase := range []events.Phase{events.Begin, events.End} {
			for i := range 5 {
				ev.Seq++
				ev.Phase = phase
				ev.ID = events.ID(ev.Seq)
				if phase == events.End {
					ev.ID = events.ID(ev.Seq - uint64(2*i) - 1)
				}
				sink(&ev)
			}
		}
	}
	for range 1000 { // more than the ring holds
		step()
	}
	guardAllocs(t, "the hub's sink", step)
}
