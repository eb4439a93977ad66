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
	tree view.Tree
	mute bool
	err  error
}

// NewPlain prints to w.
func NewPlain(w io.Writer) *Plain { return &Plain{w: w} }

// Err is the first error of writing; nothing is written after it.
func (p *Plain) Err() error { return p.err }

// Mute lets nothing be written from now on.
func (p *Plain) Mute() { p.mute = true }

// Close has nothing to take away.
func (*Plain) Close() {}

// Add shows ev.
func (p *Plain) Add(ev events.Event) {
	n := p.tree.Add(ev)
	if ev.Phase != events.End || p.mute || p.err != nil {
		return
	}
	_, p.err = io.WriteString(p.w, plainLine(n))
}

// plainLine reads "done     start web > sandbox.spawn web 12ms".
func plainLine(n *view.Node) string {
	path := Printable(n.Title)
	for up := n.Parent; up != nil; up = up.Parent {
		path = Printable(up.Title) + " > " + path
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%-8s %s", plainWord(n), path)
	if d := duration(n.Dur); d != "" {
		b.WriteString(" " + d)
	}
	if skip, ok := errors.AsType[*events.SkipError](n.Err); ok && n.Status == events.Skipped {
		b.WriteString(": " + sentence(skip.Why))
	} else if n.Status == events.Failed && (!n.Said() || n.Parent == nil) {
		b.WriteString(": " + sentence(n.Err.Error()))
	}
	b.WriteByte('\n')
	return b.String()
}

// plainWord says what became of a step.
func plainWord(n *view.Node) string {
	undo := n.Kind == events.Undo || n.Kind == events.Revert
	switch {
	case undo && n.Status == events.Failed:
		return "left"
	case undo && n.Status == events.Succeeded:
		return "undone"
	case n.Status == events.Succeeded:
		return "done"
	default:
		return n.Status.String()
	}
}
