package term

import (
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/internal/view"
)

// gap is between the parts of a row.
const gap = "  "

// outcome is what a row says of a step that has ended, after its title. folded: what is below it is not
// shown.
func (o Options) outcome(n *view.Node, folded bool) (parts row) {
	add := func(color, text string) {
		if text != "" {
			parts = append(parts, part{color: color, text: gap + text})
		}
	}
	skip, isSkip := errors.AsType[*events.SkipError](n.Err)
	switch {
	case n.Status == events.Skipped && isSkip:
		add(dim, sentence(skip.Why))
	case n.Status == events.Failed && !n.Said() && (n.Parent != nil || o.Whole):
		add("", sentence(n.Err.Error()))
	case n.Status == events.Succeeded && n.Detail != nil:
		if s, ok := n.Detail.(fmt.Stringer); ok {
			add(dim, sentence(s.String()))
		}
	}
	if folded {
		add(dim, below(n.Below))
	}
	if n.Status != events.Skipped {
		add(dim, duration(n.Dur))
	}
	return parts
}

// below says what is not shown of a step.
func below(t view.Tally) string {
	if t.All() == 0 {
		return ""
	}
	words := []string{count(t.All(), "step")}
	for _, c := range []struct {
		n    int
		what string
	}{{t.Skipped, " skipped"}, {t.Undone, " undone"}, {t.Failed, " failed"}} {
		if c.n > 0 {
			words = append(words, strconv.Itoa(c.n)+c.what)
		}
	}
	return strings.Join(words, ", ")
}

func count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return strconv.Itoa(n) + " " + what
}

// attributes are what a step says of itself beside its title.
func attributes(p events.Payload) string {
	a, ok := p.(events.Attrs)
	if !ok {
		return ""
	}
	var b strings.Builder
	for _, attr := range a.AppendAttrs(nil) {
		writeAttr(&b, "", attr)
	}
	return strings.TrimPrefix(b.String(), " ")
}

func writeAttr(b *strings.Builder, prefix string, a slog.Attr) {
	v := a.Value.Resolve()
	if v.Kind() == slog.KindGroup {
		for _, member := range v.Group() {
			writeAttr(b, prefix+a.Key+".", member)
		}
		return
	}
	text := v.String()
	if text == "" || strings.ContainsAny(text, " \t\n\"=") {
		text = strconv.Quote(text)
	}
	b.WriteString(" " + Printable(prefix+a.Key) + "=" + Printable(text))
}

// barWidth is how many columns a bar has.
const barWidth = 10

// progress says how far a pending step is, at a time since the run began. What there is no room for goes
// in the order of drop.
func (o Options) progress(n *view.Node, at time.Duration) (parts row) {
	add := func(drop int, color, text string) {
		parts = append(parts, part{color: color, text: gap + text, drop: drop})
	}
	switch d := n.Detail.(type) {
	case nil:
	case events.Amount:
		if f, ok := d.Fraction(); ok {
			m := o.marks()
			full := int(f * barWidth) // not full before it is
			parts = append(parts, part{color: green, text: gap + strings.Repeat(m.full, full), drop: decoration},
				part{color: dim, text: strings.Repeat(m.empty, barWidth-full), drop: decoration})
			add(0, "", strconv.Itoa(int(f*100))+"%")
		}
		add(2, dim, Printable(d.String()))
		if rate := n.Pace.Rate(at); rate >= 1 {
			add(3, dim, Printable(events.Amount{Done: int64(rate), Unit: d.Unit}.String())+"/s")
		}
		if left, ok := n.Pace.Left(at); ok && left >= time.Second {
			add(1, dim, seconds(left)+" left")
		}
	default:
		parts = append(parts, part{color: dim, text: gap + sentence(fmt.Sprint(d)), give: true})
	}
	if d := at - n.Began; d >= time.Second {
		add(decoration+1, dim, seconds(d))
	}
	return parts
}

// seconds is d without what flickers.
func seconds(d time.Duration) string { return d.Truncate(time.Second).String() }

// duration is d with about three digits.
func duration(d time.Duration) string {
	if d <= 0 {
		return ""
	}
	unit := time.Microsecond
	for d/unit >= 1000 {
		unit *= 10
	}
	return d.Round(min(unit, time.Second)).String()
}
