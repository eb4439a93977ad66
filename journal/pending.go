package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"iter"

	"github.com/libioc/ioc/events"
)

// Pending lists dead runs, and releases that were broken off, without touching them.
func (j *Journal) Pending() iter.Seq2[events.DeadRun, error] {
	return func(yield func(events.DeadRun, error) bool) {
		slots, err := j.slots()
		if err != nil {
			yield(events.DeadRun{}, err)
			return
		}
		for _, si := range slots {
			dead, ok, err := j.deadRun(si)
			if err == nil && !ok {
				continue
			}
			if !yield(dead, err) {
				return
			}
		}
		keys, err := j.keysWith(suffixOut)
		if err != nil {
			yield(events.DeadRun{}, fmt.Errorf("journal: %w", err))
			return
		}
		for _, key := range keys {
			free, err := j.idle(heldName(key) + suffixOut)
			if err == nil && !free {
				continue
			}
			h, ok, err2 := j.readHeld(key, suffixOut)
			if err = errors.Join(err, err2); err == nil && !ok {
				continue
			}
			if !yield(*h.dead(), err) {
				return
			}
		}
	}
}

// deadRun reads one slot; false: its run lives, or left nothing.
func (j *Journal) deadRun(si slotInfo) (dead events.DeadRun, ok bool, err error) {
	var img *image
	for range 3 { // a recovery may be writing while we read
		err := j.with(si.name, func(f file) error {
			free, err := probe(f)
			if !free || err != nil {
				return err
			}
			data, err := readAll(f)
			if err == nil {
				img, dead.Corrupt = readImage(data, j.opts.BootID)
			}
			return err
		})
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return dead, false, fmt.Errorf("journal: %w", err)
		}
		if img == nil || dead.Corrupt == nil {
			break
		}
	}
	switch {
	case img == nil, errors.Is(dead.Corrupt, errBlank), dead.Corrupt == nil && img.h.is(flagFree):
		return dead, false, nil
	case dead.Corrupt != nil:
		corrupt := dead.Corrupt
		dead = *img.dead(j)
		dead.Corrupt = corrupt
		if dead.Run.ID.IsZero() {
			dead.Run.ID = nameless(si.name)
		}
		return dead, true, nil
	}
	todo, report := img.history().left()
	return *img.dead(j, todo, report), len(todo)+len(report) > 0, nil
}

// Live is a run in progress that has registered something.
type Live struct {
	Run  events.RunInfo
	Type string // of the root event
	Key  string // of the root event
}

// Live lists the runs in progress: what a busy jail is busy with, by which process, since when. A
// dead run that is being recovered is listed, too.
func (j *Journal) Live() iter.Seq2[Live, error] {
	return func(yield func(Live, error) bool) {
		slots, err := j.slots()
		if err != nil {
			yield(Live{}, err)
			return
		}
		for _, si := range slots {
			if si.err != nil {
				continue
			}
			free, err := j.idle(si.name)
			if err == nil && free {
				continue
			}
			if !yield(Live{si.h.info(), si.h.typ, si.h.key}, err) {
				return
			}
		}
	}
}
