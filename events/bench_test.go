package events_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/libioc/ioc/events"
)

// mountCase is a payload like those of drivers: a subject and a few attributes.
type mountCase struct {
	jail, source, target string
	flags                int
}

func (*mountCase) EventType() string  { return "mount.bind" }
func (m *mountCase) EventKey() string { return m.jail }
func (m *mountCase) AppendAttrs(dst []slog.Attr) []slog.Attr {
	return append(dst, slog.String("source", m.source), slog.String("target", m.target), slog.Int("flags", m.flags))
}

// emptyCase is a payload that costs nothing.
type emptyCase struct{}

func (*emptyCase) EventType() string { return "empty" }

func nothing(events.Step) error { return nil }

func perEvent(b *testing.B, n int) {
	b.Helper()
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/event")
}

// BenchmarkTwoClockReads is the yardstick of the others on a noisy machine: a step reads the clock
// twice, at its begin and its end.
func BenchmarkTwoClockReads(b *testing.B) {
	start := time.Now()
	var sum time.Duration
	for b.Loop() {
		sum += time.Since(start)
		sum += time.Since(start)
	}
	runtime.KeepAlive(sum)
}

// benchSteps runs b.N steps below depth-1 others; two events each.
func benchSteps(b *testing.B, depth int, consume func(events.Op[int], context.Context)) {
	b.ReportAllocs()
	var nest func(s events.Step, left int) error
	nest = func(s events.Step, left int) error {
		if left > 0 {
			return s.Do(&emptyCase{}, func(s events.Step) error { return nest(s, left-1) })
		}
		for range b.N {
			if err := s.Do(&emptyCase{}, nothing); err != nil {
				return err
			}
		}
		return nil
	}
	op := events.New(&emptyCase{}, func(s events.Step) (int, error) { return 0, nest(s, depth-1) })
	b.ResetTimer()
	consume(op, b.Context())
	perEvent(b, 2*b.N)
}

func drain(op events.Op[int], ctx context.Context) {
	for range op.Events(ctx) { //nolint:revive // the consumer of the benchmark wants nothing
	}
}

func BenchmarkEventFlat(b *testing.B)    { benchSteps(b, 1, drain) }
func BenchmarkEventDepth10(b *testing.B) { benchSteps(b, 10, drain) }

// BenchmarkDo is the synchronous form: nobody looks at the events.
func BenchmarkDo(b *testing.B) {
	benchSteps(b, 1, func(op events.Op[int], ctx context.Context) { _, _ = op.Do(ctx) })
}

// BenchmarkRun is a whole operation of one event.
func BenchmarkRun(b *testing.B) {
	b.ReportAllocs()
	op := events.New(&emptyCase{}, func(events.Step) (int, error) { return 0, nil })
	for b.Loop() {
		_, _ = op.Do(b.Context())
	}
}

// BenchmarkFailingOperation is a whole operation of three steps, the last of which fails, and the two
// undos that follow.
func BenchmarkFailingOperation(b *testing.B) {
	b.ReportAllocs()
	boom := errors.New("boom")
	undo := func(events.Step) error { return nil }
	op := events.New(&emptyCase{}, func(s events.Step) (int, error) {
		for range 2 {
			if err := s.Do(&emptyCase{}, func(s events.Step) error {
				s.OnRollback("effect", undo)
				return nil
			}); err != nil {
				return 0, err
			}
		}
		return 0, boom
	})
	n := 0
	for b.Loop() {
		for range op.Events(b.Context()) {
			n++
		}
	}
	perEvent(b, n)
}

// BenchmarkGroup is steps in four lanes, which hand every event over.
func BenchmarkGroup(b *testing.B) {
	b.ReportAllocs()
	const lanes = 4
	op := events.New(&emptyCase{}, func(s events.Step) (int, error) {
		return 0, s.Group(func(g *events.Group) {
			for range lanes {
				g.Go(&emptyCase{}, func(s events.Step) error {
					for range b.N / lanes {
						if err := s.Do(&emptyCase{}, nothing); err != nil {
							return err
						}
					}
					return nil
				})
			}
		})
	})
	b.ResetTimer()
	drain(op, b.Context())
	perEvent(b, 2*b.N)
}

// sampleEvents are the events of a step as a sink sees them.
func sampleEvents() []events.Event {
	run := &events.RunInfo{Started: time.Unix(1795339812, 0), Host: "h", PID: 7}
	p := &mountCase{"web", "/var/lib/ioc/releases/base/root", "/var/lib/ioc/jails/web/root", 4096}
	begin := events.Event{
		Run: run, Seq: 41, ID: 21, Parent: 3, At: 1234567, Depth: 2, Phase: events.Begin, Payload: p,
	}
	end := begin
	end.Seq, end.Phase, end.Status, end.At, end.Dur = 42, events.End, events.Succeeded, 1334567, 100000
	return []events.Event{begin, end}
}

// BenchmarkNDJSON is per record, half of which are Begins that carry three attributes.
func BenchmarkNDJSON(b *testing.B) {
	b.ReportAllocs()
	evs := sampleEvents()
	sink := events.NDJSON(io.Discard)
	sink(&evs[0])
	for i := 0; b.Loop(); i++ {
		sink(&evs[i&1])
	}
}

func BenchmarkReadNDJSON(b *testing.B) {
	evs := sampleEvents()
	r, w := io.Pipe()
	go func() {
		sink := events.NDJSON(w)
		for i := 0; i <= b.N; i++ {
			sink(&evs[i&1])
		}
		_ = w.Close()
	}()
	b.ReportAllocs()
	for _, err := range events.ReadNDJSON(r) {
		if err != nil && !errors.Is(err, events.ErrTruncated) {
			b.Fatal(err)
		}
	}
}

// benchHub measures what the hub costs the operation, while readers take every event they can get.
func benchHub(b *testing.B, readers int) {
	b.ReportAllocs()
	evs := sampleEvents()
	h := events.NewHub(1024)
	sink := h.Sink()
	ctx, cancel := context.WithCancel(b.Context())
	var wg sync.WaitGroup
	for range readers {
		wg.Go(func() {
			seen := uint64(0)
			for batch := range h.Subscribe(ctx, 0) {
				seen += uint64(len(batch))
			}
		})
	}
	for i := 0; b.Loop(); i++ {
		ev := &evs[i&1]
		ev.Seq = uint64(i) + 1
		ev.ID = events.ID(i/2) + 1
		sink(ev)
	}
	b.StopTimer()
	cancel()
	wg.Wait()
}

func BenchmarkHub0(b *testing.B)  { benchHub(b, 0) }
func BenchmarkHub1(b *testing.B)  { benchHub(b, 1) }
func BenchmarkHub10(b *testing.B) { benchHub(b, 10) }

// BenchmarkHub10Run is an operation whose hub has ten readers; compare it with BenchmarkEventFlat.
func BenchmarkHub10Run(b *testing.B) {
	h := events.NewHub(1024)
	ctx, cancel := context.WithCancel(b.Context())
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() {
			for range h.Subscribe(ctx, 0) { //nolint:revive // the reader of the benchmark wants nothing
			}
		})
	}
	benchSteps(b, 1, func(op events.Op[int], ctx context.Context) { _, _ = op.Do(ctx, events.WithSink(h.Sink())) })
	b.StopTimer()
	cancel()
	wg.Wait()
}

// BenchmarkSlog is per event, at the level that production logs at.
func BenchmarkSlog(b *testing.B) {
	b.ReportAllocs()
	evs := sampleEvents()
	sink := events.Slog(slog.New(slog.NewJSONHandler(io.Discard, nil)))
	for i := 0; b.Loop(); i++ {
		sink(&evs[i&1])
	}
}

func BenchmarkString(b *testing.B) {
	b.ReportAllocs()
	evs := sampleEvents()
	for i := 0; b.Loop(); i++ {
		_ = evs[i&1].String()
	}
}
