package svg

import (
	"bytes"
	"fmt"
	"html"
	"io"
	"strings"
	"time"
	"unicode"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/internal/view"
)

// About is what the picture says beside the steps.
type About struct {
	Title   string
	Text    []string // lines below the title
	Outcome string   // what became of all of it
	Failed  bool     // and that it is not good news
}

// Measures of the picture, in pixels.
const (
	width  = 1200
	gutter = 10                          // lanes
	names  = 430                         // where bars begin
	chart  = width - names - 90 - gutter // how wide they may be
	row    = 20
	margin = 16
)

// Write draws t, which has at least a root if anything is to be seen, to w. Of a tree with more steps than a picture
// can show, those are left out that are deepest, and it says so.
func Write(w io.Writer, t *view.Tree, about About) error {
	p := picture{}
	rows, hidden := choose(t.Root)
	p.span = last(t.Root)
	p.head(about, len(rows))
	top := p.y
	p.axis(len(rows))
	for i := range rows {
		p.lane(rows, i)
	}
	for _, r := range rows {
		p.step(r)
	}
	p.y = top + float64(len(rows)*row) + margin
	p.legend(hidden)
	p.b.WriteString("</svg>\n")
	_, err := w.Write(p.b.Bytes())
	return err
}

// picture is being drawn.
type picture struct {
	b    bytes.Buffer
	y    float64
	span time.Duration // of all of it
}

// put writes a piece; %s and %q are escaped by the caller.
func (p *picture) put(format string, a ...any) { fmt.Fprintf(&p.b, format, a...) }

// text is s as it may stand in XML: what no document may contain, and what would turn lines around, is replaced.
func text(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == 0xfffe || r == 0xffff {
			return unicode.ReplacementChar
		}
		return r
	}, strings.ToValidUTF8(s, string(unicode.ReplacementChar)))
	return html.EscapeString(s) // whose five characters are XML's
}

// cut shortens s to about n characters.
func cut(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return s
}

const style = `<style>
svg { color-scheme: light dark; --ground: #fff; --ink: #1f2328; --faint: #6e7781; --line: #d8dee4; --work: #3b82c4; --undo: #d97706; --commit: #7c5cc4; --fail: #cf222e; --lane: #f3f5f8; }
@media (prefers-color-scheme: dark) { svg { --ground: #0d1117; --ink: #e6edf3; --faint: #8b949e; --line: #30363d; --work: #58a6ff; --undo: #f0a33a; --commit: #a98bf5; --fail: #ff7b72; --lane: #161b22; } }
text { font: 12px system-ui, sans-serif; fill: var(--ink); }
.title { font-size: 18px; font-weight: 600; }
.faint, .skipped text { fill: var(--faint); }
.right { text-anchor: end; } .middle { text-anchor: middle; }
.ground { fill: var(--ground); } .band { fill: var(--lane); } .grid { stroke: var(--line); }
.work .bar { fill: var(--work); } .undo .bar, .revert .bar { fill: var(--undo); } .commit .bar { fill: var(--commit); }
.skipped .bar { fill: var(--faint); opacity: .5; }
.pending .bar { fill-opacity: .35; stroke: var(--work); stroke-dasharray: 3 2; }
.bar.whole { opacity: .45; }
.failed .bar { stroke: var(--fail); stroke-width: 1.5; } .bad, .failed text { fill: var(--fail); }
</style>
`

// head draws the ground, the title and what is said about all.
func (p *picture) head(about About, rows int) {
	outcome := wrap(about.Outcome, 170)
	height := margin*2 + 24 + (len(about.Text)+len(outcome))*18 + 34 + rows*row + 60
	p.put(`<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" role="img">`+"\n", width, height, width, height)
	p.put("<title>%s</title>\n%s", text(about.Title), style)
	p.put(`<clipPath id="names"><rect x="0" y="0" width="%d" height="%d"/></clipPath>`+"\n", names-8, height)
	p.put(`<rect class="ground" width="%d" height="%d"/>`+"\n", width, height)
	p.y = margin + 16
	p.put(`<text class="title" x="%d" y="%g">%s</text>`+"\n", margin, p.y, text(cut(about.Title, 110)))
	p.y += 4
	for _, line := range about.Text {
		p.y += 18
		p.put(`<text class="faint" x="%d" y="%g">%s</text>`+"\n", margin, p.y, text(cut(line, 180)))
	}
	class := ""
	if about.Failed {
		class = ` class="bad"`
	}
	for _, line := range outcome {
		p.y += 18
		p.put(`<text%s x="%d" y="%g">%s</text>`+"\n", class, margin, p.y, text(line))
	}
	p.y += 40
}

// wrap breaks s into at most four lines.
func wrap(s string, n int) []string {
	var all []string
	line := ""
	for word := range strings.FieldsSeq(s) {
		word = cut(word, n)
		if line != "" && len([]rune(line))+1+len([]rune(word)) > n {
			all, line = append(all, line), ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	if line != "" {
		all = append(all, line)
	}
	if len(all) > 4 {
		all = append(all[:3], cut(all[3], n-2)+" …")
	}
	return all
}

// axis draws the times.
func (p *picture) axis(rows int) {
	step := tick(p.span)
	for at := time.Duration(0); at <= p.span; at += step {
		x := p.x(at)
		p.put(`<line class="grid" x1="%.1f" y1="%g" x2="%.1f" y2="%g"/>`, x, p.y-4, x, p.y+float64(rows*row))
		p.put(`<text class="faint middle" x="%.1f" y="%g">%s</text>`+"\n", x, p.y-10, text(duration(at)))
		if step <= 0 {
			return
		}
	}
}

// tick is the time between two lines of the axis: 1, 2 or 5 of a decimal unit, so that there are 4 to 10.
func tick(span time.Duration) time.Duration {
	for unit := time.Duration(1); unit <= span; unit *= 10 {
		for _, n := range []time.Duration{1, 2, 5} {
			if step := n * unit; span/step <= 8 {
				return step
			}
		}
	}
	return max(span, 1)
}

func (p *picture) x(at time.Duration) float64 {
	if p.span <= 0 {
		return names
	}
	return names + float64(at)/float64(p.span)*chart
}

// legend says what the colours mean.
func (p *picture) legend(hidden int) {
	x := float64(margin)
	for _, l := range []struct{ class, word string }{
		{"work", "work"}, {"undo", "undo"}, {"commit", "after the commit"}, {"skipped", "skipped"}, {"work failed", "failed"}, {"work pending", "no end known"},
	} {
		p.put(`<g class="%s"><rect class="bar" x="%g" y="%g" width="18" height="10" rx="2"/><text x="%g" y="%g">%s</text></g>`+"\n",
			l.class, x, p.y, x+24, p.y+9.5, l.word)
		x += float64(46 + 7*len(l.word))
	}
	if hidden > 0 {
		p.put(`<text class="faint right" x="%d" y="%g">%d more steps below these are not drawn</text>`+"\n", width-margin, p.y+9.5, hidden)
	}
}

// duration is d with about three digits.
func duration(d time.Duration) string {
	unit := time.Duration(1)
	for n := d; n >= 1000; n /= 10 {
		unit *= 10
	}
	if d >= time.Minute {
		unit = time.Second
	}
	return d.Round(unit).String()
}

// class is how a step is drawn.
func class(n *view.Node) string {
	kind := "work"
	switch n.Kind {
	case events.Undo:
		kind = "undo"
	case events.Revert:
		kind = "revert"
	case events.Commit:
		kind = "commit"
	case events.Forward:
	}
	switch n.Status {
	case events.Failed:
		return kind + " failed"
	case events.Skipped:
		return "skipped"
	case events.Pending:
		return kind + " pending"
	case events.Succeeded:
	}
	return kind
}
