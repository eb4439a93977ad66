package term

import (
	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/internal/view"
)

// Options is what a terminal can do, and what is wanted of it. The zero Options is a file.
type Options struct {
	Color bool
	Live  bool // lines can be rewritten: Live can be used
	ASCII bool // only ASCII marks

	// Size is how large the terminal is now; nil or 0: not known.
	Size func() (rows, cols int)
	// Crops says that the terminal cuts off lines when it is made narrower; others wrap them.
	Crops bool

	Verbose bool // every step, with its attributes and the lines of its output
	Whole   bool // why all of it failed is said, too; otherwise that is the caller's to say
}

type marks struct {
	ok, failed, skipped, undone, open, cut, output string
	full, empty                                    string // of a bar
	spin                                           []string
}

// marks are the signs before a step.
func (o Options) marks() marks {
	if o.ASCII {
		return marks{
			ok: "+", failed: "x", skipped: "-", undone: "<", open: ">", cut: "...", output: "|",
			full: "#", empty: "-",
			spin: []string{"|", "/", "-", `\`},
		}
	}
	return marks{
		ok: "✓", failed: "✗", skipped: "·", undone: "↩", open: "▸", cut: "…", output: "│",
		full: "█", empty: "░",
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

// size is how large the terminal is; without a size it is an old one.
func (o Options) size() (rows, cols int) {
	if o.Size != nil {
		rows, cols = o.Size()
	}
	if rows <= 0 {
		rows = 24
	}
	if cols <= 0 {
		cols = 80
	}
	return rows, cols
}

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
	case n.Status == events.Pending:
		return m.open, ""
	case n.Undoing():
		return m.undone, amber
	default:
		return m.ok, green
	}
}

// title says what a step does, and whether that takes something back.
func title(n *view.Node) string {
	if n.Undoing() {
		return "undo " + Printable(n.Title)
	}
	return Printable(n.Title)
}
