package journal

import (
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/libioc/ioc/events"
)

// errClosed is what a log's methods return after Close.
var errClosed = errors.New("the log is closed")

// Log is the log of one run, or of retained effects that are being released. It implements
// events.Log.
//
// An Append that failed for lack of room has changed nothing and the log goes on; any other failure
// is final.
type Log struct {
	j    *Journal
	f    file
	name string

	finals     sync.Mutex // held during Seal and Commit, which let go of mu while they wait for a sync
	mu         sync.Mutex
	wake       sync.Cond // a sync has ended
	h          header
	seed       uint32
	placed     bool // the header is in the file
	off        int64
	size       int64
	next       uint64 // LSN
	synced     uint64 // highest LSN on stable storage
	syncing    bool
	linked     bool
	err        error // why nothing can be written any more
	closed     bool
	publishing bool              // by a SEALED or COMMIT: until that is done recovery would need the record
	left       bool              // recovery has something to finish whatever the run says
	said       map[uint64]string // of a log that goes on: the last failure of each effect
	buf        []byte
	tally
}

func newLog(j *Journal, f file, name string, h header, size int64) *Log {
	l := &Log{j: j, f: f, name: name, h: h, size: size, next: 1, linked: h.is(flagLinked)}
	l.wake.L = &l.mu
	return l
}

// LockFile is the open file that holds the run's lock. A helper process that inherits it (as one of
// exec.Cmd's ExtraFiles) keeps recovery waiting until it is gone, too. It is nil for a journal in
// memory, and must not be closed or written to.
func (l *Log) LockFile() *os.File { return l.f.osFile() }

// Append writes rec; see events.Log.
func (l *Log) Append(rec *events.Record) (lsn uint64, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.append(rec)
}

func (l *Log) append(rec *events.Record) (lsn uint64, err error) {
	if err := l.usable(); err != nil {
		return 0, err
	}
	if rec.Type == events.RecFailed && len(rec.Params) > mostText {
		short := *rec
		short.Params = []byte(shorten(string(rec.Params), mostText))
		rec = &short
	}
	if len(rec.Params)+len(rec.Name) > maxBody-64 {
		return 0, fmt.Errorf("journal: record of %s: %d bytes are too many", rec.Name, len(rec.Params))
	}
	if rec.Type == events.RecFailed && l.said != nil { // recoveries that fail alike do not fill the log
		why := string(rec.Params)
		if l.said[rec.Ref] == why && why != "" {
			return l.next - 1, nil
		}
		l.said[rec.Ref] = why
	}
	if !l.placed {
		if err := l.place(rec); err != nil {
			return 0, err
		}
	}
	if err := l.encode(rec); err != nil {
		return 0, err
	}
	lsn = l.next
	at, synced := l.off, l.synced
	if err := writeAll(l.f, l.buf, at); err != nil {
		_ = zero(l.f, at, at+int64(len(l.buf))) // what it wrote in part, as well as it goes
		return 0, l.poison(fmt.Errorf("write: %w", err))
	}
	l.off += int64(len(l.buf))
	l.next++
	l.take(lsn, rec)
	if !waits(rec) {
		return lsn, nil
	}
	if err = l.syncTo(lsn); err != nil && (rec.Type == events.RecCommit || rec.Type == events.RecSealed) {
		l.takeBack(at, lsn, synced, rec)
	}
	return lsn, err
}

// waits reports whether rec must be on the disk before its Append returns. A deferred action is nothing before
// COMMIT or SEALED, which come behind it in the file; that it is done need not be known: it is then done again.
func waits(rec *events.Record) bool {
	switch rec.Type { //nolint:exhaustive // the others do unless they need not survive
	case events.RecFailed, events.RecDefer, events.RecDeferredDone:
		return false
	default:
		return !rec.Volatile && !rec.Lazy
	}
}

// encode puts rec's frame into l.buf and makes room for it.
func (l *Log) encode(rec *events.Record) error {
	l.buf = appendFrame(l.buf[:0], l.seed, l.next, l.synced, rec)
	if l.fits(rec) {
		return nil
	}
	if rotated, err := l.rotate(); err != nil {
		return err
	} else if rotated {
		l.buf = appendFrame(l.buf[:0], l.seed, l.next, l.synced, rec)
	}
	err := l.room(rec)
	if errors.Is(err, errNoRoom) && rec.Type == events.RecFailed && len(rec.Params) > failedText {
		short := *rec // that it failed matters more than why
		short.Params = []byte(shorten(string(rec.Params), failedText))
		l.buf = appendFrame(l.buf[:0], l.seed, l.next, l.synced, &short)
		err = l.room(&short)
	}
	return err
}

// takeBack makes a COMMIT or SEALED record that may not have reached the disk say nothing, as well
// as it goes: its run is going to undo what the record would make final.
func (l *Log) takeBack(at int64, lsn, synced uint64, rec *events.Record) {
	nothing := events.Record{Type: events.RecFailed, Params: make([]byte, len(rec.Params))}
	_ = writeAll(l.f, appendFrame(nil, l.seed, lsn, synced, &nothing), at)
}

// usable is why nothing can be written; nil if it can.
func (l *Log) usable() error {
	if l.closed {
		return fmt.Errorf("journal: %w", errClosed)
	}
	return l.err
}

// poison ends the log.
func (l *Log) poison(err error) error {
	if l.err == nil {
		l.err = fmt.Errorf("journal: %s: %w", l.name, err)
	}
	l.wake.Broadcast()
	return l.err
}

// Seal makes lsns final and publishes keep; see events.Log.
func (l *Log) Seal(lsns []uint64, keep []events.Retained) error {
	l.finals.Lock()
	defer l.finals.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.final(events.RecSealed, lsns, keep)
}

// Commit makes the run final and publishes keep; see events.Log. A key that is held already, or is
// being released, fails it.
func (l *Log) Commit(keep []events.Retained) error {
	l.finals.Lock()
	defer l.finals.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.final(events.RecCommit, nil, keep)
}

// final writes SEALED or COMMIT in two phases: what is to be kept is prepared under other names,
// then the record makes it so, then it gets its names.
func (l *Log) final(typ events.RecordType, lsns []uint64, keep []events.Retained) error {
	if err := l.usable(); err != nil {
		return err
	}
	if !l.placed || typ == events.RecCommit && l.todo == 0 && len(keep) == 0 {
		return nil // there is nothing that recovery could undo
	}
	rec := events.Record{Type: typ, Volatile: l.durable == 0}
	if typ == events.RecSealed {
		rec.Volatile = !l.anyDurable(lsns)
	}
	ready, err := l.prepare(keep)
	if err != nil {
		return err
	}
	files := make([]kept, 0, len(ready))
	for _, p := range ready {
		files = append(files, p.kept)
	}
	rec.Params = encodeFinal(nil, lsns, files)
	l.publishing = true
	defer func() { l.publishing = false }()
	if _, err := l.append(&rec); err != nil {
		return errors.Join(err, l.j.discard(ready))
	}
	if err := l.j.publish(ready); err != nil {
		l.left = true // it is final: recovery publishes
	}
	return nil
}

// Close ends the log; see events.Log. A slot with nothing left in it is free for the next run.
func (l *Log) Close(clean bool) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil
	}
	l.closed = true
	if !l.placed { // the slot is as it was
		return errors.Join(l.f.unlock(), l.f.Close())
	}
	if l.err != nil || l.left || !clean && !l.idle() {
		if l.err == nil {
			l.h.flags |= flagLeft // a hint: recovery finds out without it, when the process has ended
			_ = writeAll(l.f, l.h.encode(), 0)
		}
		return l.f.Close() // a helper that has inherited the lock keeps it
	}
	return errors.Join(l.free(), l.f.unlock(), l.f.Close())
}
