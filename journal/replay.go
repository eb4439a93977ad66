package journal

import (
	"errors"
	"slices"

	"github.com/libioc/ioc/events"
)

// replayer runs what a dead run, or retained effects, left.
type replayer struct {
	reg   *events.Registry
	log   *Log
	dead  *events.DeadRun
	count bool // attempts, and give up after maxAttempts
	retry bool // also what was given up

	guards []*effect // whose guards hold meanwhile
}

// outcome is what became of it.
type outcome struct {
	undone    int
	forwarded int
	left      []events.Residue // not undone, not done
	stuck     int              // those of left that are not tried again by themselves
	stopped   error            // the run was stopped before the end
}

// guard takes what must be held while the effects are undone. release is to be called when the log
// is closed.
func (r *replayer) guard(s events.Step) (release func(), err error) {
	var held []func()
	release = func() {
		for _, f := range slices.Backward(held) {
			f()
		}
		held = nil
	}
	for _, e := range r.guards {
		f, err := r.reg.Guard(s.Context(), e.Name, e.Params)
		if err != nil {
			release()
			return nil, err
		}
		held = append(held, f)
	}
	return release, nil
}

// run runs todo in its order.
func (r *replayer) run(s events.Step, todo []*effect) (out outcome) {
	blocked, hopeless := false, false
	for i, e := range todo {
		if out.stopped = s.Context().Err(); out.stopped != nil {
			for _, e := range todo[i:] {
				out.leave(e, events.ErrAborted, false)
			}
			return out
		}
		if blocked {
			out.leave(e, events.ErrBarrier, hopeless)
			continue
		}
		if r.count && !r.retry && e.attempts >= maxAttempts {
			out.leave(e, nil, true)
			blocked, hopeless = r.isBarrier(e), true
			continue
		}
		if err := r.attempt(s, e); err != nil {
			stuck := r.count && e.attempts >= maxAttempts
			out.leave(e, err, stuck)
			blocked, hopeless = r.isBarrier(e), stuck
			continue
		}
		if e.Deferred {
			out.forwarded++
		} else {
			out.undone++
		}
	}
	return out
}

// attempt runs one effect's compensation, or a deferred action.
func (r *replayer) attempt(s events.Step, e *effect) error {
	if r.count && r.reg.Knows(e.Name) { // what it does not know is another program's, and trying it proves nothing
		rec := events.Record{Type: events.RecAttempt, Ref: e.LSN, Volatile: e.Volatile, Params: r.log.j.opts.BootID[:]}
		if _, err := r.log.Append(&rec); err != nil && !errors.Is(err, errNoRoom) {
			return err // what is tried is on record first
		}
		e.attempts++
	}
	return s.Replay(r.reg, r.log, r.dead, e.Replay)
}

// isBarrier reports whether what is older than e may not be undone if e could not be.
func (r *replayer) isBarrier(e *effect) bool { return !e.Deferred && r.reg.IsBarrier(e.Name) }

func (out *outcome) leave(e *effect, err error, stuck bool) {
	res := e.residue()
	if err != nil {
		res.Err = err
	}
	out.left = append(out.left, res)
	if stuck {
		out.stuck++
	}
}
