package history

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/libioc/ioc/events"
)

// Origin is who runs operations.
type Origin struct {
	UID     int    `json:"uid"`
	Command string `json:"command,omitempty"` // without arguments, which may be secrets
}

// originLine is the second line of a stream. A reader of events knows neither version nor phase in it,
// and passes over it.
type originLine struct {
	By *Origin `json:"by,omitempty"`
}

// cutLine stands where the rest of a stream is left out, up to the root's End.
const cutLine = `{"cut":true}` + "\n"

// pause is the time between two Progress events of a step that are kept and say how far it is.
const pause = 100 * time.Millisecond

// Recorder gives each run a sink that keeps its stream; it is for [events.WithSinks].
func (d *Dir) Recorder(by Origin) func() events.Sink {
	return func() events.Sink {
		r := &recorder{dir: d, by: by}
		r.write = events.NewNDJSONWriter(r).Sink()
		return r.add
	}
}

// recorder keeps the stream of one run. It is called by the goroutine that drives the run.
type recorder struct {
	dir   *Dir
	by    Origin
	write events.Sink // to Write
	f     *os.File    // nil: nothing has happened that is worth a file
	id    events.RunID
	buf   []byte // not yet in f
	size  int64  // in f
	told  map[events.ID]time.Duration
	first bool // the first record is written
	did   bool // a step did something or failed
	full  bool // the stream's own bound is reached
	over  bool
}

func (r *recorder) add(ev *events.Event) {
	if r.over {
		return
	}
	last := ev.Phase == events.End && ev.Parent == 0
	if !last && (r.full || ev.Phase == events.Progress && !r.worth(ev)) {
		return
	}
	r.id = ev.Run.ID
	r.write(ev)
	switch {
	case last:
		r.finish(ev)
	case ev.Phase == events.Begin && ev.Parent != 0, ev.Phase == events.Progress && r.f != nil:
		r.flush() // with the Ends before it: what begins comes at once mostly, and a call of the kernel is what costs
	}
	if ev.Phase == events.End {
		r.did = r.did || ev.Status != events.Skipped
		delete(r.told, ev.ID)
	}
}

// worth tells whether a Progress is kept.
func (r *recorder) worth(ev *events.Event) bool {
	if _, said := ev.Detail.(events.Output); said {
		return true
	}
	before, ok := r.told[ev.ID]
	if ok && ev.At-before < pause {
		return false
	}
	if r.told == nil {
		r.told = map[events.ID]time.Duration{}
	}
	r.told[ev.ID] = ev.At
	return true
}

// Write takes a record, the first one with the stream's first line, and puts the origin between them.
func (r *recorder) Write(record []byte) (int, error) {
	n := len(record)
	if !r.first {
		r.first = true
		if head := bytes.IndexByte(record, '\n') + 1; head > 0 {
			r.buf = append(r.buf, record[:head]...)
			line, err := json.Marshal(originLine{&r.by})
			if err != nil {
				return 0, err
			}
			r.buf = append(append(r.buf, line...), '\n')
			record = record[head:]
		}
	}
	r.buf = append(r.buf, record...)
	return n, nil
}

// finish writes the root's End and lets the stream go; or takes it away if nothing happened in it.
func (r *recorder) finish(ev *events.Event) {
	r.over = true
	if ev.Status == events.Skipped && !r.did {
		if r.f != nil {
			r.remove()
		}
		return
	}
	r.flush()
	if r.f == nil {
		return
	}
	if err := r.f.Close(); err != nil {
		r.giveUp(err)
		return
	}
	if err := r.dir.trim(r.id, r.size); err != nil {
		err = fmt.Errorf("history: %w", err)
		r.dir.err.Store(&err)
	}
}

// flush brings to the file what is not yet there: the kernel has it then, and it survives the process.
func (r *recorder) flush() {
	if r.f == nil {
		if err := r.create(); err != nil {
			r.giveUp(err)
			return
		}
	}
	n, err := r.f.Write(r.buf)
	r.size += int64(n)
	r.buf = r.buf[:0]
	if err == nil && !r.over && !r.full && r.size > r.dir.limits.Bytes/4 {
		r.full = true
		_, err = r.f.WriteString(cutLine)
	}
	if err != nil {
		r.giveUp(err)
	}
}

func (r *recorder) create() error {
	const flags = os.O_WRONLY | os.O_CREATE | os.O_EXCL | os.O_APPEND | syscall.O_NOFOLLOW
	path := r.dir.file(r.id)
	f, err := os.OpenFile(path, flags, 0o600)
	if os.IsNotExist(err) {
		if err = os.MkdirAll(r.dir.path, 0o700); err == nil {
			f, err = os.OpenFile(path, flags, 0o600)
		}
	}
	if err != nil {
		return err
	}
	r.f = f
	return lock(f)
}

// giveUp ends the recording; half a stream would pass for that of a process that was killed.
func (r *recorder) giveUp(err error) {
	r.over = true
	err = fmt.Errorf("history: %w", err)
	r.dir.err.Store(&err)
	if r.f != nil {
		r.remove()
	}
}

func (r *recorder) remove() {
	_ = os.Remove(r.f.Name()) // what stays is trimmed some day
	_ = r.f.Close()           // as above
	r.f = nil
}
