package eventstest

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/libioc/ioc/events"
)

// Memory is a journal that forgets: it keeps one run's records to be looked at, and can fail. It may
// be used for one run.
type Memory struct {
	// FailAt is the write that fails, counted from 1; from then on all do. 0: none.
	FailAt int

	mu      sync.Mutex
	opened  int
	writes  int
	records []events.Record
	sealed  map[uint64]bool
	keep    []events.Retained
	commit  bool
	closed  bool
	clean   bool
	faults  []error
}

// ErrMemory is what a write that fails returns.
var ErrMemory = errors.New("the memory journal fails here")

// Open implements events.Journal.
func (m *Memory) Open(*events.RunInfo, events.Payload) (events.Log, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.opened++; m.opened > 1 {
		m.fault("opened %d times", m.opened)
	}
	return memoryLog{m}, m.write("open")
}

// Records are the records so far.
func (m *Memory) Records() []events.Record {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.records)
}

// Keep is what the run retained.
func (m *Memory) Keep() []events.Retained {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.keep)
}

func (m *Memory) fault(format string, args ...any) {
	m.faults = append(m.faults, fmt.Errorf("journal: "+format, args...))
}

func (m *Memory) write(what string) error {
	if m.closed {
		m.fault("%s after the end", what)
	}
	if m.writes++; m.FailAt > 0 && m.writes >= m.FailAt {
		return ErrMemory
	}
	return nil
}

// Check tells whether the records are in order, and are what a run that ended with committed and residue leaves.
func (m *Memory) Check(committed, residue bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	failed := m.FailAt > 0 && m.writes >= m.FailAt
	switch {
	case m.opened == 0, m.FailAt == 1:
		return nil
	case !m.closed: // also if it failed
		m.fault("not closed")
	case m.commit != committed && !failed:
		m.fault("committed is %t, want %t", m.commit, committed)
	}
	if left := m.pending(); m.clean && len(left) > 0 {
		m.fault("closed as clean, but record %d %s is pending", left[0].Type, left[0].Name)
	} else if !m.clean && len(left) == 0 && !failed && !residue {
		m.fault("not closed as clean, but nothing is pending")
	}
	return errors.Join(m.faults...)
}

// pending are the records that a recovery would act on.
func (m *Memory) pending() (left []events.Record) {
	done := map[uint64]bool{}
	for _, r := range m.records {
		if r.Type == events.RecUndone || r.Type == events.RecDeferredDone {
			done[r.Ref] = true
		}
	}
	for i, r := range m.records {
		lsn := uint64(i) + 1
		over := done[lsn] || r.Ref != 0 && done[r.Ref] && !m.sealed[lsn]
		switch r.Type {
		case events.RecUndo:
			if !over && !m.commit && !m.sealed[lsn] {
				left = append(left, r)
			}
		case events.RecDefer:
			if !over && (m.commit && r.Ref == 0 || m.sealed[lsn]) || !over && !m.commit {
				left = append(left, r)
			}
		}
	}
	return left
}

type memoryLog struct{ m *Memory }

func (l memoryLog) Append(rec *events.Record) (uint64, error) {
	m := l.m
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.write("record " + rec.Name); err != nil {
		return 0, err
	}
	switch rec.Type {
	case events.RecUndo, events.RecDefer:
		if m.commit && rec.Ref == 0 {
			m.fault("registration of %s after the commit", rec.Name)
		}
	case events.RecUndone, events.RecFailed, events.RecAmend, events.RecDeferredDone:
		m.about(rec)
	default:
		m.fault("record type %d", rec.Type)
	}
	r := *rec
	r.Params = slices.Clone(rec.Params)
	m.records = append(m.records, r)
	return uint64(len(m.records)), nil
}

// about checks a record that refers to another.
func (m *Memory) about(rec *events.Record) {
	if rec.Ref == 0 || rec.Ref > uint64(len(m.records)) {
		m.fault("record type %d is about %d", rec.Type, rec.Ref)
		return
	}
	of := m.records[rec.Ref-1]
	for _, r := range m.records {
		if r.Ref == rec.Ref && (r.Type == events.RecUndone || r.Type == events.RecDeferredDone) {
			m.fault("record type %d about %s, which is done", rec.Type, of.Name)
		}
	}
	switch {
	case of.Type != events.RecUndo && of.Type != events.RecDefer:
		m.fault("record type %d about one of type %d", rec.Type, of.Type)
	case rec.Type == events.RecDeferredDone && (of.Type != events.RecDefer || !m.commit && !m.sealed[rec.Ref]):
		m.fault("%s was run forward before a commit", of.Name)
	case rec.Type == events.RecUndone && m.commit && of.Ref == 0:
		m.fault("%s was undone after the commit", of.Name)
	case rec.Type == events.RecUndone && m.sealed[rec.Ref]:
		m.fault("%s was undone after it was sealed", of.Name)
	case rec.Type == events.RecAmend && m.commit && of.Ref == 0:
		m.fault("%s was amended after the commit", of.Name)
	}
}

func (l memoryLog) Seal(lsns []uint64, keep []events.Retained) error {
	m := l.m
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.write("seal"); err != nil {
		return err
	}
	if m.sealed == nil {
		m.sealed = map[uint64]bool{}
	}
	for _, lsn := range lsns {
		m.sealed[lsn] = true
	}
	m.keep = append(m.keep, keep...)
	return nil
}

func (l memoryLog) Commit(keep []events.Retained) error {
	m := l.m
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.write("commit"); err != nil {
		return err
	}
	if m.commit {
		m.fault("committed twice")
	}
	m.commit = true
	m.keep = append(m.keep, keep...)
	return nil
}

func (l memoryLog) Close(clean bool) error {
	m := l.m
	m.mu.Lock()
	defer m.mu.Unlock()
	err := m.write("close")
	m.closed, m.clean = true, clean
	return err
}
