package lock

import (
	"errors"
	"sync"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
)

// Table hands out locks by name. Its methods may be called from several goroutines.
type Table struct {
	dir  string // empty: in this process only
	mu   sync.Mutex
	held map[string]*hold
}

// hold is a name that runs of this process hold.
type hold struct {
	shared bool
	runs   map[events.RunID]bool
	by     fault.HeldError
	file   *file // nil without a directory
}

// Memory is a table that no other process sees.
func Memory() *Table { return Dir("") }

// Dir is the table kept in dir, which is to exist when the first lock is taken.
func Dir(dir string) *Table { return &Table{dir: dir, held: map[string]*hold{}} }

// Take holds name for run until release is called, which may be done more than once. Shared, it
// can be held by several runs; otherwise by one. The run that holds a name may take it again, which
// changes nothing, nor does that release; but what it shares it cannot get for itself.
//
// It does not wait: what others hold is fault.Busy with a *fault.HeldError. The name is a path of
// one or two elements.
func (t *Table) Take(name string, shared bool, op string, run *events.RunInfo) (release func(), err error) {
	if run == nil {
		return nil, fault.New(op, fault.Internal, name, errors.New("a lock is taken by a run"))
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	h := t.held[name]
	switch {
	case h == nil:
		h = &hold{shared: shared, runs: map[events.RunID]bool{}}
		h.by = fault.HeldError{Op: op, PID: run.PID, Since: run.Started}
		if t.dir != "" {
			if h.file, err = lockFile(t.dir, name, shared, h.by); err != nil {
				return nil, describe(op, name, err)
			}
		}
		t.held[name] = h
	case h.runs[run.ID] && (shared || !h.shared):
		return func() {}, nil
	case shared && h.shared:
	default:
		by := h.by
		return nil, fault.InUse(op, name, &by)
	}
	h.runs[run.ID] = true
	return sync.OnceFunc(func() { t.release(name, h, run.ID) }), nil
}

func (t *Table) release(name string, h *hold, run events.RunID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(h.runs, run)
	if len(h.runs) > 0 {
		return
	}
	delete(t.held, name)
	if h.file != nil {
		h.file.unlock()
	}
}

func describe(op, name string, err error) error {
	if by, ok := errors.AsType[*fault.HeldError](err); ok {
		return fault.InUse(op, name, by)
	}
	return fault.New(op, fault.Unknown, name, err)
}
