package term

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/internal/view"
)

// Plain prints one line for each step that ended, with its path, for logs and pipes. It is not for
// concurrent use.
type Plain struct {
	w    io.Writer
	tree view.Tree
	err  error
}

// NewPlain prints to w.
func NewPlain(w io.Writer) *Plain { return &Plain{w: w} }

// Err is the first error of writing; nothing is written after it.
func (p *Plain) Err() error { return p.err }

// Add shows ev.
func (p *Plain) Add(ev events.Event) {
	n := p.tree.Add(ev)
	if ev.Phase != events.End || p.err != nil {
		return
	}
	_, p.err = io.WriteString(p.w, plainLine(n))
}

// plainLine reads "done     start web > sandbox.spawn web 12ms".
func plainLine(n *view.Node) string {
	word := map[events.Status]string{events.Succeeded: "done", events.Failed: "failed", events.Skipped: "skipped"}[n.Status]
	switch {
	case n.Kind == events.Undo && n.Status == events.Succeeded:
		word = "undone"
	case n.Kind == events.Undo:
		word = "left"
	}
	path := n.Title
	for up := n.Parent; up != nil; up = up.Parent {
		path = up.Title + " > " + path
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%-8s %s", word, path)
	if d := duration(n.Dur); d != "" {
		b.WriteString(" " + d)
	}
	if skip, ok := errors.AsType[*events.SkipError](n.Err); ok {
		b.WriteString(": " + skip.Why)
	} else if n.Err != nil && n.Status == events.Failed {
		b.WriteString(": " + oneLine(n.Err.Error()))
	}
	b.WriteByte('\n')
	return b.String()
}

func oneLine(s string) string { return strings.Join(strings.FieldsFunc(s, isBreak), "; ") }

func isBreak(r rune) bool { return r == '\n' || r == '\r' }
