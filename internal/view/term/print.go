package term

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/internal/view"
)

// Print writes what is to stay of a stream: the steps right below the whole, each with what is below it
// folded away unless something went wrong there, then what commands said in the steps that failed. Of many
// steps alike the middle ones are counted only. With o.Verbose nothing is folded, and nothing left out.
// A tree whose stream is not over shows what is pending, too. It ends with what w.Write returns.
func Print(w io.Writer, t *view.Tree, o Options) error {
	if t.Root == nil {
		return nil
	}
	p := printer{opts: o}
	p.step(t.Root, 0, true)
	if !o.Verbose {
		p.said()
	}
	_, err := io.WriteString(w, p.out.String())
	return err
}

// printer makes a text of a tree.
type printer struct {
	opts   Options
	out    strings.Builder
	causes []*view.Node // where it failed, with output
}

func (p *printer) row(r row) {
	p.out.WriteString(strings.TrimRight(p.opts.rowText(r, 0), " "))
	p.out.WriteByte('\n')
}

// step prints a step, and with open what is below it.
func (p *printer) step(n *view.Node, depth int, open bool) {
	open = (open || p.opts.Verbose || n.Pending() || n.Bad()) && len(n.Children) > 0
	r := p.opts.line(n, depth, !open)
	if !p.opts.Verbose {
		for i := range r {
			if r[i].give {
				r[i].text = p.opts.short(r[i].text)
			}
		}
	}
	p.row(r)
	switch {
	case p.opts.Verbose:
		p.output(n, depth+1)
	case n.Output != nil && n.Status == events.Failed:
		p.causes = append(p.causes, n)
	}
	if open {
		p.children(n, depth+1)
	}
}

// titleColumns is how long a title may be in what stays: a whole script may be one.
const titleColumns = 70

func (o Options) short(title string) string { return cut(title, titleColumns, o.marks().cut) }

// line is the row of a step.
func (o Options) line(n *view.Node, depth int, folded bool) row {
	mark, color := o.mark(n)
	words := part{text: title(n), give: true}
	if n.Status == events.Skipped {
		words.color = dim
	}
	r := row{{text: indent(depth)}, {color: color, text: mark}, {text: " "}, words}
	if o.Verbose {
		if text := attributes(n.Payload); text != "" {
			r = append(r, part{color: dim, text: gap + text, give: true})
		}
	}
	if n.Pending() {
		return r
	}
	return append(r, o.outcome(n, folded)...)
}

func indent(depth int) string { return strings.Repeat("  ", depth) }

// Of more than crowd children alike in a row, the first and the last few are shown.
const (
	crowd = 8
	few   = 3
)

func (p *printer) children(n *view.Node, depth int) {
	for rest := n.Children; len(rest) > 0; {
		same := alike(rest)
		if p.opts.Verbose || same <= crowd {
			same = min(same, len(rest))
			for _, c := range rest[:same] {
				p.step(c, depth, false)
			}
			rest = rest[same:]
			continue
		}
		for _, c := range rest[:few] {
			p.step(c, depth, false)
		}
		p.row(p.opts.more(tally(rest[few:same-few]), depth))
		for _, c := range rest[same-few : same] {
			p.step(c, depth, false)
		}
		rest = rest[same:]
	}
}

// alike is how many of the first children can be shown as one.
func alike(all []*view.Node) int {
	first := sort(all[0])
	for i, n := range all {
		if s := sort(n); s != first || s == alone {
			return max(i, 1)
		}
	}
	return len(all)
}

// The sorts of steps when they are shown.
const (
	alone     = iota // worth a line in any case
	quiet            // it is done, or there was nothing to do
	taken            // it is taken back
	cancelled        // it was broken off because something else failed
)

func sort(n *view.Node) int {
	switch {
	case n.Pending():
		return alone
	case n.Status == events.Failed && n.Reason == events.Cancelled && !n.Undoing() && n.Below.Failed == n.Below.Cancelled:
		return cancelled
	case n.Bad():
		return alone
	case n.Undoing():
		return taken
	default:
		return quiet
	}
}

// tally counts steps of one sort.
func tally(all []*view.Node) (t view.Tally) {
	for _, n := range all {
		switch {
		case sort(n) == cancelled:
			t.Failed++
			t.Cancelled++
		case n.Status == events.Skipped:
			t.Skipped++
		case n.Undoing():
			t.Undone++
		default:
			t.Done++
		}
	}
	return t
}

// more is the row of steps that are not shown.
func (o Options) more(t view.Tally, depth int) row {
	var words []string
	for _, c := range []struct {
		n    int
		what string
	}{
		{t.Done, " done"},
		{t.Skipped, " skipped"},
		{t.Undone, " undone"},
		{t.Failed - t.Cancelled, " failed"},
		{t.Cancelled, " cancelled"},
	} {
		if c.n > 0 {
			words = append(words, strconv.Itoa(c.n)+c.what)
		}
	}
	return row{{color: dim, text: fmt.Sprintf("%s%s %d more: %s", indent(depth), o.marks().cut, t.All(), strings.Join(words, ", "))}}
}

// output prints the lines that a step's command said.
func (p *printer) output(n *view.Node, depth int) {
	if n.Output == nil {
		return
	}
	if n.Output.Omitted > 0 {
		p.row(row{{color: dim, text: indent(depth) + p.opts.marks().cut + " " + count(n.Output.Omitted, "line") + " before"}})
	}
	for _, line := range n.Output.Lines {
		p.row(p.opts.outputLine(line, depth, ""))
	}
}

func (o Options) outputLine(line string, depth int, color string) row {
	return row{{color: dim, text: indent(depth) + o.marks().output + " "}, {color: color, text: tabs(line)}}
}

// said prints what commands said where it failed. It comes last: it is what is looked for.
func (p *printer) said() {
	for _, n := range p.causes {
		p.row(row{{text: p.opts.short(title(n)) + " said:"}})
		p.output(n, 1)
	}
}

// tabs is a line of a program's output, fit for a terminal.
func tabs(line string) string {
	return Printable(strings.ReplaceAll(strings.TrimRight(line, " \t\r"), "\t", "    "))
}
