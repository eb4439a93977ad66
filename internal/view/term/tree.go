package term

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/internal/view"
)

// frames is the least time between two pictures of a pending step.
const frames = 100 * time.Millisecond

// Tree prints each step as one line when it ends, and a heading before the first of its children,
// so that the lines read as a tree. On a live terminal the last line is the pending step. It is not
// for concurrent use; it writes during Add only.
type Tree struct {
	w      io.Writer
	opts   Options
	tree   view.Tree
	headed map[events.ID]bool
	shown  bool // a pending line stands at the cursor
	last   time.Duration
	err    error
}

// NewTree prints to w.
func NewTree(w io.Writer, opts Options) *Tree {
	return &Tree{w: w, opts: opts, headed: map[events.ID]bool{}}
}

// Err is the first error of writing; nothing is written after it.
func (t *Tree) Err() error { return t.err }

// Add shows ev.
func (t *Tree) Add(ev events.Event) {
	n := t.tree.Add(ev)
	var out strings.Builder
	switch ev.Phase {
	case events.Begin:
		t.heading(&out, n.Parent)
		t.pending(&out, n, ev.At)
	case events.Progress:
		if ev.At-t.last >= frames {
			t.pending(&out, n, ev.At)
		}
	case events.End:
		t.ended(&out, n)
	}
	if t.err == nil && out.Len() > 0 {
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
	if rb, ok := errors.AsType[*events.RollbackError](n.Err); ok && n.Parent == nil {
		for _, r := range rb.Residue {
			t.text(out, n.Depth+1, t.opts.paint(red, "left behind: "+r.String()))
		}
	}
}

// outcome is the end of n's line.
func (t *Tree) outcome(n *view.Node) string {
	var parts []string
	skip, skipped := errors.AsType[*events.SkipError](n.Err)
	switch {
	case skipped:
		parts = append(parts, t.opts.paint(dim, skip.Why))
	case n.Status == events.Failed && !n.Said():
		parts = append(parts, n.Err.Error())
	case n.Status == events.Succeeded && n.Detail != nil:
		if s, ok := n.Detail.(fmt.Stringer); ok {
			parts = append(parts, t.opts.paint(dim, s.String()))
		}
	}
	if d := duration(n.Dur); d != "" {
		parts = append(parts, t.opts.paint(dim, d))
	}
	return strings.Join(parts, "  ")
}

func (t *Tree) line(out *strings.Builder, n *view.Node, mark, color, rest string) {
	title := n.Title
	if n.Kind == events.Undo {
		title = "undo " + title
	}
	if n.Status == events.Skipped {
		title = t.opts.paint(dim, title)
	}
	s := t.opts.paint(color, mark) + " " + title
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

// pending shows the step that is at work, to be overwritten by the next line.
func (t *Tree) pending(out *strings.Builder, n *view.Node, at time.Duration) {
	if !t.opts.Live {
		return
	}
	t.clear(out)
	s := strings.Repeat("  ", n.Depth) + t.opts.marks().pending + " " + n.Title
	if n.Detail != nil {
		s += fmt.Sprintf("  %v", n.Detail)
	}
	out.WriteString(t.opts.paint(dim, cut(s, t.opts.Width-1)))
	t.shown, t.last = true, at
}

func (t *Tree) clear(out *strings.Builder) {
	if t.shown {
		out.WriteString("\r\x1b[K")
		t.shown = false
	}
}

// cut shortens s to width characters; a line that wraps could not be overwritten.
func cut(s string, width int) string {
	if width <= 0 || utf8.RuneCountInString(s) <= width {
		return s
	}
	r := []rune(s)
	return string(r[:width-1]) + "…"
}
