package view

import "github.com/libioc/ioc/events"

// TailLines is how many lines of a step's output are kept.
const TailLines = 20

// Tail is the end of what a step's command has said.
type Tail struct {
	Lines   []string // the last TailLines
	Omitted int      // how many came before them
}

func (t *Tail) add(o events.Output) {
	if o.Omitted > 0 { // there is a gap: what was before it is not the tail
		t.Omitted += o.Omitted + len(t.Lines)
		t.Lines = t.Lines[:0]
	}
	t.Lines = append(t.Lines, o.Lines...)
	if more := len(t.Lines) - TailLines; more > 0 {
		t.Omitted += more
		t.Lines = append(t.Lines[:0], t.Lines[more:]...)
	}
}
