package journal

import (
	"errors"
	"fmt"
	"slices"

	"github.com/libioc/ioc/events"
)

// resume goes on with the log that img was read from. The caller holds f's lock.
func (j *Journal) resume(f file, name string, img *image) (*Log, error) {
	l := newLog(j, f, name, img.h, img.size)
	l.seed, l.placed, l.off = img.h.salt.seed(), true, img.end
	l.next = img.h.base + uint64(len(img.frames))
	l.said = map[uint64]string{}
	if j.opts.Durability == PowerSafe {
		l.h.flags |= flagDurable
	}
	for i := range img.frames {
		fr := &img.frames[i]
		l.take(fr.lsn, &fr.Record)
		if fr.Type == events.RecFailed {
			l.said[fr.Ref] = string(fr.Params)
		}
	}
	if img.stale > 0 { // else a frame of ours could make one of these the next again
		if err := zero(f, img.end, img.stale); err != nil {
			return nil, fmt.Errorf("journal: %s: %w", name, err)
		}
		if err := l.sync(); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// replayer runs what a dead run, or retained effects, left.
type replayer struct {
	reg   *events.Registry
	log   *Log
	dead  *events.DeadRun
	count bool // attempts, and give up after maxAttempts
	retry bool // also what was given up
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
func (r *replayer) guard(s events.Step, todo []*effect) (release func(), err error) {
	var held []func()
	release = func() {
		for _, f := range slices.Backward(held) {
			f()
		}
		held = nil
	}
	for _, e := range todo {
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
			blocked, hopeless = r.reg.IsBarrier(e.Name), true
			continue
		}
		if err := r.attempt(s, e); err != nil {
			stuck := r.count && e.attempts >= maxAttempts
			out.leave(e, err, stuck)
			blocked, hopeless = r.reg.IsBarrier(e.Name), stuck
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
	if r.count && r.known(e.Name) {
		rec := events.Record{Type: events.RecAttempt, Ref: e.LSN, Volatile: e.Volatile, Params: r.log.j.opts.BootID[:]}
		if _, err := r.log.Append(&rec); err != nil && !errors.Is(err, errNoRoom) {
			return err // what is tried is on record first
		}
		e.attempts++
	}
	return s.Replay(r.reg, r.log, r.dead, e.Replay)
}

// known reports whether the registry has a name. What it does not know is another program's, and
// trying it proves nothing about it.
func (r *replayer) known(name string) bool {
	_, err := r.reg.Decode(name, nil)
	return !errors.Is(err, events.ErrUnregistered)
}

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

// park notes in the header whether what is left is tried again by itself. It is a hint only.
func (l *Log) park(parked bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if parked == l.h.is(flagParked) || l.err != nil {
		return
	}
	l.h.flags ^= flagParked
	if err := writeAll(l.f, l.h.encode(), 0); err != nil {
		_ = l.poison(fmt.Errorf("write: %w", err))
	}
}

// done frees the slot. The file stays open, and locked.
func (l *Log) done() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	return l.free()
}
