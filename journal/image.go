package journal

import (
	"fmt"

	"github.com/libioc/ioc/events"
)

// image is what a file said when it was read.
type image struct {
	h      header
	frames []frame
	end    int64 // where the next frame goes
	size   int64
	stale  int64 // where the last frame ends that lies behind end and is not part of the log; 0: none
	live   bool  // the last frame was written since the machine booted
}

// readImage reads a file's content as process of the boot `boot` sees it.
//
// The log ends at the first frame that does not verify or is not the next. That is how a torn write
// looks: the frames behind it, if any, were never promised to anybody. But if the machine was not
// rebooted since, the page cache loses nothing, and if a later frame says that this one had reached
// the disk, it was there: then the file has rotted, and the error is ErrCorrupt.
func readImage(data []byte, boot BootID) (*image, error) {
	img := &image{size: int64(len(data))}
	var err error
	if img.h, err = decodeHeader(data); err != nil {
		return img, err
	}
	if img.h.is(flagFree) || img.h.start > img.size {
		img.end, img.live = img.h.start, img.h.boot == boot
		if !img.h.is(flagFree) && (img.live || img.h.is(flagHeld)) {
			return img, fmt.Errorf("the log begins behind the end of the file: %w", ErrCorrupt)
		}
		return img, nil
	}
	return img, img.scan(data[img.h.start:], boot)
}

// scan reads the frames of the log from data, which begins with the first.
func (img *image) scan(data []byte, boot BootID) error {
	seed, next, at := img.h.salt.seed(), img.h.base, int64(0)
	img.live = img.h.boot == boot
	img.frames = make([]frame, 0, max(8, min(img.h.count, 64)))
	for {
		f, ok := readFrame(data[at:], seed)
		if !ok || f.lsn != next {
			break
		}
		if f.Type == events.RecAttempt || f.Type == events.RecRelease { // what follows is recovery's
			img.live = string(f.Params) == string(boot[:])
		}
		f.live = img.live
		img.frames = append(img.frames, f)
		at += f.size
		next++
	}
	img.end = img.h.start + at
	promised := img.behind(data, at, next)
	switch {
	case img.stale > 0 && (img.live || promised):
		return fmt.Errorf("record %d at byte %d does not verify, later ones do: %w", next, img.end, ErrCorrupt)
	case img.h.is(flagHeld) && len(img.frames) < img.h.count && (img.live || img.h.is(flagDurable)):
		return fmt.Errorf("%d of %d records verify: %w", len(img.frames), img.h.count, ErrCorrupt)
	}
	return nil
}

// behind looks for frames of this log behind its end, which is at data[at]. promised: one of them
// says that the record next, which is not there, was on the disk.
func (img *image) behind(data []byte, at int64, next uint64) (promised bool) {
	seed := img.h.salt.seed()
	for at+frameHead+bodyMin <= int64(len(data)) {
		f, ok := readFrame(data[at:], seed)
		if !ok || f.lsn < next {
			at += frameAlign
			continue
		}
		at += f.size
		img.stale = img.h.start + at
		promised = promised || f.synced >= next
	}
	return promised
}

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
				ref: f.Ref, gone: f.Volatile && !f.live,
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
	for below, up := e, hi.at(e.ref); up != nil && up.LSN < below.LSN; below, up = up, hi.at(up.ref) {
		if up.undone { // an undo that succeeded is never undone
			return false
		}
	}
	return true
}

// left lists what recovery, or a release, has to run, in this order, and what may only be reported:
// the effects that were to be undone, could not be, and were committed over. To undo those later
// could destroy what was made in their place.
func (hi *history) left() (run, report []*effect) {
	for i := len(hi.effects) - 1; i >= 0; i-- {
		e := &hi.effects[i]
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
	for i := range hi.effects {
		e := &hi.effects[i]
		if e.Deferred && hi.open(e) && (e.sealed || e.LSN < hi.commit) {
			run = append(run, e)
		}
	}
	return run, report
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
