package jail

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/libioc/ioc/events"
)

// TestSplitter makes lines of what comes in pieces, and leaves none out.
func TestSplitter(t *testing.T) {
	long := strings.Repeat("x", saidColumns+10)
	var many, all []string
	for i := range saidLines + 5 {
		many, all = append(many, fmt.Sprintf("%d\n", i)), append(all, fmt.Sprint(i))
	}
	for _, test := range []struct {
		name   string
		pieces []string
		want   events.Output
	}{
		{"nothing", nil, events.Output{}},
		{"lines", []string{"one\ntwo\n"}, events.Output{Lines: []string{"one", "two"}}},
		{"pieces", []string{"o", "ne\nt", "wo"}, events.Output{Lines: []string{"one", "two"}}},
		{"empty", []string{"\n\n", "one\n\n"}, events.Output{Lines: []string{"one"}}},
		{"windows", []string{"one\r", "\ntwo\r\n"}, events.Output{Lines: []string{"one", "two"}}},
		{"progress", []string{"1%\r2%\r", "3%"}, events.Output{Lines: []string{"1%", "2%", "3%"}}},
		{"long", []string{long}, events.Output{Lines: []string{long[:saidColumns], long[saidColumns:]}}},
		{"long_line", []string{long + "\n"}, events.Output{Lines: []string{long[:saidColumns], long[saidColumns:]}}},
		{"many", many, events.Output{Lines: all}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var p splitter
			for _, piece := range test.pieces {
				p.add([]byte(piece))
			}
			p.finish()
			if diff := cmp.Diff(test.want, p.take()); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if again := p.take(); len(again.Lines) > 0 {
				t.Errorf("it gives %q twice", again.Lines)
			}
		})
	}
}

// TestListener hears a command to its end, and no longer than that: also one that has left something running,
// whether that is silent or writes all the time.
func TestListener(t *testing.T) {
	for _, test := range []struct {
		name   string
		writes func(w io.Writer)
		leaves bool // a process
		babble bool // which writes all the time
	}{
		{"silent", func(io.Writer) {}, false, false},
		{"says", func(w io.Writer) { fmt.Fprint(w, "one\ntwo") }, false, false},
		{"leaves", func(w io.Writer) { fmt.Fprint(w, "one\ntwo") }, true, false},
		{"leaves_a_babbler", func(io.Writer) {}, true, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			l, err := listen()
			if err != nil {
				t.Fatal(err)
			}
			defer l.close()
			go l.hear()
			test.writes(l.w)
			babbled := make(chan struct{})
			if test.babble {
				go func() {
					defer close(babbled)
					for {
						if _, err := l.w.WriteString("and so on\n"); err != nil {
							return
						}
					}
				}()
			}
			if !test.leaves {
				l.w.Close()
			}
			var heard []string
			l.ended(func(o events.Output) { heard = append(heard, o.Lines...) })
			if l.held != test.leaves {
				t.Errorf("held = %v, want %v", l.held, test.leaves)
			}
			if test.babble {
				l.r.Close()
				<-babbled
				return
			}
			want := strings.Fields(map[string]string{"says": "one two", "leaves": "one two"}[test.name])
			if diff := cmp.Diff(want, heard, cmp.Transformer("empty", func(s []string) string { return strings.Join(s, "|") })); diff != "" {
				t.Errorf("heard (-want +got):\n%s", diff)
			}
		})
	}
}
