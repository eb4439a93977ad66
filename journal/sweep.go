package journal

import (
	"errors"
	"io/fs"
	"strings"

	"github.com/libioc/ioc/events"
)

// publishFor finishes what run began when it committed: it gives its prepared files their names.
func (j *Journal) publishFor(run events.RunID, keys []string) error {
	for _, key := range keys {
		name := heldName(key) + suffixNext
		h, ok, err := j.readHeld(key, suffixNext)
		if err != nil {
			return err
		}
		if !ok || h.Run.ID != run && !h.Run.ID.IsZero() { // published already, or another run's
			continue
		}
		if err := j.fs.rename(name, heldName(key)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	// Also if there was nothing to rename: who did may have died before this.
	if len(keys) > 0 && j.opts.Durability == PowerSafe {
		return j.fs.syncDir(heldDir)
	}
	return nil
}

// sweep removes prepared files of runs that died before they committed. One whose run still has a
// slot, be it live, dead or in the hands of another recovery, is left to whoever has that slot.
func (j *Journal) sweep() error {
	keys, err := j.keysWith(suffixNext)
	if err != nil || len(keys) == 0 {
		return err
	}
	for _, key := range keys {
		name := heldName(key) + suffixNext
		err := j.with(name, func(f file) error {
			if ok, err := tryLock(f); !ok || err != nil { // its run is about to commit
				return err
			}
			return errors.Join(j.sweepFile(f, name), f.unlock())
		})
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

func (j *Journal) sweepFile(f file, name string) error {
	b, err := readAt(f, 0, headerSize)
	if err != nil {
		return err
	}
	h, err := decodeHeader(b)
	if err == nil {
		slots, err := j.slots() // under the file's lock: nobody takes its name meanwhile
		if err != nil {
			return err
		}
		for _, si := range slots {
			if si.h.run != h.run {
				continue
			}
			committed, err := j.finalKey(si.name, name)
			if err != nil || committed {
				return err
			}
		}
	}
	if still, err := f.is(name); !still || err != nil { // published meanwhile; the name may be another run's now
		return err
	}
	if key, _, _ := heldKey(strings.TrimPrefix(name, heldDir+"/")); errors.Is(err, ErrCorrupt) && j.vacant(key) == nil {
		return j.fs.rename(name, heldName(key)) // whoever looks for it shall see that it has rotted
	}
	return removeFile(j.fs, name)
}

// finalKey reports whether the run in slot has made the prepared file final, or may still do so.
func (j *Journal) finalKey(slot, prepared string) (is bool, err error) {
	err = j.with(slot, func(f file) error {
		if free, err := probe(f); !free || err != nil {
			is = true // somebody works with it
			return err
		}
		data, err := readAll(f)
		if err != nil {
			return err
		}
		img, err := readImage(data, j.opts.BootID)
		if err != nil {
			is = !errors.Is(err, errBlank) // a person decides
			return nil
		}
		for _, key := range img.history().keys {
			is = is || heldName(key)+suffixNext == prepared
		}
		return nil
	})
	return is, err
}
