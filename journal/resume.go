package journal

import (
	"fmt"

	"github.com/libioc/ioc/events"
)

// resume goes on with the log that img was read from. The caller holds f's lock.
func (j *Journal) resume(f file, name string, img *image) (*Log, error) {
	l := newLog(j, f, name, img.h, img.size)
	l.seed, l.placed, l.off = img.h.salt.seed(), true, img.end
	l.next = img.h.base + uint64(len(img.frames))
	l.said = map[uint64]string{}
	if j.opts.Durability == PowerSafe {
		l.h.flags |= flagDurable
	}
	for i := range img.frames {
		fr := &img.frames[i]
		l.take(fr.lsn, &fr.Record)
		if fr.Type == events.RecFailed {
			l.said[fr.Ref] = string(fr.Params)
		}
	}
	if img.stale > 0 { // else a frame of ours could make one of these the next again
		if err := zero(f, img.end, img.stale); err != nil {
			return nil, fmt.Errorf("journal: %s: %w", name, err)
		}
		if err := l.sync(); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// park notes in the header whether what is left is tried again by itself. It is a hint only.
func (l *Log) park(parked bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if parked == l.h.is(flagParked) || l.err != nil {
		return
	}
	l.h.flags ^= flagParked
	if err := writeAll(l.f, l.h.encode(), 0); err != nil {
		_ = l.poison(fmt.Errorf("write: %w", err))
	}
}

// done frees the slot. The file stays open, and locked.
func (l *Log) done() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	return l.free()
}
