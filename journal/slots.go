package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/libioc/ioc/events"
)

// slotInfo is what a slot's header says.
type slotInfo struct {
	name string
	h    header
	err  error // ErrCorrupt
}

// slots lists the slots that are not free: a live run's, or a dead one's. It reads headers only.
func (j *Journal) slots() (list []slotInfo, err error) {
	names, err := j.fs.names("")
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	slices.Sort(names)
	for _, name := range names {
		if digits, ok := strings.CutPrefix(name, "slot-"); !ok || digits == "" || strings.Trim(digits, "0123456789") != "" {
			continue // nobody's, or a copy that somebody made
		}
		si := slotInfo{name: name}
		var b []byte
		err := j.with(name, func(f file) (err error) {
			b, err = readAt(f, 0, headerSize)
			return err
		})
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("journal: %w", err)
		}
		si.h, si.err = decodeHeader(b)
		if errors.Is(si.err, errBlank) || si.err == nil && si.h.is(flagFree) {
			continue
		}
		if si.err != nil {
			si.h.run = nameless(name)
		}
		list = append(list, si)
	}
	return list, nil
}

// nameless stands in for the ID of a run whose header cannot be read.
func nameless(slot string) (id events.RunID) {
	n := uint16(0)
	for _, c := range strings.TrimPrefix(slot, "slot-") {
		n = n*10 + uint16(c-'0') //nolint:gosec // digits
	}
	binary.BigEndian.PutUint16(id[14:], n+1)
	return id
}

// isDead reports whether a run is no more, so that whoever has its slot is somebody else. It may not know.
func (j *Journal) isDead(h *header) bool {
	if h.is(flagLeft) {
		return true
	}
	if boot := j.opts.BootID; boot.known() && h.boot.known() && h.boot != boot {
		return true
	}
	return h.pid > 0 && hasExited(h.pid)
}

// with calls do with an open file.
func (j *Journal) with(name string, do func(file) error) error {
	f, err := j.fs.open(name, false, false)
	if err != nil {
		return err
	}
	return errors.Join(do(f), f.Close())
}

// idle reports whether nobody works with the file; one that is gone is nobody's concern.
func (j *Journal) idle(name string) (free bool, err error) {
	err = j.with(name, func(f file) (err error) {
		free, err = probe(f)
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return free, err
}

// Dirty reports whether there is something for Recover to do. It reads a directory and the headers
// of few files; what recovery has given up and leaves to Resolve does not count.
func (j *Journal) Dirty() (bool, error) {
	slots, err := j.slots()
	if err != nil {
		return false, err
	}
	for _, si := range slots {
		if si.err != nil || si.h.is(flagParked) {
			continue
		}
		if dirty, err := j.idle(si.name); dirty || err != nil {
			return dirty, err
		}
		if j.isDead(&si.h) { // another recovery, or a child that it left, works with it
			return true, nil
		}
	}
	for _, suffix := range []string{suffixNext, suffixOut} {
		keys, err := j.keysWith(suffix)
		if err != nil {
			return false, fmt.Errorf("journal: %w", err)
		}
		for _, key := range keys {
			if h, ok, err := j.readHeld(key, suffix); err == nil && ok && (h.Corrupt != nil || h.img.h.is(flagParked)) {
				continue
			}
			if dirty, err := j.idle(heldName(key) + suffix); dirty || err != nil {
				return dirty, err
			}
		}
	}
	return false, nil
}
