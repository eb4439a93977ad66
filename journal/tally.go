package journal

import "github.com/libioc/ioc/events"

// tally counts what a log's records leave to do, one small entry per record.
type tally struct {
	base    uint64 // LSN of entries[0]
	entries []tallied
	todo    int  // effects that are not undone and deferred actions that are not done: each may need room
	durable int  // those of them that a power cut does not take away
	nested  bool // some effect was registered by a compensation
	commit  uint64
}

type tallied struct {
	ref   uint64
	state tallyState
}

type tallyState uint8

const (
	isUndo tallyState = 1 << iota
	isDeferred
	isDurable
	isOver   // undone, done, resolved or dropped
	isSealed // not undone any more
	isDue    // deferred: must be done, also after a crash
	isFailed
)

// take counts rec.
func (t *tally) take(lsn uint64, rec *events.Record) {
	if len(t.entries) == 0 {
		t.base = lsn
	}
	e := tallied{ref: rec.Ref}
	switch rec.Type { //nolint:exhaustive // the others leave nothing to do
	case events.RecUndo, events.RecDefer:
		e.state = isUndo
		if rec.Type == events.RecDefer {
			e.state = isDeferred
		}
		if !rec.Volatile {
			e.state |= isDurable
			t.durable++
		}
		t.todo++
		t.nested = t.nested || rec.Ref != 0
	case events.RecUndone, events.RecDeferredDone, events.RecResolved:
		t.over(rec.Ref)
	case events.RecFailed:
		if f := t.at(rec.Ref); f != nil {
			f.state |= isFailed
		}
	case events.RecSealed:
		lsns, _ := decodeFinal(rec.Params)
		for _, n := range lsns {
			t.seal(t.at(n))
		}
	case events.RecCommit:
		t.commit = lsn
		for i := range t.entries {
			t.seal(&t.entries[i])
		}
	}
	t.entries = append(t.entries, e)
}

func (t *tally) at(lsn uint64) *tallied {
	if lsn < t.base || lsn-t.base >= uint64(len(t.entries)) {
		return nil
	}
	return &t.entries[lsn-t.base]
}

// over counts the effect lsn as undone, or done, and all that its compensation registered as dropped.
func (t *tally) over(lsn uint64) {
	e := t.at(lsn)
	if e == nil {
		return
	}
	t.drop(e)
	e.state |= isOver
	if !t.nested {
		return
	}
	for i := lsn - t.base + 1; i < uint64(len(t.entries)); i++ {
		n := &t.entries[i]
		if n.state&(isUndo|isDeferred) == 0 || n.state&isDue != 0 { // what is due does not end with what deferred it
			continue
		}
		if up := t.at(n.ref); up != nil && up.state&isOver != 0 {
			t.drop(n)
			n.state |= isOver
		}
	}
}

// seal makes e final. A deferred action is still to be done, and what could not be undone is still
// to be reported.
func (t *tally) seal(e *tallied) {
	switch {
	case e == nil:
	case e.state&isDeferred != 0:
		e.state |= isDue
	case e.state&isUndo != 0 && e.state&(isOver|isFailed) == 0:
		t.drop(e)
		e.state |= isSealed
	}
}

// drop takes e out of the counts, once.
func (t *tally) drop(e *tallied) {
	if e.state&(isUndo|isDeferred) == 0 || e.state&(isOver|isSealed) != 0 {
		return
	}
	t.todo--
	if e.state&isDurable != 0 {
		t.durable--
	}
}

// idle reports whether a run that ends here leaves nothing, not even to be reported. What it
// deferred and never made final is dropped with it.
func (t *tally) idle() bool {
	if t.todo == 0 {
		return true
	}
	for _, e := range t.entries {
		if e.state&(isUndo|isDue) != 0 && e.state&(isOver|isSealed) == 0 {
			return false
		}
	}
	return true
}

func (t *tally) anyDurable(lsns []uint64) bool {
	for _, n := range lsns {
		if e := t.at(n); e != nil && e.state&isDurable != 0 {
			return true
		}
	}
	return false
}
