package mem

import (
	"context"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/storage"
)

// ReadFile gives a copy of the file.
func (w *World) ReadFile(_ context.Context, d storage.Dataset, name string) ([]byte, error) {
	if err := storage.CheckFile(d, name); err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if s, ok := w.sets[d]; ok {
		if data, ok := s.files[name]; ok {
			return []byte(data), nil
		}
	}
	return nil, fault.New("read", fault.NotFound, d.String()+"/"+name, nil)
}

// WriteFile plans the new content on the present one.
func (w *World) WriteFile(_ context.Context, d storage.Dataset, name string, data []byte) (storage.Change, error) {
	if err := storage.CheckFile(d, name); err != nil {
		return storage.Change{}, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	s, ok := w.sets[d]
	if !ok {
		return storage.Change{}, storage.NotFound("write", d.Now())
	}
	e := &WriteFile{w: w, Dataset: d, Name: name, Old: s.file(name)}
	if data != nil {
		text := string(data)
		e.New = &text
	}
	if equal(e.Old, e.New) {
		return storage.Change{}, nil
	}
	return storage.Change{Do: []events.Effect{e}}, nil
}

func (s *dataset) file(name string) *string {
	if text, ok := s.files[name]; ok {
		return &text
	}
	return nil
}

func equal(a, b *string) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}

// WriteFile is the effect that replaces one small file.
type WriteFile struct {
	w        *World
	Dataset  storage.Dataset
	Name     string
	Old, New *string // nil: no file
}

// EventType is the effect's name in events.
func (*WriteFile) EventType() string { return "storage.write" }

// EventTitle is for people.
func (e *WriteFile) EventTitle() string { return "write " + e.EventKey() }

// EventKey is the file.
func (e *WriteFile) EventKey() string { return e.Dataset.String() + "/" + e.Name }

// Do replaces the file, if it is as it was.
func (e *WriteFile) Do(context.Context) error {
	if !e.replace(e.Old, e.New) {
		return events.Untouched(storage.Changed("write "+e.Name, e.Dataset.Now()))
	}
	return nil
}

// Undo brings the old content back if the new one is still there.
func (e *WriteFile) Undo(context.Context) error {
	e.replace(e.New, e.Old)
	return nil
}

func (e *WriteFile) replace(from, to *string) bool {
	e.w.mu.Lock()
	defer e.w.mu.Unlock()
	s, ok := e.w.sets[e.Dataset]
	if !ok || !equal(s.file(e.Name), from) {
		return false
	}
	if to == nil {
		delete(s.files, e.Name)
	} else {
		s.files[e.Name] = *to
	}
	return true
}
