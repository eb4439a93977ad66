package journal

import (
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/libioc/ioc/events"
)

// Room that is kept free for what must still be written about each effect, so that a full disk never
// stops a rollback or a release.
const (
	roomUndone  = 32      // UNDONE or DEFERRED_DONE
	roomAttempt = 56      // ATTEMPT, with a boot ID
	roomFailed  = 72      // FAILED, with failedText
	mostText    = 4 << 10 // bytes of why a compensation failed: a record is not the place for more
	failedText  = 32      // bytes of why, if there is no room for more
	maxAttempts = 3       // by recovery, before what failed is left to a person
	roomEffect  = roomUndone + maxAttempts*roomAttempt + roomFailed
	roomFinal   = 128 // COMMIT or RELEASE, without keys

	maxSlot = 1 << 30
	// keepSlot is how many times its first size a free slot may have.
	keepSlot = 16
)

// errNoRoom is the error of a record that would leave too little room for those that must fit.
var errNoRoom = errors.New("no room in the log")

// after is how many effects may still need room when rec is written.
func (l *Log) after(rec *events.Record) int64 {
	todo := int64(l.todo)
	switch rec.Type { //nolint:exhaustive // the others leave as much to do as before
	case events.RecUndo, events.RecDefer:
		todo++
	case events.RecUndone, events.RecDeferredDone, events.RecResolved:
		todo = max(todo-1, 0)
	case events.RecSealed:
		lsns, _ := decodeFinal(rec.Params)
		for _, n := range lsns {
			if e := l.at(n); e != nil && e.state&isUndo != 0 && e.state&(isOver|isSealed|isFailed) == 0 {
				todo--
			}
		}
	}
	return todo
}

// fits reports whether l.buf, the frame of rec, leaves enough room for what must be written later.
func (l *Log) fits(rec *events.Record) bool {
	return l.off+int64(len(l.buf))+l.after(rec)*roomEffect+roomFinal <= l.size
}

// room makes sure that l.buf, the frame of rec, fits. errNoRoom: it does not, and the log is as it was.
func (l *Log) room(rec *events.Record) error {
	if l.fits(rec) {
		return nil
	}
	n, todo := l.off+int64(len(l.buf)), l.after(rec)
	err := l.grow(n + todo*roomEffect + roomFinal)
	if err == nil || l.err != nil {
		return err
	}
	switch rec.Type { //nolint:exhaustive // what the room was kept for
	case events.RecUndone, events.RecDeferredDone, events.RecResolved, events.RecAttempt, events.RecFailed, events.RecRelease:
		if n+todo*roomUndone <= l.size {
			return nil
		}
	}
	return fmt.Errorf("%w: %w", errNoRoom, err)
}

// grow appends zeros until the file has at least n bytes. After an error that did not poison the log
// the file is as it was.
func (l *Log) grow(n int64) error {
	if l.size > 0 {
		n = max(n, 2*l.size)
	}
	if !l.h.is(flagHeld) {
		n = max(n, l.j.opts.SlotSize)
	}
	n = (n + sector - 1) / sector * sector
	if n > maxSlot {
		return fmt.Errorf("journal: %s: %d bytes are too many", l.name, n)
	}
	if err := zero(l.f, l.size, n); err != nil {
		_ = l.f.Truncate(l.size)
		return fmt.Errorf("journal: grow %s: %w", l.name, err)
	}
	if l.durable > 0 { // now, where a full disk is an error of this record alone and not of the log
		if err := l.sync(); err != nil {
			return err
		}
	}
	l.size = n
	return nil
}

// place decides where the run's frames begin and writes its header. They begin behind those of the
// slot's last run, which matter until the new header is on the disk. If there is not enough room
// left they begin at the front again; then the disk must know first that the last run is over.
func (l *Log) place(rec *events.Record) error {
	start := max(headerSize, (l.h.end+sector-1)/sector*sector)
	need := int64(frameHead+64+len(rec.Name)+len(rec.Params)) + roomEffect + roomFinal
	if start > headerSize && start+max(need, l.j.opts.SlotSize/4) > l.size {
		switch {
		case !l.h.is(flagDurable) || l.j.opts.Durability == KillSafe:
			start = headerSize
		case rec.Volatile && l.size < keepSlot*l.j.opts.SlotSize: // it never waits for a disk
		default:
			if err := l.sync(); err != nil {
				return err
			}
			l.h.flags &^= flagDurable
			start = headerSize
		}
	}
	if start+need > l.size {
		if err := l.grow(start + need); err != nil {
			return err
		}
	}
	return l.begin(start)
}

// begin writes a header for frames from start on.
func (l *Log) begin(start int64) error {
	_, _ = rand.Read(l.h.salt[:]) // it never fails
	l.h.flags &^= flagFree | flagParked
	l.h.start, l.h.base, l.h.end = start, l.next, 0
	if err := writeAll(l.f, l.h.encode(), 0); err != nil {
		return l.poison(fmt.Errorf("write: %w", err))
	}
	l.seed, l.off, l.placed = l.h.salt.seed(), start, true
	l.tally = tally{}
	return nil
}

// rotate begins the log anew, in the room of records that are all final.
func (l *Log) rotate() (bool, error) {
	if l.h.is(flagHeld) || l.commit != 0 || l.left || l.publishing || l.todo > 0 || l.off == l.h.start {
		return false, nil
	}
	if err := l.markFree(); err != nil {
		return false, err
	}
	if l.h.is(flagDurable) {
		if err := l.sync(); err != nil {
			return false, err
		}
	}
	return true, l.begin(headerSize)
}

// markFree says in the header that nothing of the log is needed any more.
func (l *Log) markFree() error {
	free := l.h
	free.flags |= flagFree
	free.end = l.off
	if l.linked {
		free.flags |= flagLinked
	}
	if err := writeAll(l.f, free.encode(), 0); err != nil {
		return l.poison(fmt.Errorf("write: %w", err))
	}
	return nil
}

// free gives the slot back. If the header does not reach the disk recovery finds that nothing is left.
func (l *Log) free() error {
	large := l.size > keepSlot*l.j.opts.SlotSize
	if large { // it shrinks; the frames go, so the header must be first
		l.off = headerSize
	}
	if err := l.markFree(); err != nil || !large {
		return err
	}
	if l.h.is(flagDurable) {
		if err := l.sync(); err != nil {
			return err
		}
	}
	return l.f.Truncate(l.j.opts.SlotSize)
}
