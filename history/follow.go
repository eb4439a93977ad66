package history

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"slices"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
)

// CrashError says that the process of a run ended before the run did.
type CrashError struct{ Operation Operation }

// Error names the run and its process.
func (e *CrashError) Error() string {
	return fmt.Sprintf("%s: the process %d ended before the operation did", e.Operation.What(), e.Operation.Run.PID)
}

// FaultKind is residue: what the run did is there until a recovery.
func (*CrashError) FaultKind() fault.Kind { return fault.Residue }

// Follow yields the events of all runs that x chooses and that are running now, from their beginning, and of
// those that begin later, as they happen, until ctx is done; or, if x names a run, until that one has ended. Runs that had
// ended before are not in it, unless x names one. Events of several runs are mixed, those of one run are in their
// order. Failed says nothing here.
//
// An error beside an operation is of that one only, a *CrashError above all, and the others go on; any other
// error is the last thing that is yielded.
func (d *Dir) Follow(ctx context.Context, x Filter) iter.Seq2[Followed, error] {
	return func(yield func(Followed, error) bool) {
		f := follower{d: d, x: x, seen: map[events.RunID]bool{}}
		defer f.close()
		if err := os.MkdirAll(d.path, 0o700); err != nil {
			yield(Followed{}, err)
			return
		}
		w := newWake(d.path)
		defer w.close()
		if err := f.begin(); err != nil {
			yield(Followed{}, err)
			return
		}
		for ctx.Err() == nil {
			more, err := f.pass(yield)
			if err != nil {
				yield(Followed{}, err)
				return
			}
			if !more {
				return
			}
			w.wait(ctx)
		}
	}
}

// Followed is an event of an operation that is followed. The operation is the same for all its events, and
// knows its outcome with the last one.
type Followed struct {
	Operation *Operation
	Event     events.Event
}

// follower is one execution of Follow.
type follower struct {
	d     *Dir
	x     Filter
	seen  map[events.RunID]bool // not to be looked at again
	tails []*tail               // the oldest first
}

// begin passes over what has ended already.
func (f *follower) begin() error {
	if !f.x.Run.IsZero() {
		return nil
	}
	for o, err := range f.d.List(Filter{}) {
		if o.Run.ID.IsZero() {
			return err
		}
		f.seen[o.Run.ID] = err != nil || o.Outcome != Running
	}
	return nil
}

// pass yields what is new. It is false when there will be no more.
func (f *follower) pass(yield func(Followed, error) bool) (more bool, err error) {
	all, err := f.d.runs()
	if err != nil {
		return false, err
	}
	for _, id := range all {
		if f.seen[id] || !f.x.Run.IsZero() && f.x.Run != id {
			continue
		}
		file, err := os.Open(f.d.file(id))
		if errors.Is(err, fs.ErrNotExist) { // it was about nothing
			continue
		}
		if err != nil {
			return false, err
		}
		o, ok, err := look(file, id)
		if err != nil || !ok {
			_ = file.Close() // it was only read
			f.seen[id] = err != nil
			continue
		}
		f.seen[id] = true
		if f.x.Jail != "" && !o.About(f.x.Jail) {
			_ = file.Close() // as above
			continue
		}
		f.tails = append(f.tails, &tail{f: file, op: &o, dec: events.NewDecoder()})
	}
	for _, t := range f.tails {
		if !t.read(yield) {
			return false, nil
		}
	}
	f.tails = slices.DeleteFunc(f.tails, func(t *tail) bool {
		if t.over {
			_ = t.f.Close() // it was only read
		}
		return t.over
	})
	if named := !f.x.Run.IsZero(); named && len(f.tails) == 0 {
		if !f.seen[f.x.Run] {
			return false, fs.ErrNotExist
		}
		return false, nil
	}
	return true, nil
}

func (f *follower) close() {
	for _, t := range f.tails {
		_ = t.f.Close() // as in pass
	}
}

// tail is a stream that is being read while it is written.
type tail struct {
	f    *os.File
	op   *Operation
	dec  *events.Decoder
	rest []byte // a line that is not whole yet
	over bool
}

// read yields what has come since. It is false if nobody wants more.
func (t *tail) read(yield func(Followed, error) bool) bool {
	for last := false; ; {
		more, err := t.lines(yield)
		if t.over || !more {
			return more
		}
		if err == nil && !last {
			held, heldErr := isHeld(t.f)
			if err = heldErr; held {
				return true
			}
			if err == nil { // what was written before it let go is still to be read
				last = true
				continue
			}
		}
		t.over = true
		if err == nil {
			t.op.Outcome = Crashed
			err = &CrashError{*t.op}
		}
		return yield(Followed{Operation: t.op}, err)
	}
}

// lines yields the events of all whole lines that are there.
func (t *tail) lines(yield func(Followed, error) bool) (more bool, err error) {
	buf := make([]byte, 1<<15)
	for {
		n, err := t.f.Read(buf)
		t.rest = append(t.rest, buf[:n]...)
		for {
			i := bytes.IndexByte(t.rest, '\n')
			if i < 0 {
				break
			}
			line := t.rest[:i]
			t.rest = t.rest[i+1:]
			if len(line) == 0 {
				continue
			}
			ev, ok, err := t.dec.Line(line)
			if err != nil {
				return true, err
			}
			if !ok {
				continue
			}
			if ev.Phase == events.End {
				t.op.Took = ev.At
				if ev.Parent == 0 {
					t.op.ended(&ev)
					t.over = true
				}
			}
			if !yield(Followed{t.op, ev}, nil) {
				return false, nil
			}
		}
		if errors.Is(err, io.EOF) || t.over {
			return true, nil
		}
		if err != nil {
			return true, err
		}
	}
}
