package eventstest

import (
	"errors"
	"fmt"

	"github.com/libioc/ioc/events"
)

// fate is what must have become of a ledger entry, by the stream.
type fate struct {
	entry   *entry
	home    *node // the event that registered it
	by      *node // the step that undid it; nil: nobody had to
	run     bool  // deferred: it had to be run
	sealed  bool
	undos   []*node // events of its compensation, or deferred action, in order
	done    bool    // one of them succeeded
	refused int     // so many of them failed because the journal did: what they did may be done all the same
	skipped bool    // the last said that there is nothing to do
}

// unwound computes the fate of every entry and checks the runs of its compensation against it.
func (e *execution) unwound() error {
	e.fates = make([]fate, len(e.x.entries))
	for i, en := range e.x.entries {
		e.fates[i] = fate{entry: en, home: e.checker.nodes[en.holder]}
	}
	e.events()
	for i := range e.fates {
		f := &e.fates[i]
		if !f.entry.armed {
			if len(f.undos) > 0 {
				return fmt.Errorf("entry %d was not registered, or disarmed, and event %d undid it", f.entry.no, f.undos[0].begin.ID)
			}
			continue
		}
		f.sealed = e.isSealed(f)
		if f.entry.kind == Defers {
			f.run = f.sealed || e.committed(f.home)
		} else if !f.sealed {
			f.by = undoneBy(f.home)
		}
		if err := e.runsAgree(f); err != nil {
			return err
		}
	}
	return nil
}

// events finds the events of effects and of all compensations.
func (e *execution) events() {
	for i := range e.fates {
		for _, id := range e.fates[i].entry.in {
			e.fates[i].undos = append(e.fates[i].undos, e.checker.nodes[id])
		}
	}
	for _, ev := range e.all {
		if ev.Phase != events.Begin {
			continue
		}
		no := 0
		switch p := ev.Payload.(type) {
		case *thing:
			no = p.No
		case *removal:
			no = p.No
		default:
			continue
		}
		f := &e.fates[no-1]
		if n := e.checker.nodes[ev.ID]; ev.Kind == events.Forward {
			f.home = n
		} else {
			f.undos = append(f.undos, n)
		}
	}
}

// undoneBy is the step that undoes what n registered: n or the first above it that did not succeed. What
// a compensation registered is its own business.
func undoneBy(n *node) *node {
	for ; n != nil; n = n.parent {
		if n.status != events.Succeeded {
			return n
		}
		if n.begin.Kind != events.Forward {
			return nil
		}
	}
	return nil
}

// committed tells whether what n deferred had to be run when the root, or the compensation that n is in, had succeeded.
func (e *execution) committed(n *node) bool {
	for ; n != nil; n = n.parent {
		switch {
		case n.status != events.Succeeded:
			return false
		case n.begin.Kind != events.Forward: // a compensation, or a deferred action: its success is a commit
			return true
		}
	}
	return true
}

// isSealed tells whether a Seal made f final.
func (e *execution) isSealed(f *fate) bool {
	for _, s := range e.x.seals {
		if s.at < f.entry.at {
			continue
		}
		for n := f.home; n != nil; n = n.parent {
			if n.begin.ID == s.step {
				return true
			}
			if n.status != events.Succeeded || n.begin.Kind != events.Forward {
				break
			}
		}
	}
	return false
}

// runsAgree checks who ran f's compensation, how often, and in which event.
func (e *execution) runsAgree(f *fate) error {
	failed, broken := 0, 0
	for i, n := range f.undos {
		switch {
		case f.by == nil && !f.run:
			return fmt.Errorf("entry %d had to stand, and event %d undid it", f.entry.no, n.begin.ID)
		case f.by != nil && n.parent != f.by:
			return fmt.Errorf("entry %d was undone by event %d below %d, want below %d", f.entry.no, n.begin.ID, n.parent.begin.ID, f.by.begin.ID)
		case f.done:
			return fmt.Errorf("entry %d was undone, or run, again by event %d", f.entry.no, n.begin.ID)
		}
		switch end := e.end(n.begin.ID); {
		case end.Status != events.Failed:
			f.done, f.skipped = true, end.Status == events.Skipped
		case end.Reason == events.Exited || end.Reason == events.Broke:
			broken++
		default:
			failed++
			if errors.Is(end.Err, ErrMemory) {
				f.refused++
			}
		}
		if broken > 3 && i > 3 {
			return fmt.Errorf("entry %d was interrupted %d times", f.entry.no, broken)
		}
	}
	attempts := 1
	if f.entry.undo.Retry {
		attempts = 3
	}
	switch {
	case f.by == nil && !f.run:
	case failed > attempts:
		return fmt.Errorf("entry %d failed %d times, want at most %d", f.entry.no, failed, attempts)
	case !f.done && broken < 3 && failed > 0 && failed+broken < attempts && !e.aborted():
		return fmt.Errorf("entry %d was given up after %d failures, want %d", f.entry.no, failed, attempts)
	case f.done && !f.skipped && f.entry.finished == 0:
		return fmt.Errorf("entry %d is undone by the stream, and was not", f.entry.no)
	case !f.done && f.entry.finished > f.refused && broken == 0:
		return fmt.Errorf("entry %d is not undone by the stream, and was", f.entry.no)
	}
	return nil
}

func (e *execution) aborted() bool { return e.fired && e.p.Consumer.How == Aborts }

// worldAgrees compares the ledger with the fates: I14, I15 and I16.
func (e *execution) worldAgrees() error {
	for i := range e.fates {
		f := &e.fates[i]
		left := f.entry.made && f.entry.finished == 0 && !f.skipped
		switch {
		case f.entry.kind == Defers:
			times := 0
			if f.run && f.done && !f.skipped {
				times = 1
			}
			if f.entry.finished < times || f.entry.finished > times+f.refused {
				return fmt.Errorf("deferred entry %d ran %d times; it had to run: %t", f.entry.no, f.entry.finished, f.run)
			}
		case f.by == nil && f.entry.made && !left:
			return fmt.Errorf("entry %d had to stand and is gone", f.entry.no)
		case f.by != nil && left && f.done:
			return fmt.Errorf("entry %d had to be undone and is there", f.entry.no)
		}
	}
	return nil
}

// residueAgrees compares what the run says it left with what it left.
func (e *execution) residueAgrees() error {
	want := map[events.ID]int{}
	at := map[*node]int{}
	for i := range e.fates {
		f := &e.fates[i]
		if (f.by != nil || f.run) && !f.done {
			want[f.home.begin.ID]++
			if f.by != nil {
				at[f.by]++
			}
		}
	}
	for _, r := range e.run.Residue() {
		want[r.Of]--
		if r.Err == events.ErrAborted && !e.aborted() || r.Err == events.ErrBarrier && !e.barriers() { //nolint:errorlint // identity
			return fmt.Errorf("residue %s of event %d: nobody aborted, and no barrier failed", r, r.Of)
		}
	}
	for id, n := range want {
		if n != 0 {
			return fmt.Errorf("residue of event %d: %d are missing; have %v", id, n, e.run.Residue())
		}
	}
	for n, count := range at {
		end := e.end(n.begin.ID)
		rb, ok := end.Err.(*events.RollbackError) //nolint:errorlint // the step's own
		if !ok || len(rb.Residue) < count {
			return fmt.Errorf("event %d left %d behind and ended: %s", n.begin.ID, count, Line(end))
		}
	}
	return nil
}

// barriers tells whether a compensation with Barrier failed.
func (e *execution) barriers() bool {
	for i := range e.fates {
		if f := &e.fates[i]; f.entry.undo.Barrier && f.by != nil && !f.done {
			return true
		}
	}
	return false
}

// ordered checks that of two entries that one step undid, the newer went first.
func (e *execution) ordered() error {
	for i := range e.fates {
		for j := range e.fates[:i] {
			older, newer := &e.fates[j], &e.fates[i]
			if older.by == nil || older.by != newer.by || len(older.undos) == 0 || len(newer.undos) == 0 {
				continue
			}
			// In one lane, and after a lane has ended, the order of registration is known.
			before := older.home.begin.Lane == newer.home.begin.Lane || older.home.endSeq <= newer.entry.seq
			last := newer.undos[len(newer.undos)-1]
			first := older.undos[0]
			if before && first.begin.Seq < last.begin.Seq {
				return fmt.Errorf("entry %d was undone by event %d before the newer %d by event %d",
					older.entry.no, first.begin.ID, newer.entry.no, last.begin.ID)
			}
			if before && newer.entry.undo.Barrier && !newer.done {
				return fmt.Errorf("entry %d was undone by event %d behind the barrier of %d", older.entry.no, first.begin.ID, newer.entry.no)
			}
		}
	}
	return e.stoppedByAbort()
}

// stoppedByAbort checks that no compensation began after Abort: at most the one that another lane was
// about to begin.
func (e *execution) stoppedByAbort() error {
	if !e.aborted() {
		return nil
	}
	begun := map[uint32]int{e.all[e.p.Consumer.At-1].Lane: 1}
	for _, ev := range e.all[e.p.Consumer.At:] {
		if ev.Phase == events.Begin && ev.Kind != events.Forward {
			if begun[ev.Lane]++; begun[ev.Lane] > 1 {
				return fmt.Errorf("event %d, a %s, began after Abort", ev.ID, ev.Kind)
			}
		}
	}
	return nil
}
