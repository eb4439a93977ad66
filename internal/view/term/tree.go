package term

import (
	"io"
	"sync"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/internal/view"
)

// Tree prints each step as one line when it ends, and a heading before the first of its children,
// so that the lines read as a tree: for terminals that cannot take a line back, and for files. The error
// of the whole is not printed, only those of steps: the caller says it when all is over, and what is left
// behind. It may be used from several goroutines.
type Tree struct {
	w    io.Writer
	opts Options

	mu     sync.Mutex
	tree   view.Tree
	headed map[events.ID]bool
	mute   bool
	err    error
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
	before := t.tree.Root
	n := t.tree.Add(ev)
	if t.tree.Root != before {
		clear(t.headed)
	}
	p := printer{opts: t.opts}
	switch ev.Phase {
	case events.Begin:
		t.heading(&p, n.Parent)
	case events.End:
		t.ended(&p, n)
	case events.Progress:
		if out, ok := ev.Detail.(events.Output); ok && t.opts.Verbose {
			t.heading(&p, n)
			for _, line := range out.Lines {
				p.row(t.opts.outputLine(line, n.Depth+1, ""))
			}
		}
	}
	t.write(p.out.String())
}

// Mute lets nothing be written from now on.
func (t *Tree) Mute() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.mute = true
}

// Close has nothing to take away.
func (*Tree) Close() {}

// Note prints a line that is not of the stream.
func (t *Tree) Note(text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.write(text + "\n")
}

func (t *Tree) write(s string) {
	if t.err == nil && !t.mute && s != "" {
		_, t.err = io.WriteString(t.w, s)
	}
}

// heading prints the line of a step that has children, once.
func (t *Tree) heading(p *printer, n *view.Node) {
	if n == nil || t.headed[n.ID] {
		return
	}
	t.heading(p, n.Parent)
	t.headed[n.ID] = true
	p.row(t.opts.heading(n))
}

// heading is the row of a step that is not over.
func (o Options) heading(n *view.Node) row {
	r := row{{text: indent(n.Depth) + o.marks().open + " " + title(n)}}
	if o.Verbose {
		if text := attributes(n.Payload); text != "" {
			r = append(r, part{color: dim, text: gap + text})
		}
	}
	return r
}

// ended prints what became of n. Of a step with a heading the success is only said for the root.
func (t *Tree) ended(p *printer, n *view.Node) {
	if t.headed[n.ID] && n.Status == events.Succeeded && n.Parent != nil {
		return
	}
	p.row(t.opts.line(n, n.Depth, false))
	if n.Status == events.Failed && !t.opts.Verbose {
		p.output(n, n.Depth+1)
	}
}
