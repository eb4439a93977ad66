package eventstest

import (
	"context"
	"errors"
	"fmt"
	"runtime"

	"github.com/libioc/ioc/events"
)

// Place is a world outside of the process for the effects of a durable program. Names are unique in
// a program and the same in every run of it.
type Place interface {
	Make(name string) error   // fails if it is there
	Unmake(name string) error // does nothing if it is not there
	Remove(name string) error // what a deferred action does; idempotent
}

// act is the program's action: a compensation, or deferred if the ticket's number is negative.
func (x *player) act(s events.Step, t ticket) error {
	if t.No >= 0 {
		return x.undo(s, t, t.Name)
	}
	run, e := x.begin(s.Context(), -t.No, s.ID())
	if err := x.script(s, &t.Undo, run, t.Name); err != nil {
		return err
	}
	return x.finish(e, func(p Place) error { return p.Remove(t.Name) })
}

// undo is the compensation of a closure or an action.
func (x *player) undo(s events.Step, t ticket, path string) error {
	run, e := x.begin(s.Context(), t.No, s.ID())
	if e != nil && e.learned != t.Learned {
		x.fault("entry %d is undone with parameters from before it learned", t.No)
	}
	if err := x.script(s, &t.Undo, run, path); err != nil {
		return err
	}
	if t.Name == "" { // a closure's: it is in no place
		return x.finish(e, nil)
	}
	return x.finish(e, func(p Place) error { return p.Unmake(t.Name) })
}

// begin notes a run of a compensation, or of a deferred action, and gives its number. Another
// process's entry is nil: its ledger is not ours. Only Abort may have cancelled ctx.
func (x *player) begin(ctx context.Context, no int, in events.ID) (run int, e *entry) {
	if x.place != nil {
		return 0, nil
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	e = x.entries[no-1]
	e.runs++
	if ctx.Err() != nil && !x.aborted {
		x.faults = append(x.faults, fmt.Errorf("entry %d is undone, or run, under a cancelled context", no))
	}
	if in != 0 {
		e.in = append(e.in, in)
	}
	return e.runs - 1, e
}

// finish notes that it is done.
func (x *player) finish(e *entry, change func(Place) error) error {
	if x.place != nil {
		if change == nil {
			return nil
		}
		return change(x.place)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	e.finished++
	return nil
}

// isSkip tells whether err is a skip that left nothing behind.
func isSkip(err error) bool {
	_, left := errors.AsType[*events.RollbackError](err)
	_, skip := errors.AsType[*events.SkipError](err)
	return skip && !left
}

// script runs what u says: its child, then its ending.
func (x *player) script(s events.Step, u *Undo, run int, path string) error {
	if u.Nested != nil {
		err := s.Do(&events.Named{Type: "test.step", Key: path + "~"}, x.body(u.Nested, path+"~"))
		if err != nil && !u.Handled {
			return err
		}
	}
	return end(u.end(run), path+"~")
}

// thing is the program's effect.
type thing struct {
	No      int
	Name    string
	Works   Works `json:",omitempty"`
	Learn   bool  `json:",omitempty"`
	Learned []int `json:",omitempty"` // what only Do knows
	Undoes  Undo  `json:",omitzero"`
	x       *player
}

func (e *thing) EventType() string { return "test.thing" }
func (e *thing) EventKey() string  { return e.Name }

// Do changes the world, or fails to.
func (e *thing) Do(ctx context.Context) error {
	x := e.x
	x.mu.Lock()
	en := x.entries[e.No-1]
	x.mu.Unlock()
	en.armed = true
	switch e.Works {
	case FailsBefore:
		return errors.New("fail before " + e.Name)
	case FailUntouched:
		en.armed = false
		return events.Untouched(errors.New("untouched " + e.Name))
	case SkipsItself:
		en.armed = false
		return events.Skip("skip " + e.Name)
	}
	if err := x.make(en, e.Name); err != nil {
		return err
	}
	if e.Learn {
		e.Learned = append(e.Learned, e.No)
		en.learned = e.No
		if err := events.Report(ctx, e.No); err != nil {
			return err
		}
	}
	switch e.Works {
	case FailsAfter:
		return errors.New("fail after " + e.Name)
	case PanicsAfter:
		panic("panic after " + e.Name)
	case ExitsAfter:
		runtime.Goexit()
	}
	return nil
}

// Undo takes it back, or fails to.
func (e *thing) Undo(ctx context.Context) error {
	run, en := e.x.begin(ctx, e.No, 0)
	if en != nil && e.Learn && en.learned != 0 && len(e.Learned) != 1 {
		e.x.fault("effect %d is undone without what it learned", e.No)
	}
	if e.Learn {
		_ = events.Report(ctx, "undo") // it cannot be stopped
	}
	if err := end(e.Undoes.end(run), e.Name+"~"); err != nil {
		return err
	}
	return e.x.finish(en, func(p Place) error { return p.Unmake(e.Name) })
}

// removal is the program's deferred effect.
type removal struct {
	No   int
	Name string
	Ends []Ending `json:",omitempty"`
	x    *player
}

func (e *removal) EventType() string { return "test.removal" }
func (e *removal) EventKey() string  { return e.Name }

// Do is what cannot be undone.
func (e *removal) Do(ctx context.Context) error {
	run, en := e.x.begin(ctx, e.No, 0)
	u := Undo{Ends: e.Ends}
	if err := end(u.end(run), e.Name+"~"); err != nil {
		return err
	}
	return e.x.finish(en, func(p Place) error { return p.Remove(e.Name) })
}

// Undo is never called.
func (e *removal) Undo(context.Context) error {
	e.x.fault("the undo of the deferred effect %d was called", e.No)
	return fmt.Errorf("undo of removal %s", e.Name)
}
