package events_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"pgregory.net/rapid"

	"github.com/libioc/ioc/events"
)

// hubReader follows a subscription as a consumer would and holds it against what really happened.
type hubReader struct {
	last    uint64
	pending map[events.ID]uint64 // Seq of the Begin
	lost    uint64
	batches int
	done    bool
}

// take folds one batch.
func (r *hubReader) take(batch []events.Event, lost uint64) error {
	r.batches++
	if len(batch) == 0 {
		return errors.New("an empty batch")
	}
	if lost > 0 || r.pending == nil {
		r.pending = map[events.ID]uint64{}
	}
	snapshot, before := r.last+lost, uint64(0)
	r.lost += lost
	r.last += lost
	for _, ev := range batch {
		if ev.Seq <= before {
			return fmt.Errorf("event %d after event %d", ev.Seq, before)
		}
		before = ev.Seq
		switch {
		case lost > 0 && ev.Seq <= snapshot:
			if ev.Phase != events.Begin {
				return fmt.Errorf("event %d of the snapshot is a %s", ev.Seq, ev.Phase)
			}
		case ev.Seq != r.last+1:
			return fmt.Errorf("event %d after event %d and a loss of %d", ev.Seq, r.last, lost)
		default:
			r.last = ev.Seq
		}
		switch ev.Phase {
		case events.Begin:
			r.pending[ev.ID] = ev.Seq
		case events.End:
			if _, ok := r.pending[ev.ID]; !ok {
				return fmt.Errorf("event %d ends %d, which is not known to be pending", ev.Seq, ev.ID)
			}
			delete(r.pending, ev.ID)
			r.done = ev.Parent == 0
		case events.Progress:
		}
	}
	return nil
}

func (r *hubReader) follow(ctx context.Context, h *events.Hub, after uint64) error {
	r.last = after
	for batch, lost := range h.Subscribe(ctx, after) {
		if err := r.take(batch, lost); err != nil {
			return err
		}
	}
	if !r.done && ctx.Err() == nil {
		return errors.New("it ended before the run did")
	}
	if r.done && len(r.pending) > 0 {
		return fmt.Errorf("still pending after the end: %v", r.pending)
	}
	return nil
}

// busyOp has n steps in every one of some lanes, and steps that stay pending meanwhile.
func busyOp(lanes, n int) events.Op[int] {
	return events.New(&emptyCase{}, func(s events.Step) (int, error) {
		return 0, s.Group(func(g *events.Group) {
			for range lanes {
				g.Go(&emptyCase{}, func(s events.Step) error {
					return s.Do(&emptyCase{}, func(s events.Step) error {
						for range n {
							if err := s.Do(&emptyCase{}, func(s events.Step) error { return s.Progress(1) }); err != nil {
								return err
							}
						}
						return nil
					})
				})
			}
		})
	})
}

func TestHubManyReaders(t *testing.T) {
	for _, size := range []int{1, 16, 1024, 1 << 16} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			h := events.NewHub(size)
			var wg sync.WaitGroup
			errs := make([]error, 12)
			readers := make([]hubReader, len(errs))
			for i := range errs {
				wg.Go(func() { errs[i] = readers[i].follow(t.Context(), h, 0) })
			}
			total := uint64(0)
			for ev := range busyOp(4, 300).Events(t.Context(), events.WithSink(h.Sink())) {
				total = ev.Seq
			}
			wg.Wait()
			for i, err := range errs {
				if err != nil {
					t.Errorf("reader %d: %v", i, err)
				}
				if readers[i].last != total {
					t.Errorf("reader %d got to %d of %d", i, readers[i].last, total)
				}
				if size >= int(total) && readers[i].lost > 0 {
					t.Errorf("reader %d lost %d that the hub had", i, readers[i].lost)
				}
			}
			late := hubReader{}
			if err := late.follow(t.Context(), h, 0); err != nil || !late.done {
				t.Errorf("late reader: %v", err)
			}
			if kept := total - late.lost; kept < min(total, uint64(size)) {
				t.Errorf("the hub of %d kept %d", size, kept)
			}
			if n := late.batches; n != 1 {
				t.Errorf("a late reader got %d batches", n)
			}
			for range h.Subscribe(t.Context(), total) {
				t.Error("a batch after the last event")
			}
		})
	}
}

// TestHubSlowReader: a reader that does not come back does not hold up the run, and is told what it
// missed.
func TestHubSlowReader(t *testing.T) {
	h := events.NewHub(64)
	sink := h.Sink()
	first, release := make(chan struct{}), make(chan struct{})
	var r hubReader
	var losses []uint64
	var wg sync.WaitGroup
	var err error
	wg.Go(func() {
		for batch, lost := range h.Subscribe(t.Context(), 0) {
			losses = append(losses, lost)
			if err = r.take(batch, lost); err != nil {
				return
			}
			if r.batches == 1 {
				close(first)
				<-release
			}
		}
	})
	if _, err := busyOp(1, 1000).Do(t.Context(), events.WithSink(func(ev *events.Event) {
		sink(ev)
		if ev.Seq == 1 {
			<-first
		}
	})); err != nil {
		t.Fatal(err)
	}
	close(release)
	wg.Wait()
	if err != nil || !r.done || len(losses) != 2 || losses[0] != 0 || losses[1] == 0 {
		t.Errorf("losses %v, done %v, error %v", losses, r.done, err)
	}
}

// feed publishes a made-up stream.
type feed struct {
	h    *events.Hub
	run  *events.RunInfo
	seq  uint64
	last events.ID
	log  []events.Event
}

func newFeed(n int) *feed { return &feed{h: events.NewHub(n), run: &events.RunInfo{PID: 1}} }

func (f *feed) publish(ev events.Event) {
	f.seq++
	ev.Run, ev.Seq = f.run, f.seq
	if ev.Phase == events.Begin {
		f.last++
		ev.ID = f.last
	}
	f.log = append(f.log, ev)
	f.h.Sink()(&ev)
}

// pendingAt lists the pending steps after event seq, by the Seq of their Begin.
func (f *feed) pendingAt(seq uint64) []uint64 {
	begun := map[events.ID]uint64{}
	for _, ev := range f.log[:seq] {
		switch ev.Phase {
		case events.Begin:
			begun[ev.ID] = ev.Seq
		case events.End:
			delete(begun, ev.ID)
		case events.Progress:
		}
	}
	var list []uint64
	for _, s := range begun {
		list = append(list, s)
	}
	slices.Sort(list)
	return list
}

// TestHubSnapshot holds snapshots against a model, for steps that end in any order.
func TestHubSnapshot(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := newFeed(rapid.IntRange(-1, 40).Draw(t, "size"))
		f.publish(events.Event{Phase: events.Begin})
		open := []events.ID{}
		for _, act := range rapid.SliceOfN(rapid.IntRange(0, 9), 0, 300).Draw(t, "acts") {
			switch {
			case act < 4 || len(open) == 0:
				f.publish(events.Event{Parent: 1, Phase: events.Begin})
				open = append(open, f.last)
			case act < 8:
				i := rapid.IntRange(0, len(open)-1).Draw(t, "end")
				f.publish(events.Event{ID: open[i], Parent: 1, Phase: events.End, Status: events.Succeeded})
				open = slices.Delete(open, i, i+1)
			case act == 8:
				f.publish(events.Event{ID: open[0], Parent: 1, Phase: events.Progress})
			default:
				after := rapid.Uint64Range(0, f.seq-1).Draw(t, "after")
				for batch, lost := range f.h.Subscribe(context.Background(), after) {
					var got []uint64
					for len(batch) > 0 && batch[0].Seq <= after+lost {
						got = append(got, batch[0].Seq)
						batch = batch[1:]
					}
					if want := f.pendingAt(after + lost); lost > 0 && !slices.Equal(got, want) {
						t.Fatalf("snapshot %v, want %v", got, want)
					}
					if lost == 0 && len(got) > 0 {
						t.Fatalf("a snapshot %v without a loss", got)
					}
					for i, ev := range batch {
						if want := f.log[after+lost+uint64(i)]; ev != want {
							t.Fatalf("got %+v, want %+v", ev, want)
						}
					}
					if after+lost+uint64(len(batch)) != f.seq {
						t.Fatalf("%d events after %d, of %d", len(batch), after+lost, f.seq)
					}
					break
				}
			}
		}
	})
}

// TestHubWaiting: subscribers that wait are all woken by an event, also after one of them left.
func TestHubWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFeed(16)
		const n = 5
		got := make([]hubReader, n)
		var cancels []context.CancelFunc
		var wg sync.WaitGroup
		for i := range n {
			ctx, cancel := context.WithCancel(t.Context())
			cancels = append(cancels, cancel)
			wg.Go(func() {
				if err := got[i].follow(ctx, f.h, 0); err != nil {
					t.Error(err)
				}
			})
			synctest.Wait() // they wait in this order: the first is the one that is woken by the run
		}
		expect := func(last uint64, from int) {
			t.Helper()
			synctest.Wait()
			for i := from; i < n; i++ {
				if got[i].last != last {
					t.Errorf("subscriber %d got to %d, want %d", i, got[i].last, last)
				}
			}
		}
		f.publish(events.Event{Phase: events.Begin})
		expect(1, 0)
		cancels[0]()
		synctest.Wait()
		f.publish(events.Event{Parent: 1, Phase: events.Begin})
		expect(2, 1)
		for i := range n - 1 {
			cancels[i]()
		}
		f.publish(events.Event{ID: 2, Parent: 1, Phase: events.End, Status: events.Succeeded})
		expect(3, n-1)
		f.publish(events.Event{ID: 1, Phase: events.End, Status: events.Succeeded})
		expect(4, n-1)
		wg.Wait() // the last subscriber ended because the run did
		cancels[n-1]()
	})
}

// TestHubBeforeAndBeyond: a subscriber may come before the run, and wait for an event far ahead.
func TestHubBeforeAndBeyond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFeed(16)
		if f.h.Run() != nil {
			t.Error("a run before the first event")
		}
		var got []uint64
		var wg sync.WaitGroup
		wg.Go(func() {
			for batch := range f.h.Subscribe(t.Context(), 3) {
				for _, ev := range batch {
					got = append(got, ev.Seq)
				}
			}
		})
		synctest.Wait()
		for range 4 {
			f.publish(events.Event{Phase: events.Begin})
			synctest.Wait()
		}
		f.publish(events.Event{ID: 1, Phase: events.End, Status: events.Succeeded})
		f.publish(events.Event{ID: 2, Phase: events.End, Status: events.Succeeded}) // after the end: not the hub's
		wg.Wait()
		if !slices.Equal(got, []uint64{4, 5}) {
			t.Errorf("got %v", got)
		}
		if f.h.Run() != f.run {
			t.Error("not the run of its events")
		}
	})
}

// TestHubLeave: leaving the loop, and a context that is done, end a subscription; the hub goes on.
func TestHubLeave(t *testing.T) {
	f := newFeed(16)
	f.publish(events.Event{Phase: events.Begin})
	for range f.h.Subscribe(t.Context(), 0) {
		break
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range f.h.Subscribe(ctx, 0) {
		t.Error("a batch although the context is done")
	}
	f.publish(events.Event{ID: 1, Phase: events.End, Status: events.Succeeded})
	var r hubReader
	if err := r.follow(t.Context(), f.h, 0); err != nil || r.last != 2 {
		t.Errorf("got to %d: %v", r.last, err)
	}
}

// TestHubSecondRun: a hub serves the first run that it sees and ignores any other.
func TestHubSecondRun(t *testing.T) {
	h := events.NewHub(1024)
	inner := events.New(&emptyCase{}, func(s events.Step) (int, error) { return 0, s.Do(&emptyCase{}, nothing) })
	outer := events.New(&emptyCase{}, func(s events.Step) (int, error) {
		_, err := inner.Do(s.Context(), events.WithSink(h.Sink())) // a run of its own
		return 0, err
	})
	if _, err := outer.Do(t.Context(), events.WithSink(h.Sink())); err != nil {
		t.Fatal(err)
	}
	if _, err := outer.Do(t.Context(), events.WithSink(h.Sink())); err != nil {
		t.Fatal(err)
	}
	var r hubReader
	if err := r.follow(t.Context(), h, 0); err != nil || r.last != 2 {
		t.Errorf("got to %d: %v", r.last, err)
	}
}
