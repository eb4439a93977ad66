package journal

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
)

// Released is what a release did.
type Released struct {
	Undone  int
	Dropped int              // volatile effects that a reboot had taken away
	Left    []events.Residue // could not be undone; another release tries again
}

// KeyRelease is the payload of Release's root event.
type KeyRelease struct{ Key string }

// EventType is journal.release.
func (*KeyRelease) EventType() string { return "journal.release" }

// EventTitle is for people.
func (r *KeyRelease) EventTitle() string { return "undo what " + r.Key + " holds" }

// EventKey is the key.
func (r *KeyRelease) EventKey() string { return r.Key }

// ReleaseOption configures Release.
type ReleaseOption func(*releasing)

type releasing struct{ first func(events.Step) }

// First calls f when the release has begun and before anything is undone: for what prepares the undoing and
// cannot be taken back either, asking processes to end for example. If the process dies in it the next
// recovery goes on with the release, without f.
func First(f func(s events.Step)) ReleaseOption { return func(r *releasing) { r.first = f } }

// Release is the operation that undoes, newest first, what is retained under key, and forgets it. It
// is skipped if nothing is. What cannot be undone stays under the key and fails the operation; it
// can be repeated. A release goes forward: if its run fails later what it undid stays undone, and if
// its process dies the next recovery goes on with it.
func (j *Journal) Release(key string, reg *events.Registry, opts ...ReleaseOption) events.Op[Released] {
	var o releasing
	for _, opt := range opts {
		opt(&o)
	}
	return events.New(&KeyRelease{key}, func(s events.Step) (out Released, err error) {
		t, err := j.take(key)
		if err != nil {
			return out, err
		}
		if t == nil {
			return out, events.Skip("nothing is retained under " + key)
		}
		defer t.close()
		out.Dropped = len(t.Records) - len(t.left)
		rep := &replayer{reg: reg, dead: t.dead(), guards: t.hi.guards(t.left)}
		done, err := rep.guard(s)
		if err != nil {
			return out, err
		}
		defer done()
		if rep.log, err = t.begin(); err != nil {
			return out, err
		}
		if o.first != nil {
			o.first(s)
		}
		got := rep.run(s, t.left)
		out.Undone, out.Left = got.undone, got.left
		s.Result(out)
		switch {
		case got.stopped != nil:
			return out, got.stopped
		case len(got.left) > 0:
			return out, leftError(rep.dead, got.left)
		}
		return out, t.forget()
	})
}

// taken is a file of retained effects in the hands of a release.
type taken struct {
	heldFile
	j    *Journal
	f    file
	name string
}

// take locks what is retained under key; nil if nothing is.
func (j *Journal) take(key string) (*taken, error) {
	for range 100 { // a release that ends at the same time takes the file away from under us
		for _, suffix := range []string{"", suffixOut} {
			// Who commits, or looks whether somebody does, has it for a moment; and so has a recovery that finds that the
			// caller holds what a release that was broken off is about, and leaves it alone.
			t, again, err := j.takeFile("release", key, suffix, lockSoon)
			if t != nil || err != nil {
				return t, err
			}
			if again {
				break
			}
			if suffix == suffixOut {
				return nil, nil //nolint:nilnil // nothing is an answer
			}
		}
	}
	return nil, fault.InUse("release", key, &fault.HeldError{})
}

// takeFile locks one file. again: it is not where it was.
func (j *Journal) takeFile(op, key, suffix string, lock func(file) (bool, error)) (t *taken, again bool, err error) {
	name := heldName(key) + suffix
	f, err := j.fs.open(name, false, false)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("journal: %w", err)
	}
	t = &taken{j: j, f: f, name: name}
	ok, err := lock(f)
	if err == nil && !ok {
		err = fault.InUse(op, key, &fault.HeldError{Op: "release"})
	}
	if err == nil {
		if ok, err = f.is(name); err == nil && !ok {
			return nil, true, t.close()
		}
	}
	if err == nil {
		t.heldFile, ok, err = j.parseHeld(f, key, suffix)
	}
	if err == nil && !ok { // a power cut left it empty: nothing that survives one was in it
		return nil, true, errors.Join(removeFile(j.fs, name), t.close())
	}
	if err == nil && t.Corrupt != nil {
		err = fault.New(op, fault.Corrupt, key, t.Corrupt).
			WithRemedy("look at what " + t.Root + " left, undo it by hand, and forget " + key)
	}
	if err != nil {
		return nil, false, errors.Join(err, t.close())
	}
	return t, false, nil
}

// begin makes it a release: from now on it goes forward, by its name. The first sync of the log,
// which is before anything is undone, makes the name durable, too.
func (t *taken) begin() (*Log, error) {
	begun := t.hi.releasing && t.img.live
	if out := heldName(t.Key) + suffixOut; t.name != out {
		if err := t.j.fs.rename(t.name, out); err != nil {
			return nil, fmt.Errorf("journal: %w", err)
		}
		t.name, begun = out, false
	}
	log, err := t.j.resume(t.f, t.name, t.img)
	if err != nil || begun {
		return log, err
	}
	boot := t.j.opts.BootID
	_, err = log.Append(&events.Record{Type: events.RecRelease, Volatile: !t.img.h.is(flagDurable), Params: boot[:]})
	return log, err
}

// forget removes the file: all is undone.
func (t *taken) forget() error {
	if err := removeFile(t.j.fs, t.name); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	return t.syncName()
}

// syncName makes a rename or removal durable if that matters.
func (t *taken) syncName() error {
	if t.j.opts.Durability == KillSafe || !t.img.h.is(flagDurable) {
		return nil
	}
	if err := t.j.fs.syncDir(heldDir); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	return nil
}

func (t *taken) close() error { return errors.Join(t.f.unlock(), t.f.Close()) }

// release goes on with a release that was broken off.
func (r *recovery) release(s events.Step, key string) error {
	t, _, err := r.j.takeFile("release", key, suffixOut, tryLock)
	switch {
	case errors.Is(err, fault.Busy): // it lives
		return nil
	case errors.Is(err, ErrCorrupt):
		h, _, err := r.j.Lookup(key)
		if err != nil {
			return err
		}
		return r.corrupt(s, events.DeadRun{Run: h.Run, Root: h.Root, Key: key, Corrupt: h.Corrupt}, heldName(key)+suffixOut)
	case err != nil || t == nil:
		return err
	}
	defer t.close() //nolint:errcheck // nothing was written through it that was not checked
	if len(t.left) == 0 {
		return t.forget()
	}
	log, err := t.begin()
	if err != nil {
		return err
	}
	return r.child(s, &replayer{reg: r.reg, log: log, dead: t.dead(), count: true, retry: r.retry, guards: t.hi.guards(t.left)}, t.left, nil, t.forget)
}
