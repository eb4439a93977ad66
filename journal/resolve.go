package journal

import (
	"errors"
	"fmt"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
)

const resolvedDir = "resolved"

// Resolve gives up what a dead run left: a person has dealt with it. The run's log is kept under
// resolved/, with note, and its slot is free again.
func (j *Journal) Resolve(run events.RunID, note string) error {
	slots, err := j.slots()
	if err != nil {
		return err
	}
	for _, si := range slots {
		if si.h.run != run {
			continue
		}
		return j.with(si.name, func(f file) error { return j.resolve(f, si, note) })
	}
	return notFound(run)
}

func notFound(run events.RunID) error {
	return fault.New("resolve", fault.NotFound, run.String(), errors.New("no run of this ID has left anything")).
		WithRemedy("ioc recover --list shows what is left")
}

func (j *Journal) resolve(f file, si slotInfo, note string) error {
	ok, err := tryLock(f)
	if err != nil {
		return err
	}
	if !ok {
		return fault.InUse("resolve", si.h.run.String(), &fault.HeldError{Op: si.h.typ, PID: si.h.pid, Since: si.h.started})
	}
	defer f.unlock() //nolint:errcheck // Close follows
	data, err := readAll(f)
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	img, err := readImage(data, j.opts.BootID)
	if errors.Is(err, errBlank) || err == nil && img.h.is(flagFree) || !img.h.run.IsZero() && img.h.run != si.h.run {
		return notFound(si.h.run) // recovered meanwhile; the slot may be another run's now
	}
	if err != nil {
		return j.resolveCorrupt(f, si, data, note)
	}
	log, err := j.resume(f, si.name, img)
	if err != nil {
		return err
	}
	todo, report := img.history().left()
	for _, e := range append(todo, report...) {
		rec := events.Record{Type: events.RecResolved, Ref: e.LSN, Volatile: e.Volatile, Params: []byte(note)}
		if _, err := log.Append(&rec); err != nil && !errors.Is(err, errNoRoom) {
			return err
		}
	}
	if data, err = readAt(f, 0, log.off); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	if err := j.archive(si.h.run.String(), data); err != nil {
		return err
	}
	log.mu.Lock()
	defer log.mu.Unlock()
	return log.free()
}

// resolveCorrupt keeps the file as it is and begins the slot anew.
func (j *Journal) resolveCorrupt(f file, si slotInfo, data []byte, note string) error {
	if err := j.archive(si.h.run.String(), append(data, "\n"+note+"\n"...)); err != nil {
		return err
	}
	if err := f.Truncate(0); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	return nil
}

// Forget gives up what is retained under key without undoing it: a person has dealt with it. What
// was recorded is kept under resolved/, with note.
func (j *Journal) Forget(key, note string) error {
	for _, suffix := range []string{"", suffixOut} {
		h, ok, err := j.readHeld(key, suffix)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		return j.with(heldName(key)+suffix, func(f file) error {
			if ok, err := tryLock(f); !ok || err != nil {
				return errors.Join(err, fault.InUse("forget", key, &fault.HeldError{Op: "release"}))
			}
			defer f.unlock() //nolint:errcheck // Close follows
			data, err := readAll(f)
			if err != nil {
				return fmt.Errorf("journal: %w", err)
			}
			if same, err := h.isIn(f, heldName(key)+suffix, data); !same || err != nil { // released meanwhile
				return errors.Join(err, fault.InUse("forget", key, &fault.HeldError{Op: "release"}))
			}
			if err := j.archive(h.Run.ID.String()+suffixOut, append(data, "\n"+note+"\n"...)); err != nil {
				return err
			}
			t := taken{heldFile: h, j: j, name: heldName(key) + suffix}
			return t.forget()
		})
	}
	return fault.New("resolve", fault.NotFound, key, errors.New("nothing is recorded under it")).
		WithRemedy("ioc recover --list shows what is left")
}

// isIn reports whether f, whose content is data, is what h was read from and still has its name.
func (h *heldFile) isIn(f file, name string, data []byte) (bool, error) {
	if now, _ := decodeHeader(data); now.salt != h.img.h.salt {
		return false, nil
	}
	return f.is(name)
}

// archive keeps data for whoever asks later what was given up.
func (j *Journal) archive(name string, data []byte) error {
	name = resolvedDir + "/" + name
	f, err := j.fs.open(name, true, false)
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	err = errors.Join(f.Truncate(0), writeAll(f, data, 0))
	if err == nil && j.opts.Durability == PowerSafe {
		err = errors.Join(f.sync(), j.fs.syncDir(resolvedDir))
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("journal: %s: %w", name, err)
	}
	return nil
}
