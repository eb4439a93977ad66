package events_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/libioc/ioc/events"
)

// logOf runs op and gives what was logged at level or above: a line per record, level, type, status
// and what else tells them apart.
func logOf(t *testing.T, level slog.Level, op events.Op[int], opts ...events.Option) []string {
	t.Helper()
	var b bytes.Buffer
	l := slog.New(slog.NewJSONHandler(&b, &slog.HandlerOptions{Level: level}))
	_, _ = op.Do(t.Context(), append(opts, events.WithSink(events.Slog(l)), events.WithClock(nil), events.PanicsAsErrors())...)
	var lines []string
	for line := range bytes.Lines(b.Bytes()) {
		var rec map[string]any
		if err := json.Unmarshal(line, &rec); err != nil {
			t.Fatal(err)
		}
		text := fmt.Sprint(rec["level"], " ", rec["msg"])
		for _, name := range []string{"kind", "status", "reason", "why", "err"} {
			if v, ok := rec[name]; ok {
				text += fmt.Sprint(" ", v)
			}
		}
		lines = append(lines, text)
	}
	return lines
}

func named(s string) events.Payload { return &events.Named{Type: s} }

// fails is a step that fails with err.
func fails(s events.Step, name string, err error) error {
	return s.Do(named(name), func(events.Step) error { return err })
}

func TestSlog(t *testing.T) {
	boom, other := errors.New("boom"), errors.New("other")
	for _, tt := range []struct {
		name  string
		level slog.Level
		body  func(s events.Step) error
		want  []string
	}{
		{"success", slog.LevelDebug, func(s events.Step) error {
			_ = s.Do(named("a"), func(s events.Step) error { return s.Progress("not logged") })
			return s.Do(named("b"), func(events.Step) error { return events.Skip("so already") })
		}, []string{
			"DEBUG root pending", "DEBUG a pending", "INFO a succeeded", "DEBUG b pending", "DEBUG b skipped so already", "INFO root succeeded",
		}},
		{"outermost_only", slog.LevelInfo, func(s events.Step) error {
			return s.Do(named("a"), func(s events.Step) error { return fmt.Errorf("a: %w", fails(s, "b", boom)) })
		}, []string{"ERROR root failed errored a: boom"}},
		{"the_others_are_debug", slog.LevelDebug, func(s events.Step) error {
			return fails(s, "a", boom)
		}, []string{"DEBUG root pending", "DEBUG a pending", "DEBUG a failed errored boom", "ERROR root failed errored boom"}},
		{"handled", slog.LevelInfo, func(s events.Step) error {
			_ = s.Do(named("a"), func(s events.Step) error { return fails(s, "b", boom) })
			return nil
		}, []string{"WARN a failed errored boom", "INFO root succeeded"}},
		{"handled_then_another_step", slog.LevelInfo, func(s events.Step) error {
			_ = fails(s, "a", boom)
			return s.Do(named("b"), nothing)
		}, []string{"WARN a failed errored boom", "INFO b succeeded", "INFO root succeeded"}},
		{"handled_then_failed", slog.LevelInfo, func(s events.Step) error {
			_ = fails(s, "a", boom)
			return other
		}, []string{"WARN a failed errored boom", "ERROR root failed errored other"}},
		{"tried_again", slog.LevelInfo, func(s events.Step) error {
			_ = fails(s, "try", boom)
			return fails(s, "try", other)
		}, []string{"WARN try failed errored boom", "ERROR root failed errored other"}},
		{"undo", slog.LevelInfo, func(s events.Step) error {
			s.OnRollback("undo.a", nothing)
			return fails(s, "a", boom)
		}, []string{"WARN undo.a undo succeeded", "ERROR root failed errored boom"}},
		{"residue_once", slog.LevelInfo, func(s events.Step) error {
			return s.Do(named("a"), func(s events.Step) error {
				s.OnRollback("undo.a", func(events.Step) error { return other })
				s.OnRollback("undo.a", func(events.Step) error { return other })
				return boom
			})
		}, []string{
			"WARN undo.a undo failed errored other", "WARN undo.a undo failed errored other",
			"ERROR undo.a left behind other", "ERROR undo.a left behind other",
			"ERROR root failed errored boom (left behind: undo.a: other; undo.a: other)",
		}},
		{"residue_of_what_was_handled", slog.LevelInfo, func(s events.Step) error {
			_ = s.Do(named("a"), func(s events.Step) error {
				s.OnRollback("undo.a", func(events.Step) error { return other })
				return boom
			})
			return nil
		}, []string{
			"WARN undo.a undo failed errored other", "ERROR undo.a left behind other",
			"WARN a failed errored boom (left behind: undo.a: other)", "INFO root succeeded",
		}},
		{"within_an_undo", slog.LevelInfo, func(s events.Step) error {
			s.OnRollback("undo.a", func(s events.Step) error {
				_ = fails(s, "inner", other)
				return nil
			})
			return boom
		}, []string{"WARN inner failed errored other", "WARN undo.a undo succeeded", "ERROR root failed errored boom"}},
		{"panic", slog.LevelInfo, func(s events.Step) error {
			return s.Do(named("a"), func(events.Step) error { panic("boom") })
		}, []string{"ERROR root failed panicked panic: boom"}},
		{"group", slog.LevelInfo, func(s events.Step) error {
			return s.Group(func(g *events.Group) {
				g.Go(named("a"), func(events.Step) error { return boom })
				g.Go(named("b"), func(s events.Step) error {
					<-s.Context().Done()
					return s.Context().Err()
				})
			})
		}, []string{"ERROR root failed errored boom"}},
		{"settled_group", slog.LevelInfo, func(s events.Step) error {
			_ = s.Group(func(g *events.Group) {
				g.Go(named("a"), func(events.Step) error { return boom })
				g.Go(named("b"), func(events.Step) error { return boom })
			}, events.Settle(), events.Limit(1))
			return s.Do(named("c"), nothing)
		}, []string{"WARN a failed errored boom", "WARN b failed errored boom", "INFO c succeeded", "INFO root succeeded"}},
		{"errors_that_cannot_be_compared", slog.LevelInfo, func(s events.Step) error {
			return fails(s, "a", oddError{[]string{"odd"}})
		}, []string{"ERROR root failed errored [odd]"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := logOf(t, tt.level, events.New(named("root"), func(s events.Step) (int, error) { return 0, tt.body(s) }))
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("log (-want +got):\n%s", diff)
			}
		})
	}
}

// oddError cannot be compared.
type oddError struct{ words []string }

func (e oddError) Error() string { return fmt.Sprint(e.words) }

// TestSlogAfterCommit: what a committed operation could not carry out is an error although it succeeded.
func TestSlogAfterCommit(t *testing.T) {
	reg := events.NewRegistry()
	purge := events.Define(reg, "purge.v1", func(events.Step, string) error { return errors.New("busy") })
	op := events.New(named("root"), func(s events.Step) (int, error) { return 0, s.AfterCommit(purge.With("x")) })
	got := logOf(t, slog.LevelInfo, op, events.WithRegistry(reg))
	want := []string{"ERROR purge.v1 commit failed errored busy", "INFO root succeeded"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("log (-want +got):\n%s", diff)
	}
}

// TestSlogRevert: what recovery could not undo is left, unless it was tried again.
func TestSlogRevert(t *testing.T) {
	var b bytes.Buffer
	sink := events.Slog(slog.New(slog.NewTextHandler(&b, nil)))
	step := func(id events.ID, phase events.Phase, status events.Status, name string) {
		ev := events.Event{ID: id, Parent: 1, Phase: phase, Status: status, Kind: events.Revert, Payload: named(name)}
		if id == 1 {
			ev.Parent, ev.Kind = 0, events.Forward
		}
		if status == events.Failed {
			ev.Err, ev.Reason = io.EOF, events.Errored
		}
		sink(&ev)
	}
	step(1, events.Begin, events.Pending, "recover")
	for i, try := range []struct {
		name   string
		status events.Status
	}{{"a", events.Failed}, {"a", events.Failed}, {"b", events.Succeeded}, {"c", events.Failed}} {
		id := events.ID(i + 2)
		step(id, events.Begin, events.Pending, try.name)
		step(id, events.End, try.status, try.name)
	}
	step(1, events.End, events.Failed, "recover")
	var got []string
	for line := range strings.Lines(b.String()) {
		f := strings.Fields(line)
		got = append(got, strings.TrimPrefix(f[0], "level=")+" "+f[1])
	}
	want := []string{"WARN msg=a", "ERROR msg=a", "INFO msg=b", "ERROR msg=c", "ERROR msg=recover"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestSlogAttributes looks at one record as a log has it.
func TestSlogAttributes(t *testing.T) {
	var b bytes.Buffer
	l := slog.New(slog.NewJSONHandler(&b, nil))
	start := time.Date(2026, 11, 22, 9, 30, 12, 0, time.UTC)
	run := &events.RunInfo{Started: start}
	events.Slog(l)(&events.Event{
		Run: run, Seq: 4, ID: 2, Parent: 1, At: time.Second, Dur: time.Millisecond, Phase: events.End, Status: events.Succeeded,
		Payload: &mountCase{"web", "a", "b", 1},
	})
	want := `{"time":"2026-11-22T09:30:13Z","level":"INFO","msg":"mount.bind","key":"web","status":"succeeded","id":2,"parent":1,` +
		`"run":"00000000000000000000000000","dur":1000000,"data":{"source":"a","target":"b","flags":1}}` + "\n"
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("record (-want +got):\n%s", diff)
	}
	b.Reset()
	l.Info("seen", "event", events.Event{Seq: 1, ID: 1, Phase: events.Begin, Payload: named("a")})
	if want := `"event":{"seq":1,"phase":"begin","type":"a","status":"pending","id":1}}`; !strings.Contains(b.String(), want) {
		t.Errorf("got %s, want %s in it", b.String(), want)
	}
}

// TestSlogDisabled: a log that takes nothing costs no formatting and no memory.
func TestSlogDisabled(t *testing.T) {
	evs := sampleEvents()
	sink := events.Slog(slog.New(disabledHandler{slog.NewTextHandler(io.Discard, nil)}))
	guardAllocs(t, "a disabled log", func() {
		sink(&evs[0])
		sink(&evs[1])
	})
}

type disabledHandler struct{ slog.Handler }

func (disabledHandler) Enabled(context.Context, slog.Level) bool { return false }
