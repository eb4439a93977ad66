package journal

import (
	"slices"

	"github.com/libioc/ioc/events"
)

// effect is what the records say about one thing that is to be undone or to be done.
type effect struct {
	events.Replay
	ref      uint64 // LSN of the compensation that registered it
	undone   bool   // or done, if it is deferred
	sealed   bool
	resolved bool
	failed   bool   // the last compensation failed
	text     string // why
	attempts int    // by recovery
	gone     bool   // a reboot took it away
}

// history is what a log's records add up to.
type history struct {
	held      bool
	effects   []effect // by LSN
	commit    uint64   // LSN of COMMIT; 0: not committed
	kept      []kept   // published by COMMIT and SEALED
	releasing bool
}

func (img *image) history() *history {
	hi := &history{held: img.h.is(flagHeld)}
	for i := range img.frames {
		f := &img.frames[i]
		switch f.Type {
		case events.RecUndo, events.RecDefer:
			hi.effects = append(hi.effects, effect{
				Replay: events.Replay{
					LSN: f.lsn, Event: f.Event, Name: f.Name, Params: f.Params,
					Volatile: f.Volatile, Deferred: f.Type == events.RecDefer,
				},
				ref: f.Ref, gone: f.gone,
			})
		case events.RecCommit:
			hi.commit = f.lsn
			_, files := decodeFinal(f.Params)
			hi.kept = append(hi.kept, files...)
		case events.RecSealed:
			lsns, files := decodeFinal(f.Params)
			hi.kept = append(hi.kept, files...)
			for _, lsn := range lsns {
				if e := hi.at(lsn); e != nil {
					e.sealed = true
				}
			}
		case events.RecRelease:
			hi.releasing = true
		case events.RecEnded:
		default:
			if e := hi.at(f.Ref); e != nil {
				e.note(&f.Record)
			}
		}
	}
	return hi
}

// note takes in a record about e.
func (e *effect) note(rec *events.Record) {
	switch rec.Type { //nolint:exhaustive // those that are about one effect
	case events.RecUndone, events.RecDeferredDone:
		e.undone = true
	case events.RecFailed:
		e.failed, e.text = true, string(rec.Params)
	case events.RecAmend:
		e.Params = rec.Params
	case events.RecAttempt:
		e.attempts++
	case events.RecResolved:
		e.resolved = true
	}
}

// at finds the effect with this LSN.
func (hi *history) at(lsn uint64) *effect {
	lo, hiIdx := 0, len(hi.effects)
	for lo < hiIdx {
		mid := (lo + hiIdx) / 2
		if hi.effects[mid].LSN < lsn {
			lo = mid + 1
		} else {
			hiIdx = mid
		}
	}
	if lo < len(hi.effects) && hi.effects[lo].LSN == lsn {
		return &hi.effects[lo]
	}
	return nil
}

// open reports whether e is neither undone nor given up, and what registered it is not over.
func (hi *history) open(e *effect) bool {
	if e.undone || e.resolved || e.gone {
		return false
	}
	for below, up := e, hi.at(e.ref); up != nil && up.LSN < below.LSN && !below.sealed; below, up = up, hi.at(up.ref) {
		if up.undone { // an undo that succeeded is never undone, but what it sealed is to be done
			return false
		}
	}
	return true
}

// guards lists whose guards hold while todo is run: those of all that the run has registered, also of what is undone. What says which
// locks a run has is undone last, but undone also if something newer could not be.
func (hi *history) guards(todo []*effect) []*effect {
	all := slices.Clone(todo)
	if len(todo) == 0 || hi.commit > 0 {
		return all
	}
	for i := range hi.effects {
		if e := &hi.effects[i]; e.undone && !e.Deferred && !e.sealed && e.ref == 0 {
			all = append(all, e)
		}
	}
	return all
}

// left lists what recovery, or a release, has to run, in this order, and what may only be reported:
// the effects that were to be undone, could not be, and were committed over. To undo those later
// could destroy what was made in their place.
//
// It is the order of a run that goes on: what is newer than the deferred actions is undone, what a deferred
// action that was cut short did above all; they run, oldest first; what is older is undone.
func (hi *history) left() (run, report []*effect) {
	due := hi.due()
	for i := len(hi.effects) - 1; i >= 0; i-- {
		e := &hi.effects[i]
		if len(due) > 0 && e.LSN == due[len(due)-1].LSN {
			run, due = append(run, due...), nil
		}
		switch {
		case e.Deferred || e.sealed || !hi.open(e):
		case hi.commit == 0 || e.LSN > hi.commit: // behind the commit: of a deferred action that was cut short
			run = append(run, e)
		case e.failed:
			report = append(report, e)
		}
	}
	if hi.held {
		return run, nil
	}
	return run, report
}

// due lists the deferred actions that are to be carried forward, oldest first.
func (hi *history) due() (due []*effect) {
	for i := range hi.effects {
		e := &hi.effects[i]
		if e.Deferred && hi.open(e) && (e.sealed || !hi.held && e.LSN < hi.commit) {
			due = append(due, e)
		}
	}
	return due
}

// residue is e for people.
func (e *effect) residue() events.Residue {
	r := events.Residue{Of: e.Event, Action: e.Name, LSN: e.LSN}
	if e.text != "" {
		r.Err = textError(e.text)
	}
	return r
}

// textError is an error that was recorded by another process.
type textError string

func (e textError) Error() string { return string(e) }
