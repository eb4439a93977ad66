package term

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/libioc/ioc/events"
)

// TestTick paints the step at work with its progress and the time it has taken, and nothing else.
func TestTick(t *testing.T) {
	step := func(name string) events.Payload { return &events.Named{Type: name} }
	for _, test := range []struct {
		name string
		opts Options
		want string
	}{
		{"live", Options{Live: true}, "  ⠙ copy  25%  1 of 4 files  3s"},
		{"ascii", Options{Live: true, ASCII: true}, "  / copy  25%  1 of 4 files  3s"},
		{"color", Options{Live: true, Color: true}, "\x1b[2m  ⠙ copy  25%  1 of 4 files  3s\x1b[0m"},
		{"narrow", Options{Live: true, Width: func() int { return 12 }}, "  ⠙ copy  …"},
		{"file", Options{}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			var out strings.Builder
			tree := NewTree(&out, test.opts)
			op := events.New(step("fetch"), func(s events.Step) (int, error) {
				return 0, s.Do(step("copy"), func(s events.Step) error {
					return s.Progress(events.Amount{Done: 1, Total: 4, Unit: "files"})
				})
			})
			before := ""
			for ev := range op.Events(context.Background(), events.WithClock(nil)) {
				tree.Add(ev)
				if ev.Phase == events.Progress {
					before = out.String()
					tree.Tick(3*time.Second + 400*time.Millisecond)
					if got := strings.TrimPrefix(out.String(), before); got != test.want {
						t.Errorf("Tick wrote %q, want %q", got, test.want)
					}
					before = out.String()
				}
			}
			tree.Close()
			if rest := strings.TrimPrefix(out.String(), before); test.want != "" && !strings.HasPrefix(rest, clearLine) {
				t.Errorf("after Tick came %q, which does not take its line away", rest)
			}
		})
	}
}

// TestMute keeps quiet after a program has got the terminal.
func TestMute(t *testing.T) {
	for _, live := range []bool{false, true} {
		var out strings.Builder
		tree := NewTree(&out, Options{Live: live})
		op := events.New(&events.Named{Type: "run"}, func(s events.Step) (int, error) {
			return 0, s.Do(&events.Named{Type: "exec"}, func(events.Step) error { return errors.New("no") })
		})
		was := ""
		for ev := range op.Events(context.Background(), events.WithClock(nil)) {
			tree.Add(ev)
			tree.Tick(0)
			if ev.Seq == 2 {
				tree.Mute()
				was = out.String()
			}
		}
		tree.Close()
		tree.Note("something")
		if diff := cmp.Diff(was, out.String()); diff != "" {
			t.Errorf("live %v: it wrote after Mute (-before +after):\n%s", live, diff)
		}
		if live && !strings.HasSuffix(was, clearLine) {
			t.Errorf("Mute left the line of the pending step: %q", was)
		}
	}
}

// TestNote keeps lines whole.
func TestNote(t *testing.T) {
	var out strings.Builder
	tree := NewTree(&out, Options{Live: true})
	op := events.New(&events.Named{Type: "run"}, func(events.Step) (int, error) { return 0, nil })
	for ev := range op.Events(context.Background(), events.WithClock(nil)) {
		tree.Add(ev)
		tree.Tick(0)
		if ev.Phase == events.Begin {
			tree.Note("ioc: interrupt")
		}
	}
	if got, want := rendered(out.String()), "ioc: interrupt\n✓ run\n"; got != want {
		t.Errorf("the terminal shows %q, want %q", got, want)
	}
}

// TestHostileNames lets nothing reach the terminal that it would obey.
func TestHostileNames(t *testing.T) {
	bad := "evil\x1b]0;title\x07\nline\u202e"
	for name, sink := range map[string]func(*strings.Builder) interface{ Add(events.Event) }{
		"tree":  func(w *strings.Builder) interface{ Add(events.Event) } { return NewTree(w, Options{}) },
		"plain": func(w *strings.Builder) interface{ Add(events.Event) } { return NewPlain(w) },
	} {
		var out strings.Builder
		shown := sink(&out)
		op := events.New(&events.Named{Type: "fetch", Title: bad}, func(s events.Step) (int, error) {
			_ = s.Do(&events.Named{Type: "skip", Title: bad}, func(events.Step) error { return events.Skip(bad) })
			return 0, s.Do(&events.Named{Type: "unpack", Key: bad}, func(events.Step) error { return errors.New(bad) })
		})
		for ev := range op.Events(context.Background(), events.WithClock(nil)) {
			shown.Add(ev)
		}
		if strings.ContainsAny(out.String(), "\x1b\x07\u202e") {
			t.Errorf("%s wrote %q", name, out.String())
		}
		if got := strings.Count(out.String(), "\n"); got > 4 {
			t.Errorf("%s: a name broke the line: %q", name, out.String())
		}
	}
}
