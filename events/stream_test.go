package events_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/events/eventstest"
)

// TestRandomStreams gives the stream of random operations to every consumer.
func TestRandomStreams(t *testing.T) {
	programs := eventstest.Programs(eventstest.Config{})
	rapid.Check(t, func(t *rapid.T) {
		evs, err := programs.Draw(t, "program").Run()
		if err != nil || len(evs) == 0 {
			t.Skip("not this test's matter")
		}
		recordedStream(t, evs)
		hubStream(t, evs)
		loggedStream(t, evs)
	})
}

// recordedStream: what was read back is as good as the original.
func recordedStream(t *rapid.T, evs []events.Event) {
	first := streamOf(evs...)
	back, err := collect(events.ReadNDJSON(strings.NewReader(first)))
	if err != nil {
		t.Fatalf("%v in\n%s", err, first)
	}
	if second := streamOf(back...); second != first {
		t.Fatalf("first:\n%s\nsecond:\n%s", first, second)
	}
	if got, want := eventstest.Outline(back), eventstest.Outline(evs); got != want {
		t.Fatalf("read back:\n%s\nwant:\n%s", got, want)
	}
	if err := eventstest.Check(slices.Values(back)); err != nil {
		t.Fatalf("%v in\n%s", err, first)
	}
	adopted := events.New(&emptyCase{}, func(s events.Step) (int, error) {
		return 0, s.Adopt(slices.Values(back))
	})
	if err := eventstest.Check(adopted.Events(t.Context())); err != nil {
		t.Fatalf("adopted: %v in\n%s", err, first)
	}
}

// hubStream: a reader that comes late to a small hub knows what is pending.
func hubStream(t *rapid.T, evs []events.Event) {
	h := events.NewHub(rapid.IntRange(1, 16).Draw(t, "hub"))
	sink := h.Sink()
	for _, ev := range evs {
		sink(&ev)
	}
	var r hubReader
	if err := r.follow(t.Context(), h, 0); err != nil {
		t.Fatalf("%v in\n%s", err, eventstest.Outline(evs))
	}
	if r.last != uint64(len(evs)) {
		t.Fatalf("got to %d of %d", r.last, len(evs))
	}
}

// loggedStream: one step at most is to blame for the failure of the whole, and every deferred action that failed.
func loggedStream(t *rapid.T, evs []events.Event) {
	var b bytes.Buffer
	sink := events.Slog(slog.New(slog.NewJSONHandler(&b, nil)))
	last := evs[len(evs)-1]
	commits := 0
	for _, ev := range evs {
		sink(&ev)
		if ev.Kind == events.Commit && ev.Status == events.Failed {
			commits++
		}
	}
	blamed := 0
	for line := range bytes.Lines(b.Bytes()) {
		var rec struct {
			Level, Status string
		}
		if err := json.Unmarshal(line, &rec); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		if rec.Level == "ERROR" && rec.Status != "left behind" {
			blamed++
		}
	}
	want := commits
	if last.Status == events.Failed {
		want++
	}
	if blamed != want {
		t.Fatalf("%d steps are to blame, want %d:\n%s\n%s", blamed, want, eventstest.Outline(evs), b.String())
	}
}

// TestRunIDsSortByTime: also those of runs that follow one another within a millisecond.
func TestRunIDsSortByTime(t *testing.T) {
	var ids []string
	for range 1000 {
		run := rootOp(func(events.Step) error { return nil }).Start(t.Context())
		if _, err := run.Wait(); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, run.Info().ID.String())
	}
	if !slices.IsSorted(ids) {
		t.Error("the IDs of runs, in the order they were started, are not sorted")
	}
}
