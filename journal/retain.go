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
	kept
	f       file
	prior   *taken // what it replaces; nil if nothing
	durable bool
}

func (p *prepared) close() error {
	err := errors.Join(p.f.unlock(), p.f.Close())
	if p.prior != nil {
		err = errors.Join(err, p.prior.close())
	}
	return err
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
	if p.f, err = j.reserve(keep.Key); err != nil { // nobody else can take the key while it is there
		return p, err
	}
	c := content{header: *h}
	c.header.by = h.run
	prior, err := p.lockPrior(j, h, keep.Extend)
	if err != nil {
		return p, err
	}
	if prior != nil {
		c.header = prior.img.h
		c.header.by = h.run
		for i := range prior.hi.effects {
			if e := &prior.hi.effects[i]; prior.hi.standing(e) {
				c.add(e)
			}
		}
	}
	for _, lsn := range keep.LSNs {
		e := hi.at(lsn)
		if e == nil {
			return p, fmt.Errorf("retain %s: record %d is not in the log", keep.Key, lsn)
		}
		if !e.undone && !e.Deferred {
			c.add(e)
		}
	}
	b := c.encode()
	p.durable, p.salt = c.durable, c.header.salt
	err = writeAll(p.f, b, 0)
	if err == nil && p.durable && j.opts.Durability == PowerSafe {
		err = p.f.sync()
	}
	if err != nil {
		return p, fmt.Errorf("retain %s: %w", p.key, err)
	}
	return p, nil
}

// content is what is put into a file of retained effects.
type content struct {
	header  header
	effects []*effect
	durable bool
}

func (c *content) add(e *effect) {
	c.effects = append(c.effects, e)
	c.durable = c.durable || !e.Volatile
}

// encode gives the file, with room for what a release writes to it.
func (c *content) encode() []byte {
	h := &c.header
	h.flags, h.start, h.base, h.end, h.count = flagHeld, headerSize, 1, 0, len(c.effects)
	if c.durable {
		h.flags |= flagDurable
	}
	_, _ = rand.Read(h.salt[:]) // it never fails
	b := h.encode()
	for i, e := range c.effects {
		rec := events.Record{Type: events.RecUndo, Volatile: e.Volatile, Event: e.Event, Name: e.Name, Params: e.Params}
		b = appendFrame(b, h.salt.seed(), uint64(i+1), 0, &rec)
	}
	return append(b, make([]byte, len(c.effects)*roomEffect+2*roomFinal)...)
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
		ok, err := lockSoon(f)
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

// publish gives prepared files the names under which they count.
func (j *Journal) publish(ready []prepared) error {
	var failed []error
	durable := false
	for _, p := range ready {
		name := heldName(p.key)
		failed = append(failed, j.fs.rename(name+suffixNext, name), p.close())
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
		failed = append(failed, removeFile(j.fs, heldName(p.key)+suffixNext), p.close())
	}
	return errors.Join(failed...)
}
