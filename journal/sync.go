package journal

import "fmt"

// syncTo returns when the record lsn is on stable storage. Lanes that wait at the same time share
// one sync: the first one in does it for all that was written by then.
func (l *Log) syncTo(lsn uint64) error {
	if l.j.opts.Durability == KillSafe {
		return nil
	}
	l.h.flags |= flagDurable
	for l.synced < lsn {
		if l.err != nil {
			return l.err
		}
		if l.syncing {
			l.wake.Wait()
			continue
		}
		l.syncing = true
		upTo, linked, dir := l.next-1, l.linked, l.dir()
		l.mu.Unlock()
		err := l.f.sync()
		if err == nil && !linked { // once is enough for the life of a slot
			err = l.j.fs.syncDir(dir)
		}
		l.mu.Lock()
		l.syncing = false
		if err != nil { // never tried again: the kernel may have dropped the pages and would say it is fine
			return l.poison(fmt.Errorf("sync: %w", err))
		}
		l.linked = true
		l.synced = max(l.synced, upTo)
		l.wake.Broadcast()
	}
	return nil
}

// dir is where the file's name is.
func (l *Log) dir() string {
	if l.h.is(flagHeld) {
		return heldDir
	}
	return ""
}

// sync is a sync outside of syncTo's turn; l.mu stays locked.
func (l *Log) sync() error {
	if l.j.opts.Durability == KillSafe {
		return nil
	}
	if err := l.f.sync(); err != nil {
		return l.poison(fmt.Errorf("sync: %w", err))
	}
	return nil
}
