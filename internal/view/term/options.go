package term

import (
	"fmt"
	"time"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/internal/view"
)

// Options is what a terminal can do. The zero Options is a file.
type Options struct {
	Color bool
	Live  bool       // the line of the pending step may be rewritten
	ASCII bool       // only ASCII marks
	Width func() int // columns now; nil or 0: unknown, nothing is cut
}

type marks struct {
	ok, failed, skipped, undone, open, cut string
	spin                                   []string
}

// marks are the signs before a step.
func (o Options) marks() marks {
	if o.ASCII {
		return marks{
			ok: "+", failed: "x", skipped: "-", undone: "<", open: ">", cut: "...",
			spin: []string{"|", "/", "-", `\`},
		}
	}
	return marks{
		ok: "✓", failed: "✗", skipped: "·", undone: "↩", open: "▸", cut: "…",
		spin: []string{"⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"},
	}
}

const (
	dim   = "\x1b[2m"
	red   = "\x1b[31m"
	green = "\x1b[32m"
	amber = "\x1b[33m"
	reset = "\x1b[0m"
)

func (o Options) paint(color, s string) string {
	if !o.Color || color == "" || s == "" {
		return s
	}
	return color + s + reset
}

// mark is the sign and colour of a step that has ended.
func (o Options) mark(n *view.Node) (mark, color string) {
	m := o.marks()
	switch {
	case n.Status == events.Failed:
		return m.failed, red
	case n.Status == events.Skipped:
		return m.skipped, dim
	case n.Kind == events.Undo || n.Kind == events.Revert:
		return m.undone, amber
	default:
		return m.ok, green
	}
}

// title says what a step does, and whether that takes something back.
func title(n *view.Node) string {
	switch n.Kind {
	case events.Undo, events.Revert:
		return "undo " + Printable(n.Title)
	default:
		return Printable(n.Title)
	}
}

// duration is d with three digits.
func duration(d time.Duration) string {
	switch {
	case d <= 0:
		return ""
	case d < time.Millisecond:
		return fmt.Sprintf("%dµs", d.Microseconds())
	case d < time.Second:
		return fmt.Sprintf("%.3gms", float64(d)/float64(time.Millisecond))
	case d < time.Minute:
		return fmt.Sprintf("%.3gs", d.Seconds())
	default:
		return d.Round(time.Second).String()
	}
}
