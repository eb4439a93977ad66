package history

import (
	"cmp"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
)

// Outcome is what became of an operation.
type Outcome string

// Outcomes. What an operation that ended did to the system stands if it is Done, and is gone otherwise, but for
// what Residue says.
const (
	Running   Outcome = "running"
	Done      Outcome = "done"
	Skipped   Outcome = "skipped" // there was nothing to do; something else happened in it, a recovery for example
	Failed    Outcome = "failed"
	Cancelled Outcome = "cancelled"
	Residue   Outcome = "residue"   // it failed, and something is left behind
	Crashed   Outcome = "crashed"   // its process ended before it did
	Recovered Outcome = "recovered" // it crashed, and a recovery has dealt with it since: Operation.Recovery
)

// Outcomes lists all outcomes.
func Outcomes() []Outcome {
	return []Outcome{Running, Done, Skipped, Failed, Cancelled, Residue, Crashed, Recovered}
}

// Failure tells whether the operation did not come to its goal.
func (o Outcome) Failure() bool { return o != Running && o != Done && o != Skipped }

// Operation is what the history knows of a run without its events.
type Operation struct {
	Run      events.RunInfo
	By       Origin // UID -1: not known
	Type     string // of the root event, as are Key and Title
	Key      string
	Title    string
	Data     json.RawMessage // attributes of the root event, nil if it has none
	Outcome  Outcome
	Took     time.Duration // until its end, or until the last that is known of it; 0 if it is running
	Err      error         // of the root, nil if it did not fail
	Recovery events.RunID  // Recovered: the run in which that happened
	Cut      bool          // it was too long: steps are missing between the last one and the end
	Size     int64         // bytes of its stream
}

// What is a line for people: the root's title, or its type and key.
func (o *Operation) What() string {
	return cmp.Or(o.Title, strings.TrimSpace(o.Type+" "+o.Key))
}

// About tells whether the operation is about the jail: its key is the jail's name, or one of several, or an
// attribute names the jail, as a clone's origin does and the new name in a rename.
func (o *Operation) About(jail string) bool {
	if strings.HasPrefix(o.Type, "release.") {
		return false
	}
	if slices.Contains(strings.Fields(o.Key), jail) {
		return true
	}
	var data map[string]any
	if json.Unmarshal(o.Data, &data) != nil {
		return false
	}
	for _, v := range data {
		text, _ := v.(string)
		name, snapshot, _ := strings.Cut(text, "@")
		if name == "jails/"+jail || o.Type == "jail.rename" && snapshot == "" && name == jail {
			return true
		}
	}
	return false
}

// began notes the root's Begin.
func (o *Operation) began(ev *events.Event) {
	o.Type, o.Key, o.Title = ev.Type(), ev.Key(), ev.Title()
	if p, ok := events.As[*events.Recorded](*ev); ok {
		o.Data = p.Data
	}
}

// ended notes the root's End.
func (o *Operation) ended(ev *events.Event) {
	o.Took = ev.Dur
	switch ev.Status {
	case events.Succeeded, events.Pending:
		o.Outcome = Done
	case events.Skipped:
		o.Outcome = Skipped
	case events.Failed:
		o.Err = ev.Err
		_, left := errors.AsType[*events.RollbackError](ev.Err)
		switch {
		case left || errors.Is(ev.Err, fault.Residue):
			o.Outcome = Residue
		case ev.Reason == events.Cancelled || ev.Reason == events.Broke:
			o.Outcome = Cancelled
		default:
			o.Outcome = Failed
		}
	}
}
