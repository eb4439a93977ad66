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
		upTo := l.next - 1
		l.mu.Unlock()
		err := l.f.sync()
		if err == nil && !l.linked {
			err = l.link()
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

// link makes the file's name survive a power cut. Once is enough for the life of a slot.
func (l *Log) link() error {
	if l.h.is(flagHeld) {
		return l.j.fs.syncDir(heldDir)
	}
	return l.j.fs.syncDir("")
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
