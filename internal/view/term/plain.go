package term

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/internal/view"
)

// Plain prints one line for each step that ended, with its path, for logs and pipes. An error is said by
// the step that had it and by the whole. It is not for concurrent use.
type Plain struct {
	w    io.Writer
	opts Options
	tree view.Tree
	mute bool
	err  error
}

// NewPlain prints to w. Of opts it heeds Verbose only.
func NewPlain(w io.Writer, opts Options) *Plain { return &Plain{w: w, opts: opts} }

// Err is the first error of writing; nothing is written after it.
func (p *Plain) Err() error { return p.err }

// Mute lets nothing be written from now on.
func (p *Plain) Mute() { p.mute = true }

// Close has nothing to take away.
func (*Plain) Close() {}

// Add shows ev.
func (p *Plain) Add(ev events.Event) {
	n := p.tree.Add(ev)
	if p.mute || p.err != nil {
		return
	}
	var b strings.Builder
	switch out, said := ev.Detail.(events.Output); {
	case ev.Phase == events.End:
		b.WriteString(p.line(n))
		if n.Status == events.Failed && n.Output != nil && !p.opts.Verbose {
			saidLines(&b, n, n.Output.Lines)
		}
	case said && p.opts.Verbose:
		saidLines(&b, n, out.Lines)
	}
	if b.Len() > 0 {
		_, p.err = io.WriteString(p.w, b.String())
	}
}

// saidLines reads "said     start web > exec_start: make: no such file".
func saidLines(b *strings.Builder, n *view.Node, lines []string) {
	for _, line := range lines {
		if line = tabs(line); line == "" {
			continue
		}
		fmt.Fprintf(b, "%-8s %s: %s\n", "said", path(n), line)
	}
}

func path(n *view.Node) string {
	path := Printable(n.Title)
	for up := n.Parent; up != nil; up = up.Parent {
		path = Printable(up.Title) + " > " + path
	}
	return path
}

// line reads "done     start web > sandbox.spawn web 12ms".
func (p *Plain) line(n *view.Node) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-8s %s", plainWord(n), path(n))
	if p.opts.Verbose {
		if text := attributes(n.Payload); text != "" {
			b.WriteString(" " + text)
		}
	}
	if d := duration(n.Dur); d != "" {
		b.WriteString(" " + d)
	}
	if skip, ok := errors.AsType[*events.SkipError](n.Err); ok && n.Status == events.Skipped {
		b.WriteString(": " + sentence(skip.Why))
	} else if n.Status == events.Failed && n.Err != nil && (!n.Said() || n.Parent == nil) {
		b.WriteString(": " + sentence(n.Err.Error()))
	}
	b.WriteByte('\n')
	return b.String()
}

// plainWord says what became of a step.
func plainWord(n *view.Node) string {
	switch {
	case n.Undoing() && n.Status == events.Failed:
		return "left"
	case n.Undoing() && n.Status == events.Succeeded:
		return "undone"
	case n.Status == events.Succeeded:
		return "done"
	default:
		return n.Status.String()
	}
}
