package events

import (
	"context"
	"slices"
)

// commit makes the run final. What is left in l.entries are the deferred actions.
func (l *lane) commit(d int) error {
	r := l.r
	f := &l.stack[d]
	retain(l.entries, f.retain())
	r.probe("committing", f.id, f.payload)
	if log := r.currentLog(); log != nil {
		if err := log.Commit(r.keep(l.entries)); err != nil {
			l.w.dirty.Store(true) // what the log says now is for a recovery to find out
			return err
		}
	}
	l.w.committed = true
	l.entries = slices.DeleteFunc(l.entries, func(e entry) bool { return !e.deferred })
	r.probe("committed", f.id, f.payload)
	return nil
}

// retained groups journaled effects by the key they are kept under.
func retained(es []entry) (keep []Retained) {
	for i := range es {
		e := &es[i]
		if e.key == "" || e.lsn == 0 || e.deferred {
			continue
		}
		k := slices.IndexFunc(keep, func(r Retained) bool { return r.Key == e.key })
		if k < 0 {
			k = len(keep)
			keep = append(keep, Retained{Key: e.key})
		}
		keep[k].LSNs = append(keep[k].LSNs, e.lsn)
	}
	return keep
}

// runDeferred runs the deferred actions of the step at depth d, oldest first. All its other entries
// are gone by then.
func (l *lane) runDeferred(d int) {
	for base := int(l.stack[d].base); len(l.entries) > base; {
		l.forward(d, base)
	}
}

// forward runs the deferred action in slot i for the step at depth d.
func (l *lane) forward(d, i int) {
	var unbounded context.Context // nil: only Abort stops it
	if l.timeUp(unbounded) {
		l.giveUp(d, &l.entries[i], ErrAborted)
		l.entries = slices.Delete(l.entries, i, i+1)
		return
	}
	c := l.prepare(d, i)
	l.attempt(unbounded, c, Commit, nil)
	c.release()
}

// close ends the run's log.
func (l *lane) close() {
	w := l.w
	if w.logDone {
		return
	}
	w.logDone = true
	if log := l.r.currentLog(); log != nil {
		_ = log.Close(!w.dirty.Load()) // not clean, or not closed: a recovery looks at it
		l.r.probe("ended", 0, w.root)
	}
}

// retain marks es to be kept under key, but for those that a child chose another key for.
func retain(es []entry, key string) {
	if key == "" {
		return
	}
	for i := range es {
		if es[i].key == "" {
			es[i].key = key
		}
	}
}

// currentLog is the log that the lane's records go to, nil if there is none.
func (l *lane) currentLog() Log {
	if l.laneState != nil && l.foreign != nil { // else a context was kept
		return l.foreign.log
	}
	return l.r.currentLog()
}

// mark writes to the log what became of e, if e is in it. A failure is not the step's: what is to be
// undone is undone in memory, and a recovery will find it done already.
func (l *lane) mark(typ RecordType, e *entry, failure error) {
	if e.lsn == 0 {
		return
	}
	rec := Record{Type: typ, Ref: e.lsn, Volatile: e.volatile}
	if failure != nil {
		rec.Params = []byte(failure.Error())
	}
	if !written(l.currentLog(), &rec) {
		l.w.dirty.Store(true)
	}
}

// written appends rec and tells whether that went well. A log that panics here, where a step is brought
// to its end, has failed like any other.
func written(log Log, rec *Record) (ok bool) {
	defer func() {
		if v := recover(); v != nil {
			ok = false
		}
	}()
	_, err := log.Append(rec)
	return err == nil
}
