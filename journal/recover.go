package journal

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
)

// Recovered is what a recovery did.
type Recovered struct {
	Runs      int // dead runs and broken-off releases that were looked at
	Undone    int // effects
	Forwarded int // deferred actions
	Busy      int // runs left alone, because somebody holds what their effects are about
	Residue   int // effects and actions that are left; corrupt records count as one
}

// Recovery is the payload of Recover's root event.
type Recovery struct{}

// EventType is journal.recover.
func (*Recovery) EventType() string { return "journal.recover" }

// RunRecovery is the payload of the recovery of one dead run, or of a release that was broken off.
type RunRecovery struct{ Dead events.DeadRun }

// EventType is run.recover.
func (*RunRecovery) EventType() string { return "run.recover" }

// EventKey is the run's ID, or the key of the retained effects.
func (r *RunRecovery) EventKey() string {
	if r.Dead.Key != "" {
		return r.Dead.Key
	}
	return r.Dead.Run.ID.String()
}

// EventTitle says what the run was.
func (r *RunRecovery) EventTitle() string {
	switch {
	case r.Dead.Corrupt != nil:
		return "recover " + r.EventKey()
	case r.Dead.Key != "":
		return "go on with the release of " + r.Dead.Key
	default:
		return fmt.Sprintf("recover %s of pid %d", r.Dead.Root, r.Dead.Run.PID)
	}
}

// RecoverOption configures Recover.
type RecoverOption func(*recovery)

// Retry tries again what earlier recoveries gave up after three attempts.
func Retry() RecoverOption { return func(r *recovery) { r.retry = true } }

// Concerning is for a caller that holds what runs hold while they change it. A dead run is left alone if somebody else holds
// what another of its effects is about, or works with its record; if one of its effects is about what the caller holds, as
// about says, the caller must not go on as if it were undone: when all others are recovered, Recover fails with fault.Busy.
func Concerning(about func(events.Effect) bool) RecoverOption {
	return func(r *recovery) { r.about = about }
}

// recovery is one execution of Recover.
type recovery struct {
	j       *Journal
	reg     *events.Registry
	retry   bool
	about   func(events.Effect) bool // nil: nothing concerns the caller
	blocked error                    // a run was left alone that does
	out     Recovered
}

// Recover is the operation that undoes what dead runs left, newest run first, and carries forward
// what they had committed to and releases that were broken off. It has one child per dead run. Runs
// that are alive are left alone, and so are those whose effects' guards say busy. Any number of
// recoveries may run at once: they share the work.
//
// What cannot be undone is residue: its run's event fails, and it is tried again by the next
// recovery, three times in all. Recover itself fails only if it is stopped, the journal cannot be read, or as Concerning says.
func (j *Journal) Recover(reg *events.Registry, opts ...RecoverOption) events.Op[Recovered] {
	return events.New(&Recovery{}, func(s events.Step) (Recovered, error) {
		r := &recovery{j: j, reg: reg}
		for _, o := range opts {
			o(r)
		}
		err := r.all(s)
		if err == nil {
			err = r.blocked
		}
		if err == nil && r.out == (Recovered{}) {
			return r.out, events.Skip("nothing to recover")
		}
		s.Result(r.out)
		return r.out, err
	})
}

func (r *recovery) all(s events.Step) error {
	slots, err := r.j.slots()
	if err != nil {
		return err
	}
	slices.SortStableFunc(slots, func(a, b slotInfo) int { return b.h.started.Compare(a.h.started) })
	for _, si := range slots {
		if err := r.slot(s, si.name, &si.h); err != nil {
			return err
		}
	}
	if err := r.j.sweep(); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	keys, err := r.j.keysWith(suffixOut)
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	for _, key := range keys {
		if err := r.release(s, key); err != nil {
			return err
		}
	}
	return nil
}

// orphanPatience is how long the slot of a dead process is waited for that somebody still has. Mostly it
// is a child that was about to execute a program, which closes the slot, and for that a busy machine
// takes its time. Who is meant to hold it may take longer, and is left alone.
const orphanPatience = 2 * time.Second

// lock takes the lock of a slot. What a dead run has left that has it, or another recovery, is waited for, unless the run is none of
// the caller's concern.
func (r *recovery) lock(s events.Step, name string, f file, h *header) (bool, error) {
	bound := time.NewTimer(orphanPatience)
	defer bound.Stop()
	for {
		ok, err := tryLock(f)
		if ok || err != nil || !r.j.isDead(h) {
			return ok, err
		}
		var blocked error
		if r.about != nil {
			if blocked = r.awaits(name, h); blocked == nil {
				return false, nil
			}
		}
		pause := time.NewTimer(5 * time.Millisecond)
		select {
		case <-pause.C:
			if f.osFile() != nil { // else nobody else can have it
				continue
			}
		case <-bound.C:
		case <-s.Context().Done():
		}
		pause.Stop()
		r.note(blocked)
		return false, s.Context().Err()
	}
}

// awaits is why the caller has to wait for a dead run with whose slot somebody works; nil: it does not concern it.
func (r *recovery) awaits(name string, h *header) error {
	img, _, err := r.j.look(name)
	if err != nil || img.h.is(flagFree) || img.h.run != h.run {
		return nil
	}
	hi := img.history()
	todo, report := hi.left()
	return r.block(img.dead(r.j, todo, report), hi.guards(todo), errors.New("somebody is at work with its record"))
}

// slot recovers one slot if nobody works with it.
func (r *recovery) slot(s events.Step, name string, h *header) error {
	f, err := r.j.fs.open(name, false, false)
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	defer f.Close()                                          //nolint:errcheck // nothing was written through it that was not checked
	if ok, err := r.lock(s, name, f, h); !ok || err != nil { // a live run, a child it left, or another recovery
		return err
	}
	defer f.unlock() //nolint:errcheck // Close follows
	data, err := readAll(f)
	if err != nil {
		return fmt.Errorf("journal: %s: %w", name, err)
	}
	img, err := readImage(data, r.j.opts.BootID)
	if errors.Is(err, errBlank) || err == nil && img.h.is(flagFree) {
		return nil // another recovery was here meanwhile
	}
	if err != nil {
		if img.h.base > 0 && !img.h.is(flagParked) { // there is nothing that recovery could do the next time
			img.h.flags |= flagParked
			if err := writeAll(f, img.h.encode(), 0); err != nil {
				return fmt.Errorf("journal: %s: %w", name, err)
			}
		}
		return r.corrupt(s, events.DeadRun{Run: img.h.info(), Root: img.h.root(), Corrupt: err}, name)
	}
	log, err := r.j.resume(f, name, img)
	if err != nil {
		return err
	}
	hi := img.history()
	if err := r.j.publishKept(hi.kept); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	todo, report := hi.left()
	if len(todo)+len(report) == 0 {
		return log.done() // the run had ended but for the last word
	}
	return r.child(s, &replayer{reg: r.reg, log: log, dead: img.dead(r.j, todo, report), count: true, retry: r.retry, guards: hi.guards(todo)},
		todo, report, log.done)
}

// block is that a dead run is left alone, and why; nil if it does not concern the caller.
func (r *recovery) block(dead *events.DeadRun, guards []*effect, why error) error {
	if r.about == nil {
		return nil
	}
	for _, e := range guards {
		if v, err := r.reg.Decode(e.Name, e.Params); err == nil && r.about(v) {
			return fault.New("undo", fault.Busy, fmt.Sprintf("what %s of pid %d left", dead.Root, dead.Run.PID), why)
		}
	}
	return nil
}

// note keeps the first reason why the caller is blocked; nil is none.
func (r *recovery) note(blocked error) {
	if r.blocked == nil {
		r.blocked = blocked
	}
}

// child runs what is left of one dead run below an event of its own; done is called when nothing is.
func (r *recovery) child(s events.Step, rep *replayer, todo, report []*effect, done func() error) error {
	r.out.Runs++
	err := s.Do(&RunRecovery{*rep.dead}, func(s events.Step) error {
		release, err := rep.guard(s)
		if err != nil {
			r.out.Busy++
			r.note(r.block(rep.dead, rep.guards, err))
			return events.Skip(err.Error())
		}
		defer release()
		out := rep.run(s, todo)
		r.out.Undone += out.undone
		r.out.Forwarded += out.forwarded
		for _, e := range report {
			out.leave(e, nil, true)
		}
		r.out.Residue += len(out.left)
		switch {
		case out.stopped != nil:
			return out.stopped
		case len(out.left) == 0:
			return done()
		}
		rep.log.park(out.stuck == len(out.left))
		return leftError(rep.dead, out.left)
	})
	return r.goOn(s, err)
}

// goOn is why the recovery ends at a child's error: only if it was stopped.
func (r *recovery) goOn(s events.Step, err error) error {
	if err == nil || s.Context().Err() == nil {
		return nil
	}
	return err
}

// corrupt reports a file of which nothing is run.
func (r *recovery) corrupt(s events.Step, dead events.DeadRun, name string) error {
	r.out.Runs++
	r.out.Residue++
	if dead.Run.ID.IsZero() {
		dead.Run.ID = nameless(name)
	}
	err := s.Do(&RunRecovery{dead}, func(events.Step) error {
		return fault.New("recover", fault.Corrupt, name, dead.Corrupt).
			WithRemedy("look at what " + dead.Root + " left, undo it by hand, and resolve run " + dead.Run.ID.String())
	})
	return r.goOn(s, err)
}

// leftError says what could not be undone.
func leftError(dead *events.DeadRun, left []events.Residue) error {
	var why []error
	for _, res := range left {
		if res.Err == nil {
			res.Err = errors.New("not tried again")
		}
		why = append(why, errors.New(res.String()))
	}
	subject := dead.Root
	if dead.Key != "" {
		subject = dead.Key
	}
	return fault.New("recover", fault.Residue, subject, errors.Join(why...))
}

// dead is img's run for a compensation that asks events.Recovery.
func (img *image) dead(j *Journal, lists ...[]*effect) *events.DeadRun {
	d := &events.DeadRun{Run: img.h.info(), Root: img.h.root(), SameBoot: img.h.boot.is(j.opts.BootID)}
	for _, list := range lists {
		for _, e := range list {
			d.Pending = append(d.Pending, e.residue())
		}
	}
	return d
}
