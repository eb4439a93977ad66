package journal

import (
	"errors"
	"io/fs"
	"strings"
)

// publishKept finishes what a run began when it committed: it gives its prepared files their names.
func (j *Journal) publishKept(files []kept) error {
	for _, k := range files {
		name := heldName(k.key)
		h, ok, err := j.readHeld(k.key, suffixNext)
		if err != nil {
			return err
		}
		if !ok || h.img.h.salt != k.salt { // published already, and this one is not final
			continue
		}
		if err := j.fs.rename(name+suffixNext, name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	// Also if there was nothing to rename: who did may have died before this.
	if len(files) > 0 && j.opts.Durability == PowerSafe {
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
	if still, err := f.is(name); !still || err != nil { // published while it was opened; its release shall not wait
		return err
	}
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
			if si.h.run != h.by {
				continue
			}
			committed, err := j.isFinal(si.name, h.salt)
			if err != nil || committed {
				return err
			}
		}
	}
	if still, err := f.is(name); !still || err != nil { // published meanwhile; the name may be another run's now
		return err
	}
	if key, _, _ := heldKey(strings.TrimPrefix(name, heldDir+"/")); errors.Is(err, ErrCorrupt) {
		if _, taken, err := j.Lookup(key); taken || err != nil {
			return err
		}
		return j.fs.rename(name, heldName(key)) // whoever looks for it shall see that it has rotted
	}
	return removeFile(j.fs, name)
}

// isFinal reports whether the run in slot has made the prepared file with this salt final, or may
// still do so.
func (j *Journal) isFinal(slot string, prepared salt) (is bool, err error) {
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
		for _, k := range img.history().kept {
			is = is || k.salt == prepared
		}
		return nil
	})
	return is, err
}
