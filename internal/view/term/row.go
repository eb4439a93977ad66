package term

import (
	"slices"
	"strings"

	"github.com/clipperhouse/displaywidth"
)

// part is a piece of a row in one colour.
type part struct {
	color string
	text  string // as Printable gives it
	give  bool   // it is shortened before the end of the row is cut off
	drop  int    // not 0: it is left out if there is no room, those with the highest number first
}

// decoration is the drop, or more, of what nothing else is shortened for.
const decoration = 9

// row is a line of a screen.
type row []part

// leastGiven is how short a part that gives may become before others are left out.
const leastGiven = 12

// rowText is r in at most width columns; 0: as long as it is.
func (o Options) rowText(r row, width int) string {
	text, _ := o.rowIn(r, width)
	return text
}

// rowIn is rowText and how wide it is.
func (o Options) rowIn(r row, width int) (text string, columns int) {
	if width > 0 {
		r = r.fit(width, o.marks().cut)
	}
	var b strings.Builder
	for _, p := range r {
		b.WriteString(o.paint(p.color, p.text))
	}
	return b.String(), r.width()
}

func (r row) width() (n int) {
	for _, p := range r {
		n += columns(p.text)
	}
	return n
}

// fit makes r at most width columns wide.
func (r row) fit(width int, mark string) row {
	over := r.width() - width
	for over > 0 {
		drop, given := 0, 0
		for _, p := range r {
			drop = max(drop, p.drop)
			if p.give {
				given += max(0, columns(p.text)-leastGiven)
			}
		}
		if drop == 0 || drop < decoration && given >= over {
			return r.shorten(width, over, mark)
		}
		r = slices.DeleteFunc(slices.Clone(r), func(p part) bool { return p.drop == drop })
		over = r.width() - width
	}
	return r
}

// shorten takes over columns from r.
func (r row) shorten(width, over int, mark string) row {
	var short row
	left := width
	for _, p := range r {
		w := columns(p.text)
		if p.give && over > 0 {
			keep := max(w-over, min(w, leastGiven))
			p.text = cut(p.text, keep, mark)
			over -= w - keep
			w = columns(p.text)
		}
		if w > left {
			p.text = cut(p.text, left, mark)
			return append(short, p)
		}
		left -= w
		short = append(short, p)
	}
	return short
}

// columns is how many columns a terminal shows s in. Terminals differ in what they make of rare
// sequences; who rewrites lines must not depend on it.
func columns(s string) int { return displaywidth.String(s) }

// cut shortens s to width columns, never in the middle of what is one character to a reader.
func cut(s string, width int, with string) string {
	switch {
	case width <= 0:
		return ""
	case columns(with) > width:
		with = ""
	}
	return displaywidth.TruncateString(s, width, with)
}

// rowsOf is how many rows of a terminal with cols columns a line takes that is width columns long.
func rowsOf(width, cols int) int {
	if cols <= 0 || width <= cols {
		return 1
	}
	return (width + cols - 1) / cols
}
