package term

import (
	"io"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/internal/view"
)

// Live shows a stream on a terminal as a tree that changes where it stands, at the bottom of what is
// there; when the stream is over the picture goes, and what Print writes stays. It is painted by Tick only,
// so that quick operations do not flicker. It leaves the terminal's settings alone, hides no cursor
// and does not use the other screen: killed at any time it leaves a picture with the cursor below it. It
// may be used from several goroutines.
type Live struct {
	w    io.Writer
	opts Options

	mu    sync.Mutex
	tree  view.Tree
	at    time.Duration
	shown []shownRow // the picture on the screen; the cursor is below it
	cols  int        // the terminal's when it was painted
	mute  bool
	over  bool // the stream has ended and was printed
	err   error
}

// shownRow is a row as it was written.
type shownRow struct {
	text  string
	width int
}

// NewLive shows on w, which must be a terminal that knows the usual control sequences.
func NewLive(w io.Writer, opts Options) *Live { return &Live{w: w, opts: opts} }

// Err is the first error of writing; nothing is written after it.
func (l *Live) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

// Add takes ev in. The end of the stream is shown at once.
func (l *Live) Add(ev events.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := l.tree.Add(ev)
	if l.over = n != nil && n == l.tree.Root && ev.Phase == events.End; l.over {
		l.print()
	}
}

// Tick paints what is pending, at a time since the run began. The caller decides how often that is, and so
// how soon a step counts as slow.
func (l *Live) Tick(at time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.at = at
	l.paint()
}

// Mute puts what is known so far in the place of the picture and lets nothing be written from now on.
func (l *Live) Mute() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.over {
		l.print()
	}
	l.mute = true
}

// Close takes the picture away, if the stream was not shown to its end.
func (l *Live) Close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out strings.Builder
	l.erase(&out)
	l.write(out.String())
}

// Note prints a line that is not of the stream, above the picture.
func (l *Live) Note(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	painted := len(l.shown) > 0
	var out strings.Builder
	l.erase(&out)
	out.WriteString(text + "\r\n")
	l.write(out.String())
	if painted {
		l.paint()
	}
}

// Forget leaves the picture where it is and begins another one below what has been written since: after
// somebody else had the terminal.
func (l *Live) Forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.shown = nil
}

// print puts what is to stay in the place of the picture.
func (l *Live) print() {
	var out strings.Builder
	l.erase(&out)
	_ = Print(&out, &l.tree, l.opts) // a strings.Builder takes all
	l.write(out.String())
}

func (l *Live) write(s string) {
	if l.err == nil && !l.mute && s != "" {
		_, l.err = io.WriteString(l.w, s)
	}
}

// The control sequences. All terminals of today know them, and those of forty years ago.
const (
	eraseBelow = "\x1b[J"
	eraseRight = "\x1b[K"
	wrapOff    = "\x1b[?7l"
	wrapOn     = "\x1b[?7h"
)

func up(n int) string {
	if n == 0 {
		return "\r"
	}
	return "\r\x1b[" + strconv.Itoa(n) + "A"
}

// height is how many rows up the picture begins on a terminal of a size now: lines that have
// become too long for it are wrapped. What has left the screen at its top cannot be reached.
func (l *Live) height(rows, cols int) (n int) {
	for _, r := range l.shown {
		if l.opts.Crops {
			n++
		} else {
			n += rowsOf(r.width, cols)
		}
	}
	return min(n, rows-1)
}

func (l *Live) erase(out *strings.Builder) {
	if len(l.shown) > 0 {
		out.WriteString(up(l.height(l.opts.size())) + eraseBelow)
		l.shown = nil
	}
}

// paint brings the picture up to date, in one write. Rows that stay as they are are not written again.
// No row is as wide as the terminal, and none wraps if the terminal takes it for wider than it is.
func (l *Live) paint() {
	if l.over || l.tree.Root == nil || l.mute || l.err != nil {
		return
	}
	rows, cols := l.opts.size()
	picture := l.opts.frame(&l.tree, l.at, rows-1)
	next := make([]shownRow, len(picture))
	for i, r := range picture {
		next[i].text, next[i].width = l.opts.rowIn(r, max(1, cols-1))
	}
	var out strings.Builder
	if cols != l.cols || len(l.shown) >= rows {
		l.erase(&out)
		l.cols = cols
	}
	same := 0
	for same < min(len(next), len(l.shown)) && next[same].text == l.shown[same].text {
		same++
	}
	if same == len(next) && same == len(l.shown) && out.Len() == 0 {
		return
	}
	if n := len(l.shown) - same; n > 0 {
		out.WriteString(up(n))
	}
	out.WriteString(wrapOff)
	for i, r := range next[same:] {
		if old := i + same; old >= len(l.shown) || l.shown[old].text != r.text {
			out.WriteString(r.text + eraseRight)
		}
		out.WriteString("\r\n")
	}
	if len(next) < len(l.shown) {
		out.WriteString(eraseBelow)
	}
	out.WriteString(wrapOn)
	l.shown = next
	l.write(out.String())
}
