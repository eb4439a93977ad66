package term

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/internal/view"
)

// Tree prints each step as one line when it ends, and a heading before the first of its children,
// so that the lines read as a tree. The error of the whole is not printed, only those of steps: the caller
// says it when all is over, and what is left behind. On a live terminal the last line is the step that is at work: it is
// painted by Tick only, so that quick steps do not flicker. It may be used from several goroutines.
type Tree struct {
	w    io.Writer
	opts Options

	mu      sync.Mutex
	tree    view.Tree
	headed  map[events.ID]bool
	pending []*view.Node // in the order in which they began
	shown   bool         // a line that is not to stay is at the cursor
	frame   int
	mute    bool
	err     error
}

// NewTree prints to w.
func NewTree(w io.Writer, opts Options) *Tree {
	return &Tree{w: w, opts: opts, headed: map[events.ID]bool{}}
}

// Err is the first error of writing; nothing is written after it.
func (t *Tree) Err() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.err
}

// Add shows ev.
func (t *Tree) Add(ev events.Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := t.tree.Add(ev)
	var out strings.Builder
	switch ev.Phase {
	case events.Begin:
		t.heading(&out, n.Parent)
		t.pending = append(t.pending, n)
	case events.End:
		t.pending = slices.DeleteFunc(t.pending, func(p *view.Node) bool { return p == n })
		t.ended(&out, n)
	}
	t.write(&out)
}

// Mute takes away what is not to stay and lets nothing be written from now on.
func (t *Tree) Mute() {
	t.Close()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.mute = true
}

// Close takes away what is not to stay. More can be added.
func (t *Tree) Close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	var out strings.Builder
	t.clear(&out)
	t.write(&out)
}

// Note prints a line that is not of the stream.
func (t *Tree) Note(text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var out strings.Builder
	t.text(&out, 0, text)
	t.write(&out)
}

func (t *Tree) write(out *strings.Builder) {
	if t.err == nil && !t.mute && out.Len() > 0 {
		_, t.err = io.WriteString(t.w, out.String())
	}
}

// heading prints the line of a step that has children, once.
func (t *Tree) heading(out *strings.Builder, n *view.Node) {
	if n == nil || t.headed[n.ID] {
		return
	}
	t.heading(out, n.Parent)
	t.headed[n.ID] = true
	t.line(out, n, t.opts.marks().open, "", "")
}

// ended prints what became of n. Of a step with a heading the success is only said for the root.
func (t *Tree) ended(out *strings.Builder, n *view.Node) {
	if t.headed[n.ID] && n.Status == events.Succeeded && n.Parent != nil {
		return
	}
	mark, color := t.opts.mark(n)
	t.line(out, n, mark, color, t.outcome(n))
}

// outcome is the end of n's line.
func (t *Tree) outcome(n *view.Node) string {
	var parts []string
	skip, isSkip := errors.AsType[*events.SkipError](n.Err)
	switch {
	case n.Status == events.Skipped && isSkip:
		parts = append(parts, t.opts.paint(dim, sentence(skip.Why)))
	case n.Status == events.Failed && !n.Said() && n.Parent != nil:
		parts = append(parts, sentence(n.Err.Error()))
	case n.Status == events.Succeeded && n.Detail != nil:
		if s, ok := n.Detail.(fmt.Stringer); ok {
			parts = append(parts, t.opts.paint(dim, sentence(s.String())))
		}
	}
	if n.Status != events.Skipped {
		parts = append(parts, t.opts.paint(dim, duration(n.Dur)))
	}
	return strings.TrimRight(strings.Join(parts, "  "), " ")
}

func (t *Tree) line(out *strings.Builder, n *view.Node, mark, color, rest string) {
	words := title(n)
	if n.Status == events.Skipped {
		words = t.opts.paint(dim, words)
	}
	s := t.opts.paint(color, mark) + " " + words
	if rest != "" {
		s += "  " + rest
	}
	t.text(out, n.Depth, s)
}

func (t *Tree) text(out *strings.Builder, depth int, s string) {
	t.clear(out)
	out.WriteString(strings.Repeat("  ", depth))
	out.WriteString(s)
	out.WriteByte('\n')
}

// Tick paints the step that is at work, at a time since the run began. Without a live terminal it
// does nothing. The caller decides how often that is, and so how soon a step counts as slow.
func (t *Tree) Tick(at time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.opts.Live || len(t.pending) == 0 {
		return
	}
	n := t.pending[len(t.pending)-1]
	m := t.opts.marks()
	t.frame++
	s := strings.Repeat("  ", n.Depth) + m.spin[t.frame%len(m.spin)] + " " + title(n)
	if text := progress(n.Detail); text != "" {
		s += "  " + text
	}
	if d := at - n.Began; d >= time.Second {
		s += "  " + d.Truncate(time.Second).String()
	}
	width := 0
	if t.opts.Width != nil {
		width = t.opts.Width()
	}
	var out strings.Builder
	t.clear(&out)
	out.WriteString(t.opts.paint(dim, cut(s, width-1, m.cut)))
	t.shown = true
	t.write(&out)
}

// progress says how far a step is.
func progress(detail any) string {
	switch d := detail.(type) {
	case nil:
		return ""
	case events.Amount:
		if f, ok := d.Fraction(); ok {
			return fmt.Sprintf("%d%%  %s", int(f*100), d)
		}
		return d.String()
	default:
		return sentence(fmt.Sprint(d))
	}
}

func (t *Tree) clear(out *strings.Builder) {
	if t.shown {
		out.WriteString("\r\x1b[K")
		t.shown = false
	}
}
