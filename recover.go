package ioc

import (
	"errors"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/journal"
)

// Recovery is the payload of a host's recovery.
type Recovery struct{}

// EventType is host.recover.
func (*Recovery) EventType() string { return "host.recover" }

// EventTitle is for people.
func (*Recovery) EventTitle() string { return "undo what dead operations left" }

// Recover undoes what dead operations left, and brings to an end what they had committed to. Every
// operation does so before it begins; this one also tries again what was given up, and sweeps up lock
// files and files that no jail uses. What still cannot be undone is in the value's Residue and in [Host.Pending].
func (h *Host) Recover() events.Op[journal.Recovered] {
	r := h.records()
	return events.New(&Recovery{}, func(s events.Step) (journal.Recovered, error) {
		done, err := events.Call(s, r.journal.Recover(r.registry, journal.Retry()))
		if err = errors.Join(err, h.locks.Sweep()); err == nil && done == (journal.Recovered{}) {
			if collected, err := h.collect(s); collected || err != nil {
				return done, err
			}
			err = events.Skip("there is nothing to recover")
		}
		s.Result(done)
		return done, err
	}).With(h.preset...)
}

// collect removes files that no jail uses, if no dead operation is left that may need them.
func (h *Host) collect(s events.Step) (bool, error) {
	if dead, err := h.Pending(); err != nil || len(dead) > 0 {
		return false, err
	}
	return h.keeper.Collect(s)
}

// Pending lists dead operations, and what each left, without touching anything.
func (h *Host) Pending() ([]events.DeadRun, error) {
	var all []events.DeadRun
	var failed []error
	for dead, err := range h.records().journal.Pending() {
		if err != nil {
			failed = append(failed, err)
			continue
		}
		all = append(all, dead)
	}
	return all, errors.Join(failed...)
}

// Resolve gives up what a dead operation left: a person has dealt with it, and note says how.
func (h *Host) Resolve(run events.RunID, note string) error {
	return h.records().journal.Resolve(run, note)
}

// Forget gives up what is recorded under key, a jail's start whose stop was broken off or whose record cannot be
// read: a person has dealt with it, and note says how. What a jail runs on is fault.Busy.
func (h *Host) Forget(key, note string) error {
	j := h.records().journal
	if held, ok, err := j.Lookup(key); err == nil && ok && !held.Releasing && held.Corrupt == nil {
		return fault.New("resolve", fault.Busy, key, errors.New("it was not broken off: it is what a started jail stands on")).
			WithRemedy("stop the jail: that undoes it")
	}
	return j.Forget(key, note)
}

func (h *Host) records() records { return h.keeper.Records.(records) } //nolint:forcetypeassert // as Open made it
