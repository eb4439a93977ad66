package events_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/events/eventstest"
)

// replayer is a recovery: it replays records of another run under one step and notes what is written.
type replayer struct {
	w    *shelf
	reg  *events.Registry
	log  *eventstest.Memory
	dead events.DeadRun
}

func newReplayer() *replayer {
	return &replayer{w: &shelf{}, reg: events.NewRegistry(), log: &eventstest.Memory{}, dead: events.DeadRun{Root: "jail.start web", SameBoot: true}}
}

// records opens the dead run's log as a recovery would find it.
func (r *replayer) records(recs ...events.Replay) (events.Log, []events.Replay) {
	log, err := r.log.Open(nil, nil)
	if err != nil {
		panic(err)
	}
	for i := range recs {
		rec := events.Record{Type: events.RecUndo, Event: recs[i].Event, Name: recs[i].Name, Params: recs[i].Params}
		if recs[i].Deferred {
			rec.Type = events.RecDefer
		}
		if recs[i].LSN, err = log.Append(&rec); err != nil {
			panic(err)
		}
	}
	return log, recs
}

// op replays recs newest first and goes on after a failure.
func (r *replayer) op(log events.Log, recs []events.Replay) events.Op[int] {
	return rootOp(func(s events.Step) error {
		for _, rec := range slices.Backward(recs) {
			_ = s.Replay(r.reg, log, &r.dead, rec) // it is residue
		}
		return nil
	})
}

// written is what was appended after the n records that were there.
func (r *replayer) written(n int) string {
	var out []string
	for _, rec := range r.log.Records()[n:] {
		out = append(out, fmt.Sprintf("%d:%d%s", rec.Type, rec.Ref, rec.Name))
	}
	return strings.Join(out, " ")
}

func params(t *testing.T, v any) []byte {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestReplay(t *testing.T) {
	r := newReplayer()
	bound := 0
	events.Register[put](r.reg, "put.v1", events.Bind(func(e *put) {
		bound++
		e.w = r.w
		e.undo = func(ctx context.Context) error {
			dead, ok := events.Recovery(ctx)
			if !ok || dead.Root != "jail.start web" || !dead.SameBoot {
				t.Errorf("Recovery gives %+v, %t", dead, ok)
			}
			return events.Report(ctx, "undoing")
		}
	}))
	act := events.Define(r.reg, "act.v1", func(s events.Step, name string) error {
		if _, ok := events.Recovery(s.Context()); !ok {
			t.Error("an action is not told that it recovers")
		}
		r.w.remove(name)
		return nil
	})
	_ = act
	r.w.on = []string{"a", "b"}
	log, recs := r.records(
		events.Replay{Event: 7, Name: "put.v1", Params: params(t, put{Name: "a"})},
		events.Replay{Event: 9, Name: "act.v1", Params: params(t, "b")},
	)
	evs, _, err := eventstest.Record(t, r.op(log, recs))
	if err != nil || bound != 1 {
		t.Errorf("%v; bound %d times", err, bound)
	}
	outline(t, evs, `
			begin root
				begin revert act.v1
				end revert act.v1: succeeded
				begin revert put a
				progress revert put a: undoing
				end revert put a: succeeded
			end root: succeeded`)
	onShelf(t, r.w, "")
	if got := r.written(2); got != "2:2 2:1" {
		t.Errorf("written: %s", got)
	}
}

func TestReplayForward(t *testing.T) {
	r := newReplayer()
	events.Register[burn](r.reg, "burn.v1", events.Bind(func(e *burn) { e.w = r.w }))
	events.Define(r.reg, "act.v1", func(_ events.Step, name string) error { r.w.add(name); return nil })
	log, recs := r.records(
		events.Replay{Event: 7, Name: "burn.v1", Params: params(t, burn{Name: "x"}), Deferred: true},
		events.Replay{Event: 7, Name: "act.v1", Params: params(t, "y"), Deferred: true},
	)
	if err := log.Commit(nil); err != nil {
		t.Fatal(err)
	}
	evs, _, err := eventstest.Record(t, r.op(log, recs))
	if err != nil {
		t.Error(err)
	}
	outline(t, evs, `
			begin root
				begin commit act.v1
				end commit act.v1: succeeded
				begin commit burn x
				end commit burn x: succeeded
			end root: succeeded`)
	onShelf(t, r.w, "y burnt-x")
	if got := r.written(2); got != "9:2 9:1" {
		t.Errorf("written: %s", got)
	}
}

// TestReplayFailures: unknown names, parameters that do not decode, compensations that fail or panic.
func TestReplayFailures(t *testing.T) {
	r := newReplayer()
	tries := 0
	events.Define(r.reg, "flaky.v1", func(events.Step, int) error { tries++; return errBoom }, events.Retry(3, 0))
	events.Define(r.reg, "panics.v1", func(events.Step, int) error { panic("oh") })
	log, recs := r.records(
		events.Replay{Event: 1, Name: "flaky.v1", Params: []byte("1")},
		events.Replay{Event: 2, Name: "panics.v1", Params: []byte("1")},
		events.Replay{Event: 3, Name: "flaky.v1", Params: []byte("{")},
		events.Replay{Event: 4, Name: "unknown.v9", Params: []byte("1")},
	)
	run := r.op(log, recs).Start(t.Context(), eventstest.Watch(t))
	if _, err := run.Wait(); err != nil {
		t.Error(err)
	}
	res := run.Residue()
	if len(res) != 4 || !errors.Is(res[0].Err, events.ErrUnregistered) || res[0].LSN != 4 || res[0].Of != 4 || !errors.Is(res[3].Err, errBoom) {
		t.Errorf("residue %v", res)
	}
	if tries != 3 {
		t.Errorf("%d tries, want 3", tries)
	}
	if got := r.written(4); got != "3:4 3:3 3:2 3:1" {
		t.Errorf("written: %s", got)
	}
}

// TestReplayNested: what a replayed compensation registers goes to the dead run's log, under the record.
func TestReplayNested(t *testing.T) {
	for _, fail := range []error{nil, errBoom} {
		r := newReplayer()
		events.Register[put](r.reg, "put.v1")
		events.Define(r.reg, "act.v1", func(s events.Step, _ int) error {
			err := s.Group(func(g *events.Group) {
				lane(g, "lane", func(s events.Step) error { return r.w.put(s, "n") })
			})
			return errors.Join(err, fail)
		})
		log, recs := r.records(events.Replay{Event: 7, Name: "act.v1", Params: []byte("1")})
		run := r.op(log, recs).Start(t.Context(), eventstest.Watch(t))
		_, _ = run.Wait()
		want, left := "1:1put.v1 2:1", "n"
		if fail != nil {
			want, left = "1:1put.v1 2:2 3:1", ""
		}
		if got := r.written(1); got != want {
			t.Errorf("fail %v: written %s, want %s", fail, got, want)
		}
		onShelf(t, r.w, left)
	}
}

// TestReplayStopped: a record that is being replayed is finished, the next is not begun.
func TestReplayStopped(t *testing.T) {
	for _, phase := range []events.Phase{events.Begin, events.End} {
		r := newReplayer()
		events.Define(r.reg, "act.v1", func(_ events.Step, name string) error { r.w.remove(name); return nil })
		r.w.on = []string{"a", "b"}
		log, recs := r.records(
			events.Replay{Event: 1, Name: "act.v1", Params: params(t, "a")},
			events.Replay{Event: 2, Name: "act.v1", Params: params(t, "b")},
		)
		_, evs := consume(t, r.op(log, recs), func(_ *events.Run[int], ev events.Event) bool {
			return ev.Kind != events.Revert || ev.Phase != phase
		})
		reasonIs(t, evs, events.Failed, events.Broke)
		onShelf(t, r.w, "a")
		if got := r.written(2); got != "2:2" {
			t.Errorf("written: %s", got)
		}
	}
}

// binary is an effect with an encoding of its own.
type binary struct{ n byte }

func (*binary) EventType() string                       { return "binary" }
func (*binary) Do(context.Context) error                { return nil }
func (b *binary) Undo(context.Context) error            { b.n++; return nil }
func (b *binary) AppendBinary(d []byte) ([]byte, error) { return append(d, b.n), nil }
func (b *binary) UnmarshalBinary(d []byte) error {
	if len(d) != 1 {
		return errBoom
	}
	b.n = d[0]
	return nil
}

func TestRegistry(t *testing.T) {
	reg := events.NewRegistry()
	events.Register[binary](reg, "binary.v1", events.Guard(func(_ context.Context, b *binary) (func(), error) {
		if b.n == 9 {
			return nil, errBoom
		}
		return func() { b.n = 0 }, nil
	}))
	type size int
	codec := events.Define(reg, "codec.v1", func(events.Step, size) error { return nil },
		events.Codec(func(dst []byte, s size) ([]byte, error) { return append(dst, byte(s)), nil },
			func(d []byte) (size, error) { return size(d[0]), nil }))
	if got := reg.Names(); !slices.Equal(got, []string{"binary.v1", "codec.v1"}) {
		t.Errorf("names %v", got)
	}
	e, err := reg.Decode("binary.v1", []byte{5})
	if b, ok := e.(*binary); err != nil || !ok || b.n != 5 {
		t.Errorf("decoded %v, %v", e, err)
	}
	for name, p := range map[string][]byte{"unknown": nil, "binary.v1": {1, 2}, "codec.v1": {1}} {
		if _, err := reg.Decode(name, p); err == nil {
			t.Errorf("Decode of %s succeeds", name)
		}
	}
	if _, err := reg.Guard(t.Context(), "binary.v1", []byte{9}); !errors.Is(err, errBoom) {
		t.Errorf("a guard that refuses: %v", err)
	}
	if release, err := reg.Guard(t.Context(), "binary.v1", nil); err != nil || release == nil {
		t.Errorf("a guard of parameters that do not decode: %v", err)
	}
	for _, name := range []string{"binary.v1", "codec.v1", "unknown"} {
		release, err := reg.Guard(t.Context(), name, []byte{1})
		if err != nil {
			t.Fatalf("guard of %s: %v", name, err)
		}
		release()
	}
	for what, f := range map[string]func(){
		"a name twice": func() { events.Define(reg, "binary.v1", func(events.Step, int) error { return nil }) },
		"a type twice": func() { events.Register[binary](reg, "binary.v2") },
	} {
		if panicOf(f) == nil {
			t.Errorf("%s is accepted", what)
		}
	}
	mem := &eventstest.Memory{}
	_, err = eventstest.Verify(t, rootOp(func(s events.Step) error {
		return errors.Join(s.Apply(&binary{3}), s.Undo(codec.With(4)))
	}), events.WithJournal(mem), events.WithRegistry(reg))
	recs := mem.Records()
	if err != nil || len(recs) != 2 || string(recs[0].Params) != "\x03" || string(recs[1].Params) != "\x04" {
		t.Errorf("%v; records %+v", err, recs)
	}
}

// TestCompleteWhole: a step that no stop reaches, but whose run is stopped all the same.
func TestCompleteWhole(t *testing.T) {
	w := &shelf{}
	op := rootOp(func(s events.Step) error {
		return s.Complete(&events.Named{Type: "C"}, func(s events.Step) error {
			if err := s.Progress("half"); err != nil {
				t.Errorf("Progress: %v", err)
			}
			if s.Context().Err() != nil {
				t.Error("its context is cancelled")
			}
			return act(s, "D", func(s events.Step) error { w.add("whole"); return nil })
		})
	})
	_, evs := consume(t, op, func(_ *events.Run[int], ev events.Event) bool { return ev.Phase != events.Progress })
	outline(t, evs, `
			begin root
				begin C
				progress C: half
					begin D
					end D: succeeded
				end C: failed (broke) the consumer left
			end root: failed (broke) the consumer left`)
	onShelf(t, w, "whole")
	run, _ := consume(t, op, func(_ *events.Run[int], ev events.Event) bool { return !is(ev, events.Begin, "root") })
	if run.Err() == nil || w.String() != "whole" {
		t.Errorf("it was begun after a stop: %s", w)
	}
}
