package events

import "time"

type (
	// ID names an event in its run. It is assigned at Begin, counts from 1 and is never reused.
	ID uint64
	// Phase tells which boundary of its step an event is.
	Phase uint8
	// Status is what became of the step.
	Status uint8
	// Reason tells why a step failed.
	Reason uint8
	// Kind tells work from undo.
	Kind uint8
)

// Phases. A step has one Begin, any number of Progress, one End.
const (
	Begin Phase = 1 + iota
	Progress
	End
)

// Statuses. Begin and Progress are Pending; End is one of the others.
const (
	Pending   Status = iota
	Succeeded        // the body returned nil
	Failed           // see Reason and Err
	Skipped          // the body returned Skip(...): there was nothing to do
)

// Reasons of Failed.
const (
	NoReason  Reason = iota
	Errored          // the body returned an error
	Panicked         // the body panicked; the panic goes on after the root's End
	Cancelled        // context, deadline, Run.Cancel, or a failed sibling in a fail-fast group
	Broke            // the consumer left the loop
	Exited           // runtime.Goexit
)

// Kinds.
const (
	Forward Kind = iota // work
	Undo                // a compensation of this run; Of is the event whose effect it undoes, Err (at Begin) why
	Commit              // a deferred action that runs after the commit point
	Revert              // a compensation of another run, run by recovery or by Release
)

// RunInfo is shared by all events of a run and never changes.
type RunInfo struct {
	ID      RunID
	Started time.Time // wall clock
	Host    string    // as given by WithOrigin
	PID     int       // as given by WithOrigin
}

// Event is one boundary of a step. It is a value: yielding it copies it, so no consumer can change
// another's. Payload and Run are shared and do not change.
type Event struct {
	Run     *RunInfo
	Seq     uint64 // 1, 2, 3 ... in the order yielded; no gaps
	ID      ID
	Parent  ID            // 0: the root
	Of      ID            // Kind Undo: the event whose effect is undone
	At      time.Duration // since Run.Started, monotonic; ordered within a lane only
	Dur     time.Duration // End: how long the step took
	Lane    uint32        // 0: the operation's goroutine; others: parallel children
	Depth   uint16        // 0: the root
	Phase   Phase
	Status  Status
	Reason  Reason
	Kind    Kind
	Payload Payload
	Detail  any    // Progress: the value given to Progress; End: the value given to Result
	Err     error  // End(Failed): why. End(Skipped): *SkipError. Begin of an Undo: the cause
	_       uint64 // to 128 bytes, which are copied without an overlap
}

// Pending reports whether the step is in progress: the event is its Begin or a Progress.
func (ev Event) Pending() bool { return ev.Phase != End }

// Done reports whether the step has terminated: succeeded, failed or skipped.
func (ev Event) Done() bool { return ev.Phase == End }

// Skipped reports whether the step ended without an effect because there was nothing to do.
func (ev Event) Skipped() bool { return ev.Status == Skipped }

// Type is the payload's EventType, "" if there is no payload.
func (ev Event) Type() string {
	if ev.Payload == nil {
		return ""
	}
	return ev.Payload.EventType()
}

// Key is the payload's EventKey, "" if it has none.
func (ev Event) Key() string { return keyOf(ev.Payload) }

// Title is the payload's EventTitle, "" if it has none.
func (ev Event) Title() string { return titleOf(ev.Payload) }

var (
	phaseNames  = [...]string{"", "begin", "progress", "end"}
	statusNames = [...]string{"pending", "succeeded", "failed", "skipped"}
	reasonNames = [...]string{"", "errored", "panicked", "cancelled", "broke", "exited"}
	kindNames   = [...]string{"forward", "undo", "commit", "revert"}
)

func name(names []string, i uint8) string {
	if int(i) < len(names) {
		return names[i]
	}
	return "unknown"
}

// String is the name on the wire: begin, progress, end.
func (p Phase) String() string { return name(phaseNames[:], uint8(p)) }

// String is the name on the wire: pending, succeeded, failed, skipped.
func (s Status) String() string { return name(statusNames[:], uint8(s)) }

// String is the name on the wire: "", errored, panicked, cancelled, broke, exited.
func (r Reason) String() string { return name(reasonNames[:], uint8(r)) }

// String is the name on the wire: forward, undo, commit, revert.
func (k Kind) String() string { return name(kindNames[:], uint8(k)) }
