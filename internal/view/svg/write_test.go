package svg_test

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/internal/view"
	"github.com/libioc/ioc/internal/view/svg"
)

func named(title string) events.Payload { return &events.Named{Type: "test.step", Title: title} }

// fold runs op with a clock that goes on by a millisecond whenever it is read.
func fold[T any](op events.Op[T], upTo int) *view.Tree {
	var t view.Tree
	var now time.Duration
	clock := events.WithClock(func() time.Duration { now += time.Millisecond; return now })
	for ev := range op.Events(context.Background(), clock) {
		if upTo--; upTo >= 0 {
			t.Add(ev)
		}
	}
	return &t
}

// failing does a little of everything.
func failing() events.Op[int] {
	return events.New(named(`start <web> & "co"`), func(s events.Step) (int, error) {
		_ = s.Do(named("find"), func(events.Step) error { return events.Skip("so already") })
		err := s.Group(func(g *events.Group) {
			for _, n := range []string{"one", "two"} {
				g.Go(named("lane "+n), func(s events.Step) error {
					s.OnRollback("take back "+n, func(events.Step) error { return nil })
					return nil
				})
			}
		})
		if err != nil {
			return 0, err
		}
		return 0, s.Do(named("mount\x1b[31m\u202e"), func(events.Step) error { return errors.New("no </svg> such device") })
	})
}

// elements parses a picture, which must be one XML document, and gives its texts and the classes of its steps.
func elements(t *testing.T, picture string) (texts, classes []string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(picture))
	depth := 0
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			if depth != 0 {
				t.Errorf("%d elements are not closed", depth)
			}
			return texts, classes
		}
		if err != nil {
			t.Fatalf("not XML: %v\n%s", err, picture)
		}
		switch token := token.(type) {
		case xml.StartElement:
			depth++
			for _, a := range token.Attr {
				if f, err := strconv.ParseFloat(a.Value, 64); err == nil && (f < 0 || f != f) {
					t.Errorf("%s %s=%s", token.Name.Local, a.Name.Local, a.Value)
				}
				if token.Name.Local == "g" && a.Name.Local == "class" {
					classes = append(classes, a.Value)
				}
			}
		case xml.EndElement:
			depth--
		case xml.CharData:
			if s := strings.TrimSpace(string(token)); s != "" {
				texts = append(texts, s)
			}
		}
	}
}

func draw(t *testing.T, tree *view.Tree) string {
	t.Helper()
	var b bytes.Buffer
	err := svg.Write(&b, tree, svg.About{Title: "a <title>", Text: []string{"who & when"}, Outcome: "failed", Failed: true})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestWrite draws work, undo, skips and failures so that they can be told apart, and nothing of what is in a title is obeyed.
func TestWrite(t *testing.T) {
	picture := draw(t, fold(failing(), 1000))
	if name := os.Getenv("IOC_SVG"); name != "" { // to look at
		if err := os.WriteFile(name, []byte(picture), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	texts, classes := elements(t, picture)
	for _, want := range []string{`✗ start <web> & "co"`, "· find", "lane one", "↩ undo take back one", "a <title>", "who & when"} {
		if !strings.Contains("\n"+strings.Join(texts, "\n")+"\n", "\n"+want+"\n") {
			t.Errorf("no text %q in %q", want, texts)
		}
	}
	count := map[string]int{}
	for _, c := range classes[:len(classes)-6] { // without the legend
		count[c]++
	}
	if want := "map[skipped:1 undo:2 work:2 work failed:2]"; fmt.Sprint(count) != want {
		t.Errorf("steps %v, want %s", count, want)
	}
	for _, bad := range []string{"\x1b", "\u202e", "<script", "href"} {
		if strings.Contains(picture, bad) {
			t.Errorf("the picture contains %q", bad)
		}
	}
}

// TestUnfinished draws what is known of an operation that was killed after any event, also of none.
func TestUnfinished(t *testing.T) {
	for n := range 14 {
		_, classes := elements(t, draw(t, fold(failing(), n)))
		if pending := strings.Contains(strings.Join(classes[:max(len(classes)-6, 0)], " "), "pending"); pending != (n > 0) {
			t.Errorf("after %d events: steps %q", n, classes)
		}
	}
}

// TestLarge leaves out what is deepest, and says how much.
func TestLarge(t *testing.T) {
	op := events.New(named("all"), func(s events.Step) (int, error) {
		for i := range 300 {
			err := s.Do(named("jail "+strconv.Itoa(i)), func(s events.Step) error {
				for range 9 {
					if err := s.Do(named("step"), func(events.Step) error { return nil }); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				return 0, err
			}
		}
		return 0, nil
	})
	texts, _ := elements(t, draw(t, fold(op, 1<<20)))
	all := strings.Join(texts, "\n")
	for _, want := range []string{"jail 299 (+9)", "2700 more steps below these are not drawn"} {
		if !strings.Contains(all, want) {
			t.Errorf("no text %q", want)
		}
	}
}
