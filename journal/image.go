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
	live   bool  // the last frame is known to have been written since the machine booted
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
		img.end, img.live = img.h.start, img.h.boot.is(boot)
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
	wrote := img.h.boot
	img.frames = make([]frame, 0, max(8, min(img.h.count, 64)))
	for {
		f, ok := readFrame(data[at:], seed)
		if !ok || f.lsn != next {
			break
		}
		if f.Type == events.RecAttempt || f.Type == events.RecRelease { // what follows is recovery's
			wrote = bootIDOf(f.Params)
		}
		f.gone = f.Volatile && wrote.isNot(boot)
		img.frames = append(img.frames, f)
		at += f.size
		next++
	}
	img.live = wrote.is(boot)
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
