package history

import (
	"errors"
	"io/fs"
	"iter"
	"os"
	"time"

	"github.com/libioc/ioc/events"
)

// Filter chooses operations. The zero Filter chooses all.
type Filter struct {
	Run    events.RunID // this one only
	Since  time.Time    // begun then or later
	Jail   string       // about this jail: see Operation.About
	Failed bool         // those that did not come to their goal: see Outcome.Failure
}

// List yields the operations that x chooses, the oldest first. A stream that cannot be read yields what is known
// of it with the error, and the others go on; an error without a run is of the directory, and the end.
func (d *Dir) List(x Filter) iter.Seq2[Operation, error] {
	return func(yield func(Operation, error) bool) {
		all, err := d.runs()
		if err != nil {
			yield(Operation{}, err)
			return
		}
		recoveries := recoveries{d: d, runs: all}
		for _, id := range all {
			if !x.Run.IsZero() && x.Run != id || began(id).Before(x.Since.Truncate(time.Millisecond)) {
				continue
			}
			o, ok, err := d.look(id)
			if err == nil && (!ok || x.Jail != "" && !o.About(x.Jail) || x.Failed && !o.Outcome.Failure()) {
				continue
			}
			if err == nil && o.Outcome == Crashed {
				recoveries.explain(&o)
			}
			if !yield(o, err) {
				return
			}
		}
	}
}

// look is false if there is no such stream, or nothing in it.
func (d *Dir) look(id events.RunID) (Operation, bool, error) {
	f, err := os.Open(d.file(id))
	if errors.Is(err, fs.ErrNotExist) {
		return Operation{}, false, nil
	}
	if err != nil {
		return Operation{Run: events.RunInfo{ID: id}}, false, err
	}
	defer f.Close()
	return look(f, id)
}

// Events yields the stream of a run. It ends with [events.ErrTruncated] in a *[events.LineError] if the run has
// not ended. A run that has no stream is fs.ErrNotExist.
func (d *Dir) Events(id events.RunID) iter.Seq2[events.Event, error] {
	return func(yield func(events.Event, error) bool) {
		f, err := os.Open(d.file(id))
		if err != nil {
			yield(events.Event{}, err)
			return
		}
		defer f.Close()
		events.ReadNDJSON(f)(yield)
	}
}
