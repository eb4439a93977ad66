package events

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/libioc/ioc/fault"
)

// Errors of the engine.
var (
	// ErrBreak stops a run whose consumer left the loop.
	ErrBreak error = fault.New("", fault.Cancelled, "", errors.New("the consumer left"))
	// ErrExited stops a run in which runtime.Goexit was called.
	ErrExited = errors.New("runtime.Goexit was called")
	// ErrAborted is the error of a compensation that was not run, or cut short, because the run was aborted.
	ErrAborted = errors.New("aborted before it was undone")
	// ErrBarrier is the error of a compensation that was not run because a newer one with Barrier failed.
	ErrBarrier = errors.New("not undone, because what must be undone before it could not be")
	// ErrNoJournal is returned where something must outlive the process and the run has no journal.
	ErrNoJournal = errors.New("the run has no journal")
	// ErrUnregistered is returned for an effect or an action that the registry does not know.
	ErrUnregistered = errors.New("not registered")

	// ErrReused is the value of the panic when a run is ranged over a second time.
	ErrReused = errors.New("events: a run can be ranged over only once")
	// ErrStale is the value of the panic when a Step is used outside its body or while a child of it is pending.
	ErrStale = errors.New("events: step used outside its body or while its child is pending")

	errGroupFailed = errors.New("a sibling failed")
)

// Residue is something that a rollback left behind.
type Residue struct {
	Of     ID     // the event whose effect is left
	Action string // the compensation, effect or action
	Err    error  // *PanicError, ErrAborted, ErrBarrier, or what the compensation returned
	LSN    uint64 // of the journal record; 0: not in a journal
}

// String is the action and why it is left.
func (r Residue) String() string { return fmt.Sprintf("%s: %v", r.Action, r.Err) }

// RollbackError reports a step that failed with Cause and could not be undone completely. It
// unwraps to Cause only: errors.Is never reports what merely went wrong while undoing.
type RollbackError struct {
	Cause   error
	Residue []Residue
}

// Error is the cause, and what is left.
func (e *RollbackError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%v (left behind: ", e.Cause)
	for i, r := range e.Residue {
		if i > 0 {
			b.WriteString("; ")
		}
		b.WriteString(r.String())
	}
	b.WriteByte(')')
	return b.String()
}

// Unwrap returns the cause.
func (e *RollbackError) Unwrap() error { return e.Cause }

// FaultKind says that something is left behind, whatever the cause was.
func (e *RollbackError) FaultKind() fault.Kind { return fault.Residue }

// CancelError reports a step that stopped because its run or its group did. It is context.Canceled,
// and whatever Cause is.
type CancelError struct{ Cause error }

// Error is "cancelled", with the cause if it says more.
func (e *CancelError) Error() string {
	if e.Cause == nil || errors.Is(e.Cause, context.Canceled) {
		return "cancelled"
	}
	return "cancelled: " + e.Cause.Error()
}

// Is makes errors.Is(err, context.Canceled) hold.
func (e *CancelError) Is(target error) bool { return target == context.Canceled }

// Unwrap returns the cause.
func (e *CancelError) Unwrap() error { return e.Cause }

// FaultKind says that the operation was broken off.
func (e *CancelError) FaultKind() fault.Kind { return fault.Cancelled }

// PanicError is a panic in a body, with the stack of where it happened.
type PanicError struct {
	Value any
	Stack []byte
}

// Error is the value as text, without the stack.
func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v", e.Value) }

// Unwrap returns the value of the panic if it is an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// SkipError is what Skip returns and what the End of a skipped step carries.
type SkipError struct{ Why string }

// Error is why, for who asks all the same: a skip is no failure.
func (e *SkipError) Error() string { return "skipped: " + e.Why }

// Skip ends the step whose body returns it as Skipped: its goal already holds. What the body
// registered is undone first. The step's parent sees no error.
//
// An effect whose Do returns Skip has changed nothing; it is not undone.
func Skip(why string) error { return &SkipError{why} }

// Untouched wraps the error of an effect whose Do failed before it changed anything, "already
// exists" above all: its Undo is not run. It returns nil for nil. Joined with another error it does not
// count, and it holds for the effect whose Do returned it only, not for one whose Do ran that effect.
func Untouched(err error) error {
	if err == nil {
		return nil
	}
	return &untouchedError{err}
}

type untouchedError struct{ err error }

func (e *untouchedError) Error() string { return e.err.Error() }
func (e *untouchedError) Unwrap() error { return e.err }

// told is how apply gives on an Untouched error that is wrapped: what one effect says of itself says nothing
// of another, whose Do has run it.
type told struct{ error }

func (e told) Unwrap() error { return e.error }

// takeUntouched tells whether err is Untouched's and nothing else, and how it is given on.
func takeUntouched(err error) (error, bool) {
	switch e, found := sole[*untouchedError](err); {
	case !found:
		return err, false
	case error(e) == err: //nolint:errorlint // the outermost
		return e.err, true
	}
	return told{err}, true
}

// asSkip tells whether err is Skip's and nothing else.
func asSkip(err error) (*SkipError, bool) { return sole[*SkipError](err) }

// sole finds an E in err that is all that err says, however it is wrapped: a skip whose undo failed is a
// failure, and so is one that is joined with another error or is only the value of a panic or the cause of
// a cancellation.
func sole[E error](err error) (none E, found bool) {
	for err != nil {
		switch e := err.(type) { //nolint:errorlint // the chain is walked here, one link at a time
		case E:
			return e, true
		case *RollbackError, *CancelError, *PanicError, told:
			return none, false
		case interface{ Unwrap() error }:
			err = e.Unwrap()
		case interface{ Unwrap() []error }: // of one
			all := e.Unwrap()
			if len(all) != 1 {
				return none, false
			}
			err = all[0]
		default:
			return none, false
		}
	}
	return none, false
}

// reasonOf classifies err by the first thing in its chain that says why. What a rollback left does
// not count: RollbackError unwraps to its cause only. Of joined errors the first counts.
func reasonOf(err error) Reason {
	for err != nil {
		switch err { //nolint:errorlint // the chain is walked here, one link at a time
		case ErrBreak:
			return Broke
		case ErrExited:
			return Exited
		case context.Canceled, context.DeadlineExceeded:
			return Cancelled
		}
		switch e := err.(type) { //nolint:errorlint // as above
		case *CancelError:
			return Cancelled
		case *PanicError:
			return Panicked
		case interface{ Unwrap() error }:
			err = e.Unwrap()
		case interface{ Unwrap() []error }:
			all := e.Unwrap()
			if len(all) == 0 {
				return Errored
			}
			err = all[0]
		default:
			return Errored
		}
	}
	return Errored
}
