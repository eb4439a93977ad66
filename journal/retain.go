package journal

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
)

// prepared is a file of effects that its run will keep if it commits. It is locked.
type prepared struct {
	key     string
	f       file
	durable bool
}

// prepare writes what keep lists to files that do not count yet. All or none are there afterwards.
func (l *Log) prepare(keep []events.Retained) (ready []prepared, err error) {
	if len(keep) == 0 || !l.placed {
		return nil, nil
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, l.j.discard(ready))
		}
	}()
	data, err := readAt(l.f, l.h.start, l.off-l.h.start)
	if err != nil {
		return nil, err
	}
	img := &image{h: l.h}
	if err := img.scan(data, l.j.opts.BootID); err != nil {
		return nil, fmt.Errorf("journal: %s: %w", l.name, err)
	}
	hi := img.history()
	durable := false
	for _, k := range keep {
		p, err := l.j.prepare(&l.h, hi, k)
		if p.f != nil {
			ready = append(ready, p)
		}
		if err != nil {
			return ready, err
		}
		durable = durable || p.durable
	}
	if durable && l.j.opts.Durability == PowerSafe {
		return ready, l.j.fs.syncDir(heldDir)
	}
	return ready, nil
}

// prepare writes one key's file.
func (j *Journal) prepare(h *header, hi *history, keep events.Retained) (p prepared, err error) {
	p.key = keep.Key
	if err := checkKey(keep.Key); err != nil {
		return p, err
	}
	held := *h
	held.flags, held.start, held.base, held.end = flagHeld, headerSize, 1, 0
	_, _ = rand.Read(held.salt[:]) // it never fails
	frames := make([]byte, headerSize, 4*headerSize)
	for _, lsn := range keep.LSNs {
		e := hi.at(lsn)
		if e == nil {
			return p, fmt.Errorf("retain %s: record %d is not in the log", keep.Key, lsn)
		}
		if e.undone || e.Deferred {
			continue
		}
		held.count++
		rec := events.Record{Type: events.RecUndo, Volatile: e.Volatile, Event: e.Event, Name: e.Name, Params: e.Params}
		frames = appendFrame(frames, held.salt.seed(), uint64(held.count), 0, &rec) //nolint:gosec // counts up
		p.durable = p.durable || !e.Volatile
	}
	if p.durable {
		held.flags |= flagDurable
	}
	copy(frames, held.encode())
	frames = append(frames, make([]byte, held.count*roomEffect+roomFinal)...)
	return p, j.writePrepared(&p, frames)
}

func (j *Journal) writePrepared(p *prepared, content []byte) error {
	f, err := j.reserve(p.key)
	if err != nil {
		return err
	}
	p.f = f
	if err := j.vacant(p.key); err != nil { // nobody else can take it while our file is there
		return err
	}
	err = writeAll(f, content, 0)
	if err == nil && p.durable && j.opts.Durability == PowerSafe {
		err = f.sync()
	}
	if err != nil {
		return fmt.Errorf("retain %s: %w", p.key, err)
	}
	return nil
}

// reserve makes the file of a prepared key, and locks it.
func (j *Journal) reserve(key string) (file, error) {
	name := heldName(key) + suffixNext
	for range 100 { // a recovery that finds it before it is locked takes it for a dead run's
		f, err := j.fs.open(name, true, true)
		if errors.Is(err, fs.ErrExist) {
			return nil, fault.New("retain", fault.Busy, key, errors.New("another run is about to retain it, or died while it was: recover"))
		}
		if err != nil {
			return nil, fmt.Errorf("retain %s: %w", key, err)
		}
		ok, err := tryLock(f)
		if ok && err == nil {
			ok, err = f.is(name)
		}
		if err != nil {
			return nil, errors.Join(err, removeFile(j.fs, name), f.Close())
		}
		if ok {
			return f, nil
		}
		if err := f.Close(); err != nil {
			return nil, err
		}
	}
	return nil, fault.New("retain", fault.Busy, key, errors.New("a recovery keeps removing its file"))
}

// vacant reports an error if something is kept under key. What a reboot took away is not.
func (j *Journal) vacant(key string) error {
	for _, suffix := range []string{"", suffixOut} {
		held, ok, err := j.readHeld(key, suffix)
		if err != nil {
			return err
		}
		if !ok || held.Corrupt == nil && len(held.left) == 0 {
			continue
		}
		why := "effects of " + held.root + " are retained under it"
		if suffix == suffixOut {
			why += " and are being released"
		}
		return fault.New("retain", fault.Exists, key, errors.New(why))
	}
	return nil
}

// publish gives prepared files the names under which they count.
func (j *Journal) publish(ready []prepared) error {
	var failed []error
	durable := false
	for _, p := range ready {
		name := heldName(p.key)
		failed = append(failed, j.fs.rename(name+suffixNext, name), p.f.unlock(), p.f.Close())
		durable = durable || p.durable
	}
	if durable && j.opts.Durability == PowerSafe {
		failed = append(failed, j.fs.syncDir(heldDir))
	}
	return errors.Join(failed...)
}

// discard removes prepared files of a run that does not commit.
func (j *Journal) discard(ready []prepared) error {
	var failed []error
	for _, p := range ready {
		failed = append(failed, removeFile(j.fs, heldName(p.key)+suffixNext), p.f.unlock(), p.f.Close())
	}
	return errors.Join(failed...)
}
