package events_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/events/eventstest"
)

// TestEffect has a row for each way an effect can end.
func TestEffect(t *testing.T) {
	errDo := errors.New("no")
	for _, tc := range []struct {
		name string
		do   func(context.Context) error // before the change
		undo string                      // kind of the undo's event, or none
		end  string
		left string
	}{
		{"changes", nil, "", "end put x: succeeded", "x"},
		{"fails", func(context.Context) error { return errDo }, "end undo put x: succeeded", "end put x: failed (errored) no", ""},
		{"untouched", func(context.Context) error { return events.Untouched(errDo) }, "", "end put x: failed (errored) no", ""},
		{"wrapped-untouched", func(context.Context) error { return fmt.Errorf("x: %w", events.Untouched(errDo)) }, "", "end put x: failed (errored) x: no", ""},
		{"skips", func(context.Context) error { return events.Skip("is so") }, "", "end put x: skipped (is so)", ""},
		{"panics", func(context.Context) error { panic("oh") }, "end undo put x: succeeded", "end put x: failed (panicked) panic: oh", ""},
	} {
		for _, journal := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s-journal-%t", tc.name, journal), func(t *testing.T) {
				w, mem := &shelf{}, &eventstest.Memory{}
				reg := events.NewRegistry()
				events.Register[put](reg, "put.v1")
				opts := []events.Option{events.PanicsAsErrors()}
				if journal {
					opts = append(opts, events.WithJournal(mem), events.WithRegistry(reg))
				}
				evs, _, _ := eventstest.Record(t, rootOp(func(s events.Step) error {
					_ = s.Apply(&put{Name: "x", w: w, do: tc.do}) // handled
					return nil
				}), opts...)
				lines := eventstest.Outline(evs)
				if !strings.Contains(lines, tc.end) || strings.Contains(lines, "undo") != (tc.undo != "") || !strings.Contains(lines, tc.undo) {
					t.Errorf("want %q and %q in\n%s", tc.end, tc.undo, lines)
				}
				onShelf(t, w, tc.left)
				if err := mem.Check(rootEnd(evs).Status == events.Succeeded, false); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// learner learns in every way that Go has.
type learner struct {
	PID   int
	Names []string
	Links map[string]int
	fn    func()
}

func (*learner) EventType() string          { return "learner" }
func (*learner) Undo(context.Context) error { return nil }
func (e *learner) Do(context.Context) error {
	if e.PID == 0 {
		e.PID = 7
	}
	e.Names[0] = "changed in place"
	e.Links["eth0"] = 3
	return nil
}

// TestEffectLearns: what Do stores is amended in the journal, however it is stored; the payload stays as it was.
func TestEffectLearns(t *testing.T) {
	for _, pid := range []int{0, 1} { // 1: only what is behind pointers changes
		mem := &eventstest.Memory{}
		reg := events.NewRegistry()
		events.Register[learner](reg, "learner.v1")
		e := &learner{PID: pid, Names: []string{"a"}, Links: map[string]int{}, fn: func() {}}
		evs, _, err := eventstest.Record(t, rootOp(func(s events.Step) error { return s.Apply(e) }),
			events.WithJournal(mem), events.WithRegistry(reg))
		if err != nil {
			t.Fatal(err)
		}
		recs := mem.Records()
		if len(recs) != 2 || recs[1].Type != events.RecAmend || recs[1].Ref != 1 {
			t.Fatalf("records %+v", recs)
		}
		var got learner
		if err := json.Unmarshal(recs[1].Params, &got); err != nil || got.Links["eth0"] != 3 || got.Names[0] != "changed in place" || got.PID != max(pid, 7) && pid == 0 {
			t.Errorf("amended to %s", recs[1].Params)
		}
		begin, end := evs[1], evs[2]
		if p, ok := events.As[*learner](begin); !ok || p == e || p.PID != pid {
			t.Errorf("the payload is %+v", begin.Payload)
		}
		if pid == 0 {
			if d, ok := end.Detail.(*learner); !ok || d == e || d.PID != 7 {
				t.Errorf("the detail is %+v", end.Detail)
			}
		}
	}
}

func TestEffectThatLearnsNothing(t *testing.T) {
	mem, w, reg := &eventstest.Memory{}, &shelf{}, events.NewRegistry()
	events.Register[put](reg, "put.v1")
	evs, _, err := eventstest.Record(t, rootOp(func(s events.Step) error { return w.put(s, "a") }),
		events.WithJournal(mem), events.WithRegistry(reg))
	if recs := mem.Records(); err != nil || len(recs) != 1 || string(recs[0].Params) != `{"Name":"a","Receipt":""}` || recs[0].Name != "put.v1" {
		t.Errorf("%v; records %+v", err, recs)
	}
	if evs[2].Detail != nil {
		t.Errorf("the detail is %+v", evs[2].Detail)
	}
}

func TestEffectReports(t *testing.T) {
	w := &shelf{}
	op := rootOp(func(s events.Step) error {
		err := s.Apply(&put{
			Name: "x", w: w, do: func(ctx context.Context) error {
				if events.RunOf(ctx).ID != s.Run().ID {
					t.Error("the effect's context is of another run")
				}
				return errors.Join(events.Report(ctx, "half"), events.Report(context.WithoutCancel(ctx), "all"))
			},
			undo: func(ctx context.Context) error { return events.Report(ctx, "back") },
		})
		return errors.Join(err, errBoom)
	})
	evs, _, _ := eventstest.Record(t, op)
	outline(t, evs, `
			begin root
				begin put x
				progress put x: half
				progress put x: all
				end put x: succeeded
				begin undo put x
				progress undo put x: back
				end undo put x: succeeded
			end root: failed (errored) boom`)
	if err := events.Report(t.Context(), "nobody"); err != nil {
		t.Errorf("Report without an effect: %v", err)
	}
}

// TestReportWhenStopped: an effect that reports learns that it should give up; its undo does not.
func TestReportWhenStopped(t *testing.T) {
	w := &shelf{}
	op := rootOp(func(s events.Step) error {
		return s.Apply(&put{
			Name: "x", w: w,
			do:   func(ctx context.Context) error { return errors.Join(events.Report(ctx, 1), events.Report(ctx, 2)) },
			undo: func(ctx context.Context) error { return events.Report(ctx, 3) },
		})
	})
	run, _ := consume(t, op, func(_ *events.Run[int], ev events.Event) bool { return ev.Phase != events.Progress })
	if len(run.Residue()) != 0 {
		t.Errorf("residue %v", run.Residue())
	}
	onShelf(t, w, "")
}

func TestUnregistered(t *testing.T) {
	w := &shelf{}
	for _, opts := range [][]events.Option{
		{events.WithJournal(&eventstest.Memory{})},
		{events.WithJournal(&eventstest.Memory{}), events.WithRegistry(events.NewRegistry())},
	} {
		_, err := eventstest.Verify(t, rootOp(func(s events.Step) error { return w.put(s, "a") }), opts...)
		if !errors.Is(err, events.ErrUnregistered) {
			t.Errorf("the outcome is %v", err)
		}
		_, err = eventstest.Verify(t, rootOp(func(s events.Step) error { return w.burn(s, "a") }), opts...)
		if !errors.Is(err, events.ErrUnregistered) {
			t.Errorf("the outcome of Defer is %v", err)
		}
	}
	onShelf(t, w, "")
}

// TestPolicyOfAnEffect: what Register was told holds with and without a journal.
func TestPolicyOfAnEffect(t *testing.T) {
	for _, journal := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w, mem, reg := &shelf{}, &eventstest.Memory{}, events.NewRegistry()
			events.Register[put](reg, "put.v1", events.Retry(3, time.Minute), events.Timeout(time.Second), events.Barrier(), events.DropAtReboot())
			tries := 0
			opts := []events.Option{events.WithRegistry(reg), eventstest.Watch(t)}
			if journal {
				opts = append(opts, events.WithJournal(mem))
			}
			run := rootOp(func(s events.Step) error {
				_ = w.put(s, "a")
				_ = s.Apply(&put{Name: "b", w: w, undo: func(ctx context.Context) error { tries++; <-ctx.Done(); return ctx.Err() }})
				_ = w.put(s, "c")
				return errBoom
			}).Start(t.Context(), opts...)
			start := time.Now()
			_, _ = run.Wait()
			res := run.Residue()
			if tries != 3 || time.Since(start) != 2*time.Minute+3*time.Second {
				t.Errorf("journal %t: %d tries in %v", journal, tries, time.Since(start))
			}
			if len(res) != 2 || !errors.Is(res[0].Err, context.DeadlineExceeded) || res[1].Err != events.ErrBarrier || res[0].Action != "put.v1" { //nolint:errorlint // identity
				t.Errorf("journal %t: residue %v", journal, res)
			}
			onShelf(t, w, "a b")
			for _, r := range mem.Records() {
				if !r.Volatile {
					t.Errorf("record %+v must survive a power cut, although it is dropped at a reboot", r)
				}
			}
		})
	}
}

func TestActions(t *testing.T) {
	var undone []string
	reg := events.NewRegistry()
	type host struct{ Name, Addr string }
	undo := events.Define(reg, "host.remove.v1", func(u events.Step, h host) error {
		undone = append(undone, h.Name+"@"+h.Addr)
		return u.Progress(h.Name)
	})
	other := events.Define(reg, "other.v1", func(events.Step, int) error { undone = append(undone, "other"); return nil })
	mem := &eventstest.Memory{}
	evs, _, err := eventstest.Record(t, rootOp(func(s events.Step) error {
		if err := s.Amend(undo.With(host{})); err == nil {
			t.Error("Amend without an Undo succeeds")
		}
		did := false
		err := s.ApplyWith(undo.With(host{Name: "a"}), func(ctx context.Context) error { did = ctx.Err() == nil; return nil })
		if !did {
			t.Error("the effect was not called")
		}
		err = errors.Join(err, act(s, "child", func(s events.Step) error { return s.Undo(other.With(2)) }))
		err = errors.Join(err, s.Amend(undo.With(host{"a", "10.0.0.1"})))
		if err := s.Amend(other.With(1)); err == nil {
			t.Error("Amend with another action succeeds")
		}
		return errors.Join(err, s.Undo(other.With(1)), s.Seal(), s.Undo(undo.With(host{Name: "b"})), errBoom)
	}), events.WithJournal(mem))
	if !errors.Is(err, errBoom) {
		t.Error(err)
	}
	if want := []string{"b@"}; !slices.Equal(undone, want) {
		t.Errorf("undone %v, want %v", undone, want)
	}
	if err := mem.Check(false, false); err != nil {
		t.Error(err)
	}
	if !strings.Contains(eventstest.Outline(evs), "progress undo host.remove.v1: b") {
		t.Errorf("no progress in\n%s", eventstest.Outline(evs))
	}
}

func TestAmendIsWhatIsUndone(t *testing.T) {
	got := 0
	undo := events.Define(events.NewRegistry(), "x.v1", func(_ events.Step, n int) error { got = n; return nil })
	_, _ = eventstest.Verify(t, rootOp(func(s events.Step) error {
		return errors.Join(s.Undo(undo.With(1)), s.Amend(undo.With(2)), s.Amend(undo.With(3)), errBoom)
	}))
	if got != 3 {
		t.Errorf("undone with %d, want 3", got)
	}
}

func TestBarrier(t *testing.T) {
	var undone []int
	reg := events.NewRegistry()
	plain := events.Define(reg, "plain.v1", func(_ events.Step, n int) error { undone = append(undone, n); return nil })
	barrier := events.Define(reg, "barrier.v1", func(events.Step, int) error { return errBoom }, events.Barrier())
	run := rootOp(func(s events.Step) error {
		_ = s.Undo(plain.With(1))
		_ = act(s, "A", func(s events.Step) error { // its barrier holds for its own
			return errors.Join(s.Undo(plain.With(2)), s.Undo(barrier.With(0)), s.Undo(plain.With(3)), errors.New("x"))
		})
		return errors.New("y")
	}).Start(t.Context(), eventstest.Watch(t))
	_, _ = run.Wait()
	if want := []int{3, 1}; !slices.Equal(undone, want) {
		t.Errorf("undone %v, want %v", undone, want)
	}
	if res := run.Residue(); len(res) != 2 || res[1].Err != events.ErrBarrier { //nolint:errorlint // identity
		t.Errorf("residue %v", res)
	}
}

// TestBarrierThatExits: it holds although nobody returns from it.
func TestBarrierThatExits(t *testing.T) {
	w := &shelf{}
	barrier := events.Define(events.NewRegistry(), "barrier.v1", func(events.Step, int) error { runtime.Goexit(); return nil }, events.Barrier())
	run := rootOp(func(s events.Step) error { return errors.Join(w.put(s, "a"), s.Undo(barrier.With(0)), errBoom) }).
		Start(t.Context(), eventstest.Watch(t))
	inGoroutine(func() { _, _ = run.Wait() })
	onShelf(t, w, "a")
	if res := run.Residue(); len(res) != 2 || res[1].Err != events.ErrBarrier { //nolint:errorlint // identity
		t.Errorf("residue %v", res)
	}
}

// TestRetryOfADeferredAction: it is tried as often as a compensation.
func TestRetryOfADeferredAction(t *testing.T) {
	tries := 0
	flaky := events.Define(events.NewRegistry(), "flaky.v1", func(events.Step, int) error {
		if tries++; tries < 3 {
			return errBoom
		}
		return nil
	}, events.Retry(3, 0))
	run := rootOp(func(s events.Step) error { return s.AfterCommit(flaky.With(1)) }).Start(t.Context(), eventstest.Watch(t))
	if _, err := run.Wait(); err != nil || tries != 3 || len(run.Residue()) != 0 {
		t.Errorf("%v after %d tries, residue %v", err, tries, run.Residue())
	}
}

// TestSealInterrupted: what was sealed runs even if the consumer's goroutine exits in the middle.
func TestSealInterrupted(t *testing.T) {
	for _, leave := range []func(){runtime.Goexit, func() { panic("loop") }} {
		w := &shelf{}
		op := rootOp(func(s events.Step) error {
			_, _, _, _ = w.put(s, "a"), w.burn(s, "x"), w.burn(s, "y"), w.burn(s, "z")
			return s.Seal()
		})
		inGoroutine(func() {
			_ = panicOf(func() {
				for ev := range op.Events(t.Context(), eventstest.Watch(t)) {
					if ev.Kind == events.Commit && ev.Key() == "y" {
						leave()
					}
				}
			})
		})
		left := strings.Fields(w.String())
		slices.Sort(left)
		if got := strings.Join(slices.Compact(left), " "); got != "a burnt-x burnt-y burnt-z" {
			t.Errorf("left %q", got)
		}
	}
}

func TestSealTwice(t *testing.T) {
	w := &shelf{}
	_, err := eventstest.Verify(t, rootOp(func(s events.Step) error {
		_, _ = w.burn(s, "x"), s.Seal()
		_, _ = w.burn(s, "y"), s.Seal()
		return nil
	}))
	if err != nil {
		t.Error(err)
	}
	onShelf(t, w, "burnt-x burnt-y")
}

// TestHoldOrder: held until rollback, deferred actions and the log are done, and let go before the End of the root.
func TestHoldOrder(t *testing.T) {
	for _, fail := range []error{nil, errBoom} {
		w := &shelf{}
		mem, reg := &eventstest.Memory{}, events.NewRegistry()
		events.Register[put](reg, "put.v1")
		events.Register[burn](reg, "burn.v1")
		closed := func(p events.Probe) {
			if p.Point == "ended" {
				w.add("ended")
			}
		}
		op := rootOp(func(s events.Step) error {
			s.Hold(func() { w.add("free-1") })
			_ = w.put(s, "a")
			_ = act(s, "B", func(s events.Step) error { s.Hold(func() { w.add("free-2") }); return w.burn(s, "x") })
			return fail
		})
		evs, _, _ := eventstest.Record(t, op, events.WithJournal(mem), events.WithRegistry(reg), events.WithProbe(closed),
			events.WithSink(func(ev *events.Event) {
				if is(*ev, events.End, "root") {
					w.add("root-end")
				}
			}))
		want := "+a +burnt-x +ended +free-2 +free-1 +root-end"
		if fail != nil {
			want = "+a -a +ended +free-2 +free-1 +root-end"
		}
		if got := w.history(); got != want {
			t.Errorf("fail %v: %s, want %s\n%s", fail, got, want, eventstest.Outline(evs))
		}
	}
}

// TestHoldThatPanics: the others are let go all the same, and the panic goes on.
func TestHoldThatPanics(t *testing.T) {
	w := &shelf{}
	run := rootOp(func(s events.Step) error {
		s.Hold(func() { w.add("1") })
		s.Hold(func() { panic("hold") })
		s.Hold(func() { w.add("3") })
		return nil
	}).Start(t.Context(), eventstest.Watch(t), events.PanicsAsErrors())
	if v := panicOf(func() { _, _ = run.Wait() }); v == nil {
		t.Error("the panic of a release is lost")
	}
	onShelf(t, w, "3 1")
}

func TestRetain(t *testing.T) {
	w, mem, reg := &shelf{}, &eventstest.Memory{}, events.NewRegistry()
	events.Register[put](reg, "put.v1")
	events.Register[burn](reg, "burn.v1")
	_, err := eventstest.Verify(t, rootOp(func(s events.Step) error {
		_ = w.put(s, "forgotten")
		err := act(s, "A", func(s events.Step) error {
			_ = w.put(s, "outer")
			s.OnRollback("closure", func(events.Step) error { return nil })
			_ = w.burn(s, "x")
			err := act(s, "B", func(s events.Step) error { return errors.Join(s.Retain("inner"), w.put(s, "inner")) })
			return errors.Join(err, s.Retain("outer"), w.put(s, "outer2"))
		})
		_ = act(s, "C", func(s events.Step) error { return errors.Join(s.Retain("gone"), w.put(s, "c"), errBoom) }) // handled
		return err
	}), events.WithJournal(mem), events.WithRegistry(reg))
	if err != nil {
		t.Fatal(err)
	}
	names := map[string][]string{}
	for _, k := range mem.Keep() {
		for _, lsn := range k.LSNs {
			names[k.Key] = append(names[k.Key], string(mem.Records()[lsn-1].Params))
		}
	}
	want := map[string][]string{
		"outer": {`{"Name":"outer","Receipt":""}`, `{"Name":"outer2","Receipt":""}`},
		"inner": {`{"Name":"inner","Receipt":""}`},
	}
	if fmt.Sprint(names) != fmt.Sprint(want) {
		t.Errorf("retained %v, want %v", names, want)
	}
	_, err = eventstest.Verify(t, rootOp(func(s events.Step) error { return s.Retain("k") }))
	if !errors.Is(err, events.ErrNoJournal) {
		t.Errorf("Retain without a journal: %v", err)
	}
}

// TestProbes: every point of an effect's life is passed, in order.
func TestProbes(t *testing.T) {
	w, reg := &shelf{}, events.NewRegistry()
	events.Register[put](reg, "put.v1")
	events.Register[burn](reg, "burn.v1")
	var points []string
	probe := func(p events.Probe) {
		if strings.HasPrefix(p.Point, "commit") || p.Point == "ended" {
			points = append(points, p.Point+" "+p.Type)
		} else {
			points = append(points, p.Point)
		}
	}
	run := func(fail error) {
		points = nil
		op := rootOp(func(s events.Step) error {
			e := &put{Name: "a", w: w}
			e.do = func(context.Context) error { e.Receipt = "r"; return nil }
			return errors.Join(s.Apply(e), w.burn(s, "x"), fail)
		})
		_, _ = eventstest.Verify(t, op, events.WithJournal(&eventstest.Memory{}), events.WithRegistry(reg), events.WithProbe(probe))
	}
	run(nil)
	if got, want := strings.Join(points, ", "), "journaled, done, amended, committing root, committed root, ran, deferred, ended root"; got != want {
		t.Errorf("probes %s, want %s", got, want)
	}
	run(errBoom)
	if got, want := strings.Join(points, ", "), "journaled, done, amended, ran, undone, ended root"; got != want {
		t.Errorf("probes %s, want %s", got, want)
	}
}

// TestJournalFails: an effect whose record could not be written does not happen, and what happened is undone.
func TestJournalFails(t *testing.T) {
	reg := events.NewRegistry()
	events.Register[put](reg, "put.v1")
	events.Register[burn](reg, "burn.v1")
	for at := 1; at < 8; at++ {
		w := &shelf{}
		mem := &eventstest.Memory{FailAt: at}
		run := rootOp(func(s events.Step) error {
			for _, name := range []string{"a", "b", "c"} {
				if err := w.put(s, name); err != nil {
					return err
				}
			}
			return w.burn(s, "x")
		}).Start(t.Context(), events.WithJournal(mem), events.WithRegistry(reg), eventstest.Watch(t))
		_, err := run.Wait()
		if err := mem.Check(false, true); err != nil {
			t.Errorf("write %d: %v", at, err)
		}
		if at > 6 { // after the commit: the deferred action's own record
			if err != nil {
				t.Errorf("write %d: %v", at, err)
			}
			continue
		}
		if !errors.Is(err, eventstest.ErrMemory) {
			t.Errorf("write %d: the outcome is %v", at, err)
		}
		onShelf(t, w, "")
	}
}

// panicking is a journal that panics at a type of record.
type panicking struct {
	*eventstest.Memory
	at events.RecordType
}

func (j panicking) Open(run *events.RunInfo, root events.Payload) (events.Log, error) {
	log, err := j.Memory.Open(run, root)
	return panickingLog{log, j.at}, err
}

type panickingLog struct {
	events.Log
	at events.RecordType
}

func (l panickingLog) Append(rec *events.Record) (uint64, error) {
	if rec.Type == l.at {
		panic("journal")
	}
	return l.Log.Append(rec)
}

// TestJournalPanics: a bug of a journal does not keep a run from its end, nor anything from being undone.
func TestJournalPanics(t *testing.T) {
	reg := events.NewRegistry()
	events.Register[put](reg, "put.v1")
	events.Register[burn](reg, "burn.v1")
	for _, typ := range []events.RecordType{events.RecUndo, events.RecUndone, events.RecFailed, events.RecDefer, events.RecDeferredDone} {
		for _, fail := range []error{nil, errBoom} {
			w := &shelf{}
			run := rootOp(func(s events.Step) error {
				_ = act(s, "A", func(s events.Step) error { return errors.Join(w.stuck(s, "x"), errBoom) })
				return errors.Join(w.put(s, "a"), w.burn(s, "b"), fail)
			}).Start(t.Context(), events.WithJournal(panicking{&eventstest.Memory{}, typ}), events.WithRegistry(reg),
				events.PanicsAsErrors(), eventstest.Watch(t))
			_, err := run.Wait()
			if (err == nil) != (fail == nil && typ != events.RecUndo && typ != events.RecDefer) {
				t.Errorf("record %d, fail %v: %v", typ, fail, err)
			}
			if err != nil && w.String() != "x" && w.String() != "" {
				t.Errorf("record %d, fail %v: left %s", typ, fail, w)
			}
		}
	}
}

// TestProbeThatPanics: nor does a bug of a test.
func TestProbeThatPanics(t *testing.T) {
	reg := events.NewRegistry()
	events.Register[put](reg, "put.v1")
	events.Register[burn](reg, "burn.v1")
	for _, point := range []string{"journaled", "done", "ran", "undone", "committing", "committed", "deferred", "ended"} {
		t.Run(point, func(t *testing.T) {
			w := &shelf{}
			run := rootOp(func(s events.Step) error {
				_ = act(s, "A", func(s events.Step) error { return errors.Join(w.put(s, "x"), errBoom) })
				return errors.Join(w.put(s, "a"), w.burn(s, "b"))
			}).Start(t.Context(), events.WithJournal(&eventstest.Memory{}), events.WithRegistry(reg), eventstest.Watch(t),
				events.WithProbe(func(p events.Probe) {
					if p.Point == point {
						panic("probe")
					}
				}))
			_ = panicOf(func() { _, _ = run.Wait() })
			if run.Err() != nil && w.String() != "" {
				t.Errorf("left %s after %v", w, run.Err())
			}
		})
	}
}
