package events

import (
	"context"
	"errors"
	"fmt"
)

// DeadRun is a run whose process did not finish it, or the effects that a committed run retained.
type DeadRun struct {
	Run      RunInfo
	Root     string // type and key of the root event
	Key      string // of retained effects; empty for a dead run
	Pending  []Residue
	SameBoot bool  // the machine was not rebooted since
	Corrupt  error // the record of the run cannot be trusted; nothing of it is run
}

// Replay is one record of a DeadRun.
type Replay struct {
	LSN      uint64
	Event    ID
	Name     string
	Params   []byte
	Volatile bool
	Deferred bool // run forward, not undone
}

type deadRunKey struct{}

// Recovery tells a compensation, or the Undo of an effect, that it runs in another process than the
// effect did: by recovery, or by a release.
func Recovery(ctx context.Context) (DeadRun, bool) {
	d, ok := ctx.Value(deadRunKey{}).(*DeadRun)
	if !ok {
		return DeadRun{}, false
	}
	return *d, true
}

// Replay runs one record of another run as a child of s: an event of Kind Revert, or Commit if it
// is a deferred action. It is what recovery and release are made of. What the compensation registers
// itself goes to log under the record; that it succeeded or failed is recorded in log before its End.
// An error is also in Run.Residue; what the compensation deferred and could not be done is one, too. If the run was stopped nothing happens, and the error is as of Do.
func (s Step) Replay(reg *Registry, log Log, dead *DeadRun, rec Replay) error {
	s.frame()
	l, r := s.l, s.l.r
	if err := l.stopErr(); err != nil {
		return err
	}
	e := entry{of: rec.Event, lsn: rec.LSN, name: rec.Name, volatile: rec.Volatile, deferred: rec.Deferred}
	act, known := reg.lookup(rec.Name)
	if known {
		e.policy = &act.policy
		var v any
		v, err := act.parse(rec.Params)
		if err == nil {
			if eff, ok := v.(Effect); ok {
				e.payload = freeze(eff)
			} else if p, ok := v.(Payload); ok {
				e.payload = p
			}
		}
		e.run = func(c Step) error {
			switch eff, ok := v.(Effect); {
			case err != nil:
				return fmt.Errorf("%s: parameters: %w", rec.Name, err)
			case ok && rec.Deferred:
				return eff.Do(withStep(c))
			default:
				return act.run(c, v)
			}
		}
	} else {
		e.run = func(Step) error { return fmt.Errorf("%s: %w", rec.Name, ErrUnregistered) }
	}
	kind := Revert
	if rec.Deferred {
		kind = Commit
	}
	saved := l.foreign
	l.foreign = &foreign{log, reg}
	defer func() { l.foreign = saved }()
	had := l.owner && l.w.loop != nil
	before := len(l.stack[s.d].residue())
	ctx := context.WithValue(r.undoContext(), deadRunKey{}, dead)
	c := l.prepare(int(s.d), -1)
	c.e = e
	l.attempt(ctx, c, kind, nil)
	err := c.err
	l.rethrow(had, nil, nil)
	if err == nil {
		for _, left := range l.stack[s.d].residue()[before:] {
			err = errors.Join(err, fmt.Errorf("%s: %w", left.Action, left.Err))
		}
	}
	return err
}
