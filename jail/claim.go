package jail

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/storage"
)

// Want is a dataset that an operation needs for itself, or to stay as it is.
type Want struct {
	Dataset storage.Dataset
	Shared  bool          // others may share it: it is not changed
	Wait    time.Duration // how long to wait for it at least
}

// Enter begins an operation: it takes the locks of all wants, in the order of their names, until the
// run is over, and then recovers what dead runs left. A recovery that fails is seen in the stream and
// stops nobody: what it concerns will be found broken. But what a dead run did to the wants is undone before
// the operation goes on: if that run cannot be recovered yet, because somebody holds what else it is about, the locks are given
// back, for whoever else waits for them, and it is tried again for a moment; then the error is fault.Busy. release gives the locks back before the end.
func (k *Keeper) Enter(s events.Step, op string, wants ...Want) (release func(), err error) {
	wants = slices.SortedFunc(slices.Values(wants), func(a, b Want) int {
		return strings.Compare(a.Dataset.String(), b.Dataset.String())
	})
	release, err = k.enterOnce(s, op, wants)
	if _, ok := errors.AsType[*unsettledError](err); !ok {
		return release, err
	}
	by, ok := errors.AsType[*fault.HeldError](err)
	if !ok { // another recovery, or a child that the dead run has left
		by = &fault.HeldError{Op: "recover"}
	}
	bound := max(k.Wait, wants[0].Wait, orphanPatience)
	release, err = wait(s, &Wait{wants[0].Dataset, by, bound}, func(s events.Step) (func(), error) { return k.enterOnce(s, op, wants) })
	if blocked, ok := errors.AsType[*unsettledError](err); ok {
		err = fault.New(op, fault.Busy, string(wants[0].Dataset.Name), blocked.why).WithRemedy("wait for it, then try again")
	}
	return release, err
}

// unsettledError is that what a dead run did to what is locked is not undone.
type unsettledError struct{ why error }

func (e *unsettledError) Error() string { return e.why.Error() }
func (e *unsettledError) Unwrap() error { return e.why }

// enterOnce is Enter without waiting for what a dead run is about.
func (k *Keeper) enterOnce(s events.Step, op string, wants []Want) (release func(), err error) {
	var held []func()
	release = func() {
		for _, r := range slices.Backward(held) {
			r()
		}
	}
	defer func() {
		if err != nil {
			release()
		}
	}()
	for _, w := range wants {
		if err := w.Dataset.Validate(); err != nil && w.Dataset != storage.Global() {
			return release, fault.New(op, fault.Unknown, string(w.Dataset.Name), err)
		}
		r, err := k.take(s, op, w)
		if err != nil {
			return release, err
		}
		held = append(held, r)
	}
	if _, within := events.Recovery(s.Context()); within { // it would wait for what it is about to recover itself
		return release, nil
	}
	return release, k.recover(s, wants)
}

func (k *Keeper) recover(s events.Step, held []Want) error {
	if dirty, err := k.Records.Dirty(); err != nil || !dirty {
		return err
	}
	err := k.Records.Recover(s, func(e events.Effect) bool {
		c, ok := e.(*Claim)
		return ok && slices.ContainsFunc(held, c.contradicts)
	})
	switch {
	case s.Context().Err() != nil:
		return s.Context().Err()
	case errors.Is(err, fault.Busy):
		return &unsettledError{err}
	default:
		return nil
	}
}

// orphanPatience is how long a lock of a dead process is waited for. A child that it had begun to make has
// it until it executes its program or gives up, which is a moment, but on a busy machine not a short one.
const orphanPatience = 2 * time.Second

// take takes one lock and gives it to the run, waiting if that was asked for.
func (k *Keeper) take(s events.Step, op string, w Want) (func(), error) {
	try := func() (func(), error) { return k.Locks.Take(w.Dataset.String(), w.Shared, op, s.Run()) }
	release, err := try()
	patience := max(k.Wait, w.Wait)
	by, _ := errors.AsType[*fault.HeldError](err)
	if isDead(by) {
		patience = max(patience, orphanPatience)
	}
	if errors.Is(err, fault.Busy) && patience > 0 {
		release, err = wait(s, &Wait{w.Dataset, by, patience}, func(events.Step) (func(), error) { return try() })
	}
	if err != nil {
		return nil, named(op, w.Dataset, err)
	}
	s.Hold(release)
	return release, nil
}

// isDead reports whether the process that holds a lock, as far as its file says, is no more.
func isDead(by *fault.HeldError) bool {
	return by != nil && by.PID > 0 && errors.Is(syscall.Kill(by.PID, 0), syscall.ESRCH)
}

// wait tries until it is not busy any more, as a step that says for whom it waits.
func wait(s events.Step, w *Wait, try func(events.Step) (func(), error)) (release func(), err error) {
	err = s.Do(w, func(s events.Step) (err error) {
		release, err = poll(s.Context(), w.Bound, func() (func(), error) { return try(s) })
		return err
	})
	return release, err
}

// poll tries until it is not busy any more, for so long, or until ctx is done. flock(2) cannot be
// waited for together with anything else, so it is asked again, less and less often.
func poll(ctx context.Context, bound time.Duration, try func() (func(), error)) (func(), error) {
	const least, most = 5 * time.Millisecond, 100 * time.Millisecond
	over, pause := time.NewTimer(bound), time.NewTimer(least)
	defer over.Stop()
	defer pause.Stop()
	for next := least; ; next = min(2*next, most) {
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-over.C:
			return try() // its error says who holds it now
		case <-pause.C:
		}
		release, err := try()
		if !errors.Is(err, fault.Busy) {
			return release, err
		}
		pause.Reset(next)
	}
}

// named introduces an error about d by the jail's name, which is what the user gave.
func named(op string, d storage.Dataset, err error) error {
	if by, ok := errors.AsType[*fault.HeldError](err); ok {
		return fault.InUse(op, string(d.Name), by).WithRemedy("wait for it, then try again")
	}
	return fault.New(op, fault.KindOf(err), string(d.Name), err)
}

// Wait is the payload of waiting for a lock.
type Wait struct {
	Dataset storage.Dataset
	By      *fault.HeldError // who held it when the waiting began
	Bound   time.Duration    // how long is waited at most
}

func (*Wait) EventType() string  { return "lock.wait" }
func (w *Wait) EventKey() string { return w.Dataset.String() }

// EventTitle says for whom.
func (w *Wait) EventTitle() string {
	return fmt.Sprintf("wait at most %v for %s: %v", w.Bound, w.Dataset, w.By)
}

// AppendAttrs lists the holder and the bound.
func (w *Wait) AppendAttrs(dst []slog.Attr) []slog.Attr {
	if w.By != nil {
		dst = append(dst, slog.String("op", w.By.Op), slog.Int("pid", w.By.PID))
	}
	return append(dst, slog.Duration("bound", w.Bound))
}

// Claim says in the journal which locks the run holds. It changes nothing: it is there for the process
// that undoes the run after a crash, which takes the locks first and leaves the run alone if it cannot.
// It comes before all other effects of a run.
type Claim struct {
	Op      string // the operation: "start"
	Since   time.Time
	Own     []storage.Dataset
	Share   []storage.Dataset `json:",omitempty"`
	Lasting bool              `json:",omitempty"` // effects that survive a reboot follow
}

// Claim notes in the journal which locks the run holds; see the type. lasting says that effects which
// survive a reboot follow.
func (k *Keeper) Claim(s events.Step, op string, lasting bool, own, share []storage.Dataset) error {
	return s.Apply(&Claim{Op: op, Since: k.Now(), Own: own, Share: share, Lasting: lasting})
}

// EventType is lock.claim.
func (*Claim) EventType() string { return "lock.claim" }

// EventKey is what is locked.
func (c *Claim) EventKey() string {
	all := make([]string, 0, len(c.Own))
	for _, d := range c.Own {
		all = append(all, d.String())
	}
	return strings.Join(all, " ")
}

// EventTitle says for which operation.
func (c *Claim) EventTitle() string { return "lock " + c.EventKey() + " for " + c.Op }

// AppendAttrs lists the operation.
func (c *Claim) AppendAttrs(dst []slog.Attr) []slog.Attr {
	return append(dst, slog.String("op", c.Op), slog.Bool("lasting", c.Lasting))
}

// Volatile tells the journal to keep the claim where it keeps the effects that follow.
func (c *Claim) Volatile() bool { return !c.Lasting }

// Lazy is true: the claim is of use to those who recover what follows, and nothing has followed yet.
func (*Claim) Lazy() bool { return true }

// Do does nothing: the record is the purpose.
func (*Claim) Do(context.Context) error { return nil }

// Undo does nothing.
func (*Claim) Undo(context.Context) error { return nil }

// contradicts reports whether the claim and w could not be at the same time: whose claim it is has not let go of it, but died.
func (c *Claim) contradicts(w Want) bool {
	return slices.Contains(c.Own, w.Dataset) || !w.Shared && slices.Contains(c.Share, w.Dataset)
}

func (c *Claim) take(l Locks, op string, run *events.RunInfo) (func(), error) {
	type lock struct {
		name   string
		shared bool
	}
	var all []lock
	for _, d := range c.Own {
		all = append(all, lock{d.String(), false})
	}
	for _, d := range c.Share {
		all = append(all, lock{d.String(), true})
	}
	slices.SortFunc(all, func(a, b lock) int { return strings.Compare(a.name, b.name) })
	var held []func()
	release := func() {
		for _, r := range slices.Backward(held) {
			r()
		}
	}
	for _, want := range all {
		r, err := l.Take(want.name, want.shared, op, run)
		if err != nil {
			release()
			return nil, err
		}
		held = append(held, r)
	}
	return release, nil
}
