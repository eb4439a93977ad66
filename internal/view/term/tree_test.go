package term

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/libioc/ioc/events"
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
