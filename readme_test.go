package ioc_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/libioc/ioc"
	"github.com/libioc/ioc/events"
)

// startAndWatch is the README's example of the library.
func startAndWatch(ctx context.Context) error {
	host, err := ioc.Open(ctx, ioc.Options{}) // this machine; nothing to close, no daemon
	if err != nil {
		return err
	}
	for ev := range host.JailGenerator("web").Start().Events(ctx) { // the generator: each step at its begin and end
		fmt.Println(show(ev))
	}
	return host.Jail("web").Start(ctx) // the same, synchronous; here it runs already, which is no error
}

var _ = startAndWatch // it needs a machine; Example does the like in memory

// world is what the example's effects change.
type world map[string]bool

// Mount is an effect: a change of the world that knows how to be taken back.
type Mount struct {
	world world
	Path  string
}

func (*Mount) EventType() string            { return "mount" }
func (m *Mount) EventKey() string           { return m.Path }
func (m *Mount) Do(context.Context) error   { m.world[m.Path] = true; return nil }
func (m *Mount) Undo(context.Context) error { delete(m.world, m.Path); return nil }

// Start is what the example's operation is about.
type Start struct{ Jail string }

func (*Start) EventType() string  { return "jail.start" }
func (s *Start) EventKey() string { return s.Jail }

// Hook is a step without an effect of its own.
type Hook struct{ Name string }

func (*Hook) EventType() string  { return "hook" }
func (h *Hook) EventKey() string { return h.Name }

func Example_events() {
	w := world{}
	start := events.New(&Start{Jail: "web"}, func(s events.Step) (int, error) {
		for _, path := range []string{"/dev", "/proc"} {
			if err := s.Apply(&Mount{world: w, Path: path}); err != nil {
				return 0, err
			}
		}
		return 1, s.Do(&Hook{Name: "prestart"}, func(events.Step) error {
			return errors.New("exit status 1")
		})
	})
	for ev := range start.Events(context.Background()) {
		fmt.Println(show(ev))
	}
	fmt.Println("left in the world:", len(w))
	// Output:
	// jail.start web ...
	//   mount /dev ...
	//   mount /dev done
	//   mount /proc ...
	//   mount /proc done
	//   hook prestart ...
	//   hook prestart failed: exit status 1
	//   undo mount /proc ...
	//   undo mount /proc done
	//   undo mount /dev ...
	//   undo mount /dev done
	// jail.start web failed: exit status 1
	// left in the world: 0
}

// show draws one event as a line of a tree.
func show(ev events.Event) string {
	line := strings.Repeat("  ", int(ev.Depth))
	if ev.Kind == events.Undo {
		line += "undo "
	}
	line += ev.Payload.EventType()
	if k, ok := ev.Payload.(events.Keyed); ok {
		line += " " + k.EventKey()
	}
	switch {
	case ev.Pending():
		return line + " ..."
	case ev.Skipped():
		return line + " skipped"
	case ev.Err != nil:
		return line + " failed: " + ev.Err.Error()
	default:
		return line + " done"
	}
}

// TestReadmeCode keeps the README's Go code and output what they claim to be: every such block stands
// in this file, which is compiled and run.
func TestReadmeCode(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("readme_test.go")
	if err != nil {
		t.Fatal(err)
	}
	here := unindented(strings.ReplaceAll(string(source), "// ", ""))
	blocks := strings.Split(string(readme), "\n```")
	found := 0
	for i := 1; i < len(blocks); i += 2 {
		lang, code, _ := strings.Cut(blocks[i], "\n")
		if lang != "go" && lang != "text" {
			continue
		}
		found++
		if !strings.Contains(here, unindented(strings.ReplaceAll(code, "// ", ""))) {
			t.Errorf("this block of the README does not stand in readme_test.go:\n%s", code)
		}
	}
	if found == 0 {
		t.Error("no block of Go or text found in the README")
	}
}

// unindented drops the blanks at the beginning of lines.
func unindented(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString(strings.TrimLeft(line, " \t"))
	}
	return b.String()
}
