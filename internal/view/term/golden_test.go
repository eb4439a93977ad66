package term

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/libioc/ioc/events"
)

var update = flag.Bool("update", false, "write the golden files instead of comparing them")

// TestGolden shows recorded streams. Clock and width are theirs, so every run gives the same.
func TestGolden(t *testing.T) {
	streams, err := filepath.Glob("testdata/*.ndjson")
	if err != nil || len(streams) == 0 {
		t.Fatal("no streams", err)
	}
	for _, path := range streams {
		name := strings.TrimSuffix(filepath.Base(path), ".ndjson")
		forms := map[string]func(*strings.Builder) interface{ Add(events.Event) }{
			"plain": func(w *strings.Builder) interface{ Add(events.Event) } { return NewPlain(w) },
			"tree":  func(w *strings.Builder) interface{ Add(events.Event) } { return NewTree(w, Options{}) },
			"ascii": func(w *strings.Builder) interface{ Add(events.Event) } { return NewTree(w, Options{ASCII: true}) },
			"color": func(w *strings.Builder) interface{ Add(events.Event) } { return NewTree(w, Options{Color: true}) },
		}
		for form, make := range forms {
			t.Run(name+"/"+form, func(t *testing.T) {
				var out strings.Builder
				sink := make(&out)
				for _, ev := range stream(t, path) {
					sink.Add(ev)
				}
				compare(t, strings.TrimSuffix(path, ".ndjson")+"."+form, out.String())
			})
		}
	}
}

// TestLive shows a stream on a terminal that is repainted after every event: whatever is painted is taken
// away again, so that what stays is what a file would hold.
func TestLive(t *testing.T) {
	streams, err := filepath.Glob("testdata/*.ndjson")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range streams {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".ndjson"), func(t *testing.T) {
			var live, file strings.Builder
			screen := NewTree(&live, Options{Live: true, Width: func() int { return 40 }})
			plain := NewTree(&file, Options{})
			for _, ev := range stream(t, path) {
				plain.Add(ev)
				screen.Add(ev)
				screen.Tick(ev.At)
				if at := lastLine(live.String()); len([]rune(at)) > 39 {
					t.Fatalf("a line of %d characters cannot be rewritten at 40 columns: %q", len([]rune(at)), at)
				}
			}
			screen.Close()
			if diff := cmp.Diff(file.String(), rendered(live.String())); diff != "" {
				t.Errorf("what stays on a terminal is not what is in a file (-file +terminal):\n%s", diff)
			}
		})
	}
}

// lastLine is what stands at the cursor.
func lastLine(s string) string {
	s = s[strings.LastIndexByte(s, '\n')+1:]
	if i := strings.LastIndex(s, clearLine); i >= 0 {
		s = s[i+len(clearLine):]
	}
	return s
}

const clearLine = "\r\x1b[K"

// rendered is what a terminal shows of s.
func rendered(s string) string {
	var b strings.Builder
	for line := range strings.Lines(s) {
		if i := strings.LastIndex(line, clearLine); i >= 0 {
			line = line[i+len(clearLine):]
		}
		b.WriteString(line)
	}
	return b.String()
}

// stream reads a recorded stream, also one that was cut.
func stream(t *testing.T, path string) []events.Event {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var all []events.Event
	for ev, err := range events.ReadNDJSON(f) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, ev)
	}
	return all
}

func compare(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}
