package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"slices"
	"strings"

	"github.com/libioc/ioc/events"
)

// Held is what a committed run keeps under a key.
type Held struct {
	Key       string
	Run       events.RunInfo  // that made the effects
	Root      string          // type and key of its root event
	SameBoot  bool            // the machine was not rebooted since: if it was, the volatile effects are gone
	Releasing bool            // a release has begun; it will be carried forward
	Records   []events.Replay // that are not undone, in the order of registration
	Corrupt   error           // the file cannot be trusted, and nothing of it is run
}

// Held lists what is kept, sorted by key. It takes no lock and reads one small file per key.
func (j *Journal) Held() iter.Seq2[Held, error] {
	return func(yield func(Held, error) bool) {
		names, err := j.fs.names(heldDir)
		if err != nil {
			yield(Held{}, fmt.Errorf("journal: %w", err))
			return
		}
		slices.Sort(names)
		last := ""
		for _, name := range names {
			key, suffix, ok := heldKey(name)
			if !ok || suffix == suffixNext || key == last && last != "" {
				continue
			}
			h, ok, err := j.Lookup(key)
			if last = key; !ok && err == nil {
				continue // released meanwhile
			}
			if !yield(h, err) {
				return
			}
		}
	}
}

// Lookup gives what is kept under key. It takes no lock.
func (j *Journal) Lookup(key string) (Held, bool, error) {
	for _, suffix := range []string{"", suffixOut} { // a release renames in this direction
		h, ok, err := j.readHeld(key, suffix)
		if ok || err != nil {
			return h.Held, ok, err
		}
	}
	return Held{}, false, nil
}

// heldFile is a Held and what its file says.
type heldFile struct {
	Held
	img  *image
	hi   *history
	left []*effect // to be undone, newest first
}

// readHeld reads one file. false: there is none, or nothing was ever written to it.
func (j *Journal) readHeld(key, suffix string) (h heldFile, ok bool, err error) {
	for range 3 { // a release may be writing while we read
		f, err := j.fs.open(heldName(key)+suffix, false, false)
		if errors.Is(err, fs.ErrNotExist) {
			return h, false, nil
		}
		if err != nil {
			return h, false, fmt.Errorf("journal: %w", err)
		}
		h, ok, err = j.parseHeld(f, key, suffix)
		if err = errors.Join(err, f.Close()); err != nil {
			return h, false, fmt.Errorf("journal: %s: %w", key, err)
		}
		if h.Corrupt == nil {
			return h, ok, nil
		}
	}
	return h, true, nil
}

func (j *Journal) parseHeld(f file, key, suffix string) (h heldFile, ok bool, err error) {
	data, err := readAll(f)
	if err != nil {
		return h, false, err
	}
	img, err := readImage(data, j.opts.BootID)
	if errors.Is(err, errBlank) {
		return h, false, nil
	}
	h.Held = Held{Key: key, Corrupt: err, Releasing: suffix == suffixOut}
	h.img = img
	if h.Corrupt == nil && !img.h.is(flagHeld) {
		h.Corrupt = fmt.Errorf("it is not a file of retained effects: %w", ErrCorrupt)
	}
	h.Run, h.Root = img.h.info(), img.h.root()
	h.SameBoot = img.h.boot.is(j.opts.BootID)
	if h.Corrupt != nil {
		return h, true, nil
	}
	h.hi = img.history()
	h.left, _ = h.hi.left()
	for i := range h.hi.effects {
		if e := &h.hi.effects[i]; h.hi.standing(e) {
			h.Records = append(h.Records, e.Replay)
		}
	}
	return h, true, nil
}

// dead is h for a compensation that asks events.Recovery.
func (h *heldFile) dead() *events.DeadRun {
	d := &events.DeadRun{Run: h.Run, Root: h.Root, Key: h.Key, SameBoot: h.SameBoot, Corrupt: h.Corrupt}
	for _, e := range h.left {
		d.Pending = append(d.Pending, e.residue())
	}
	return d
}

// standing reports whether e was not undone, be it that a reboot took it away.
func (hi *history) standing(e *effect) bool {
	was := *e
	was.gone = false
	return hi.open(&was)
}

// keysWith lists the keys whose files have suffix.
func (j *Journal) keysWith(suffix string) (keys []string, err error) {
	names, err := j.fs.names(heldDir)
	for _, name := range names {
		if !strings.HasSuffix(name, suffix) {
			continue
		}
		if key, s, ok := heldKey(name); ok && s == suffix {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys, err
}
