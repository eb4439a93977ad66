package term

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/internal/view"
)

// A frame shows of each pending step at most so many children that have ended, and so many lines of output.
const (
	frameEnded  = 5
	frameOutput = 3
)

// frame is the picture of a tree at a time.
type frame struct {
	opts Options
	at   time.Duration
	rows []row
}

// frame pictures t in at most rows rows: each step that is pending, with how far it is; what went wrong;
// and where there is room for it, what has ended last. What does not fit is counted. It looks at few more
// steps than it shows.
func (o Options) frame(t *view.Tree, at time.Duration, rows int) []row {
	f := frame{opts: o, at: at}
	if t.Root != nil && rows > 0 {
		f.step(t.Root, 0, rows)
	}
	return f.rows
}

func (f *frame) add(r row) { f.rows = append(f.rows, r) }

// step pictures n and what is below it in at most room rows, and at least one.
func (f *frame) step(n *view.Node, depth, room int) {
	switch {
	case n.Pending():
		f.add(f.pending(n, depth))
	case n.Bad():
		f.add(f.opts.line(n, depth, n.Below.Failed == 0))
	default:
		f.add(f.opts.line(n, depth, true))
		return
	}
	room--
	if in, levels := deeper(n, room); levels > 0 {
		f.add(row{{color: dim, text: indent(depth+1) + f.opts.marks().cut + " " + count(levels, "level")}})
		f.step(in, depth+2, room-1)
		return
	}
	shown, more := f.choose(n, room)
	need := 0 // rows for what is pending below those that are shown
	for _, c := range shown {
		need += c.Open
	}
	room -= len(shown)
	if more.all() > 0 && room > 0 && (more.pending > 0 || room > need) {
		f.add(f.opts.elided(more, depth+1))
		room--
	}
	scarce := min(room, need)
	spare := room - scarce
	for i, c := range shown {
		must := min(c.Open, scarce)
		if need > room { // everybody gets a share
			must = min(must, (scarce+len(shown)-i-1)/(len(shown)-i))
		}
		scarce -= must
		before := len(f.rows)
		f.step(c, depth+1, 1+must+min(spare, wants(c)))
		spare -= max(0, len(f.rows)-before-1-must)
	}
	f.output(n, depth+1, spare)
}

// deeper skips the beginning of a chain of pending steps that is longer than there is room for: its end is
// what is at work. levels is how many are skipped.
func deeper(n *view.Node, room int) (in *view.Node, levels int) {
	if n.Open <= room || room < 2 {
		return n, 0
	}
	in = n
	for levels = -1; in.Open+1 > room-1; levels++ { // one row says that there are some
		next := in.Pendings(2)
		if len(next) != 1 {
			break
		}
		in = next[0]
	}
	return in, max(0, levels)
}

// pending is the row of a step at work.
func (f *frame) pending(n *view.Node, depth int) row {
	spin := f.opts.marks().spin
	color := ""
	if n.Undoing() {
		color = amber
	}
	r := row{
		{text: indent(depth)},
		{color: color, text: spin[int(f.at/spinEvery)%len(spin)]},
		{text: " "},
		{text: title(n), give: true},
	}
	return append(r, f.opts.progress(n, f.at)...)
}

// spinEvery is how long a spinner stays as it is.
const spinEvery = 100 * time.Millisecond

// wants is how many rows a step can use beside its own and those of pending steps below it.
func wants(n *view.Node) int {
	extra := 0
	switch {
	case n.Pending():
		extra = (n.Open + 1) * (frameEnded + 1)
	case n.Bad():
		extra = 2 * n.Below.Failed
	default:
		return 0
	}
	return extra + frameOutput
}

// hidden counts steps that a frame does not show.
type hidden struct {
	view.Tally
	pending int
}

func (h hidden) all() int { return h.All() + h.pending }

// choose picks the children of n to be shown in room rows, in the order in which they began: first those
// that are pending, then those that went wrong, then those that have ended last.
func (f *frame) choose(n *view.Node, room int) (shown []*view.Node, more hidden) {
	more.Tally = n.Ended
	more.pending = len(n.Children) - n.Ended.All()
	if room <= 0 {
		return nil, more
	}
	take := room
	if n.Ended.Failed > 0 && room > 2 { // what went wrong is always seen
		take--
	}
	if len(n.Children)-n.Ended.All() > take {
		take--
	}
	shown = n.Pendings(take)
	more.pending -= len(shown)
	left := room - len(shown)
	for _, c := range shown { // what is pending below them comes first
		left -= c.Open
	}
	for _, c := range n.Troubles(max(0, min(frameEnded, left))) {
		more.forget(c)
		shown = append(shown, c)
		left--
	}
	few := min(frameEnded, left-1)
	if quiet := n.Newest(view.Recent); len(quiet) == more.All() && len(quiet) <= min(frameEnded+1, left) {
		few = len(quiet) // all of them: nothing must be counted
	}
	for _, c := range n.Newest(max(0, few)) {
		more.forget(c)
		shown = append(shown, c)
	}
	slices.SortFunc(shown, func(a, b *view.Node) int { return cmp.Compare(a.ID, b.ID) })
	return shown, more
}

// forget takes a step that is shown from those that are not.
func (h *hidden) forget(n *view.Node) {
	switch {
	case n.Status == events.Failed:
		h.Failed--
		if n.Reason == events.Cancelled && !n.Undoing() {
			h.Cancelled--
		}
	case n.Status == events.Skipped:
		h.Skipped--
	case n.Undoing():
		h.Undone--
	default:
		h.Done--
	}
}

// elided is the row of what a frame does not show.
func (o Options) elided(h hidden, depth int) row {
	r := o.more(h.Tally, depth)
	if h.pending == 0 {
		return r
	}
	text := indent(depth) + o.marks().cut + " " + strconv.Itoa(h.pending) + " more at work"
	if h.All() > 0 {
		text += ", " + r[0].text[len(indent(depth)+o.marks().cut)+1:]
	}
	return row{{color: dim, text: text}}
}

// output pictures the last a step has said.
func (f *frame) output(n *view.Node, depth, room int) {
	if n.Output == nil {
		return
	}
	lines := slices.DeleteFunc(slices.Clone(n.Output.Lines), func(s string) bool { return strings.TrimSpace(s) == "" })
	for _, line := range lines[max(0, len(lines)-min(frameOutput, max(0, room))):] {
		f.add(f.opts.outputLine(line, depth, dim))
	}
}
