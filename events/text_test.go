package events_test

import (
	"io"
	"math"
	"testing"

	"github.com/libioc/ioc/events"
)

func TestAmount(t *testing.T) {
	for _, tt := range []struct {
		a    events.Amount
		want string
	}{
		{events.Amount{}, "0"},
		{events.Amount{Done: 3, Total: 10, Unit: "files"}, "3 of 10 files"},
		{events.Amount{Done: 3, Unit: "files"}, "3 files"},
		{events.Amount{Done: 1 << 20 * 3 / 2, Total: 48 << 20, Unit: "bytes"}, "1.5 MiB of 48.0 MiB"},
		{events.Amount{Done: 1023, Unit: "bytes"}, "1023 B"},
		{events.Amount{Done: math.MaxInt64, Unit: "bytes"}, "8.0 EiB"},
		{events.Amount{Done: math.MinInt64, Unit: "bytes"}, "-8.0 EiB"},
	} {
		if got := tt.a.String(); got != tt.want {
			t.Errorf("%#v: got %q, want %q", tt.a, got, tt.want)
		}
	}
	if f, ok := (events.Amount{Done: 1, Total: 4}).Fraction(); f != .25 || !ok {
		t.Errorf("fraction %v, %v", f, ok)
	}
	if f, ok := (events.Amount{Done: 9, Total: 4}).Fraction(); f != 1 || !ok {
		t.Errorf("fraction %v, %v", f, ok)
	}
	if _, ok := (events.Amount{Done: 9}).Fraction(); ok {
		t.Error("a fraction of an unknown total")
	}
}

func TestString(t *testing.T) {
	web := &titledCase{key: "web"}
	for _, tt := range []struct {
		ev   events.Event
		want string
	}{
		{events.Event{Phase: events.Begin, Payload: web}, "case.titled web: pending"},
		{events.Event{Phase: events.Progress, Payload: web, Detail: events.Amount{Done: 1, Total: 2, Unit: "files"}}, "case.titled web: pending: 1 of 2 files"},
		{events.Event{Phase: events.Progress, Payload: web, Detail: []int{1}}, "case.titled web: pending: [1]"},
		{events.Event{Phase: events.End, Status: events.Succeeded, Kind: events.Undo, Payload: web, Dur: 1234567}, "undo case.titled web: succeeded in 1.23ms"},
		{events.Event{Phase: events.End, Status: events.Failed, Reason: events.Errored, Payload: web, Err: io.EOF}, "case.titled web: failed: EOF"},
		{events.Event{Phase: events.End, Status: events.Failed, Reason: events.Broke, Payload: web, Err: events.ErrBreak, Dur: 7}, "case.titled web: failed (broke) in 7ns: the consumer left"},
		{events.Event{Phase: events.End, Status: events.Skipped, Payload: web, Err: events.Skip("so"), Dur: 7}, "case.titled web: skipped: so"},
	} {
		if got := tt.ev.String(); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}

func TestTee(t *testing.T) {
	op := events.New(&emptyCase{}, func(s events.Step) (int, error) { return 0, s.Do(&emptyCase{}, nothing) })
	var seen []uint64
	for ev := range events.Tee(op.Events(t.Context()), func(ev *events.Event) { seen = append(seen, ev.Seq) }) {
		if last := seen[len(seen)-1]; last != ev.Seq {
			t.Errorf("the sink saw %d before the consumer saw %d", last, ev.Seq)
		}
		if ev.Seq == 3 {
			break
		}
	}
	if len(seen) != 3 {
		t.Errorf("the sink saw %v", seen)
	}
}
