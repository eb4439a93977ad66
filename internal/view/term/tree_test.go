package term

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/internal/view"
)

// TestHostileNames lets nothing reach the terminal that it would obey.
func TestHostileNames(t *testing.T) {
	bad := "evil\x1b]0;title\x07\nline\u202e"
	for name, sink := range map[string]func(*strings.Builder) interface{ Add(events.Event) }{
		"tree":  func(w *strings.Builder) interface{ Add(events.Event) } { return NewTree(w, Options{}) },
		"plain": func(w *strings.Builder) interface{ Add(events.Event) } { return NewPlain(w, Options{}) },
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

// TestLongTitle keeps a script that is a title from filling the screen, and an error in full.
func TestLongTitle(t *testing.T) {
	script, why := strings.Repeat("script ", 100), strings.Repeat("reason ", 100)
	op := events.New(&events.Named{Type: "start"}, func(s events.Step) (int, error) {
		return 0, s.Do(&events.Named{Type: "hook", Title: script}, func(s events.Step) error {
			_ = s.Progress(events.Output{Lines: []string{"one"}})
			return errors.New(why)
		})
	})
	for verbose, most := range map[bool]int{false: 71, true: len(script)} {
		var tree view.Tree
		for ev := range op.Events(context.Background(), events.WithClock(nil)) {
			tree.Add(ev)
		}
		var out strings.Builder
		if err := Print(&out, &tree, Options{Verbose: verbose}); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(out.String()) {
			title, _, _ := strings.Cut(line, "reason")
			if n := len([]rune(strings.TrimSuffix(strings.TrimSpace(title), " said:"))); n > most+len("✗ ") {
				t.Errorf("verbose %v: a title of %d characters: %q", verbose, n, line)
			}
		}
		if got := strings.Count(out.String(), "reason"); got != 100 {
			t.Errorf("verbose %v: the reason is cut to %d words of 100", verbose, got)
		}
	}
}
