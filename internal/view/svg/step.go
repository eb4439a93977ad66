package svg

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/internal/view"
)

// most is how many steps are drawn.
const most = 1000

// line is a step that is drawn.
type line struct {
	n    *view.Node
	more int // steps below it that are not drawn
}

// choose gives the steps to be drawn in their order, down to a depth at which they are not too many. At depth 1 there may
// still be too many: then the first are drawn.
func choose(root *view.Node) (lines []line, hidden int) {
	if root == nil {
		return nil, 0
	}
	all := 0
	deep := []int{} // steps at each depth
	var count func(n *view.Node, depth int)
	count = func(n *view.Node, depth int) {
		if depth == len(deep) {
			deep = append(deep, 0)
		}
		deep[depth]++
		all++
		for _, c := range n.Children {
			count(c, depth+1)
		}
	}
	count(root, 0)
	depth, sum := 0, 0
	for depth < len(deep) && (sum+deep[depth] <= most || depth <= 1) {
		sum += deep[depth]
		depth++
	}
	var add func(n *view.Node, at int) (below int)
	add = func(n *view.Node, at int) (below int) {
		drawn := at < depth && len(lines) < most
		i := len(lines)
		if drawn {
			lines = append(lines, line{n: n})
		}
		for _, c := range n.Children {
			below += add(c, at+1)
		}
		if drawn {
			lines[i].more = below
			return 0
		}
		return below + 1
	}
	add(root, 0)
	return lines, all - len(lines)
}

// last is when the last that is known happened.
func last(n *view.Node) time.Duration {
	if n == nil {
		return 0
	}
	end := n.Began + n.Dur
	for _, c := range n.Children {
		end = max(end, last(c))
	}
	return end
}

// lane draws what is behind the i-th row: a band for each parallel lane, with its number where it begins.
func (p *picture) lane(rows []line, i int) {
	n := rows[i].n
	y := p.y + float64(i*row)
	if n.Lane%2 == 1 {
		p.put(`<rect class="band" x="0" y="%g" width="%d" height="%d"/>`+"\n", y, width, row)
	}
	if n.Lane != 0 && (i == 0 || rows[i-1].n.Lane != n.Lane) {
		p.put(`<text class="faint right" x="%d" y="%g" font-size="9"><title>lane %d</title>%d</text>`+"\n", width-4, y+14, n.Lane, n.Lane)
	}
}

// step draws a row.
func (p *picture) step(l line) {
	n := l.n
	begin, end := p.x(n.Began), p.x(n.Began+n.Dur)
	if n.Status == events.Pending {
		end = p.x(p.span)
	}
	whole := ""
	if len(n.Children) > 0 {
		whole = " whole"
	}
	y := p.y
	p.put(`<g class="%s"><title>%s</title>`, class(n), text(story(l)))
	p.put(`<g clip-path="url(#names)"><text x="%d" y="%g">%s</text></g>`, margin+n.Depth*12, y+14, text(cut(label(l), 80)))
	p.put(`<rect class="bar%s" x="%.1f" y="%g" width="%.1f" height="%d" rx="2"/>`, whole, begin, y+4, max(end-begin, 2), row-8)
	if n.Status == events.Failed {
		p.put(`<text x="%.1f" y="%g">✗</text>`, max(end, begin+2)+3, y+14)
	}
	if n.Status != events.Pending {
		p.put(`<text class="faint right" x="%d" y="%g">%s</text>`, width-margin-gutter, y+14, text(duration(n.Dur)))
	}
	p.put("</g>\n")
	p.y += row
}

// label is what a row is called.
func label(l line) string {
	s := l.n.Title
	switch l.n.Kind {
	case events.Undo, events.Revert:
		s = "↩ undo " + s
	case events.Forward, events.Commit:
	}
	switch l.n.Status {
	case events.Failed:
		s = "✗ " + s
	case events.Skipped:
		s = "· " + s
	case events.Pending, events.Succeeded:
	}
	if l.more > 0 {
		s += " (+" + strconv.Itoa(l.more) + ")"
	}
	return s
}

// story is all that is known of a step.
func story(l line) string {
	n := l.n
	parts := []string{label(l), n.Type, "at " + duration(n.Began)}
	switch skip, skipped := errors.AsType[*events.SkipError](n.Err); {
	case n.Status == events.Pending:
		parts = append(parts, "no end is known")
	case skipped && n.Status == events.Skipped:
		parts = append(parts, "skipped: "+skip.Why)
	case n.Status == events.Failed && n.Err != nil:
		parts = append(parts, "failed after "+duration(n.Dur)+": "+n.Err.Error())
	default:
		parts = append(parts, "took "+duration(n.Dur))
	}
	return strings.Join(parts, ", ")
}
