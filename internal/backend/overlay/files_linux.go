package overlay

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"unicode/utf8"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/internal/atomicfile"
	"github.com/libioc/ioc/storage"
)

// validFile keeps callers away from the driver's own files.
func validFile(set storage.Dataset, name string) error {
	if name == stateFile || name == "root" || !utf8.ValidString(name) {
		return fault.New("file", fault.Invalid, set.String(), fmt.Errorf("%q is no name for a file of a dataset", name))
	}
	return storage.CheckFile(set, name)
}

// ReadFile reads one file.
func (d *Driver) ReadFile(_ context.Context, set storage.Dataset, name string) ([]byte, error) {
	if err := validFile(set, name); err != nil {
		return nil, err
	}
	data, err := atomicfile.ReadFile(filepath.Join(d.l.dir(set), name))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fault.New("read", fault.NotFound, set.String()+"/"+name, nil)
	case err != nil:
		return nil, fault.New("read", kindOf(err), set.String()+"/"+name, err)
	}
	return data, nil
}

// WriteFile plans the new content on the present one.
func (d *Driver) WriteFile(ctx context.Context, set storage.Dataset, name string, data []byte) (storage.Change, error) {
	if err := validFile(set, name); err != nil {
		return storage.Change{}, err
	}
	if !exists(d.l.dir(set)) {
		return storage.Change{}, storage.NotFound("write", set.Now())
	}
	e := &WriteFile{Root: string(d.l), Dataset: set, Name: name, New: content(data)}
	old, err := d.ReadFile(ctx, set, name)
	switch {
	case err == nil:
		e.Old = content(old)
	case !errors.Is(err, fault.NotFound):
		return storage.Change{}, err
	}
	if e.Old.equal(e.New) {
		return storage.Change{}, nil
	}
	return storage.Change{Do: []events.Effect{e}}, nil
}

// WriteFile is the effect that replaces one small file.
type WriteFile struct {
	Root     string
	Dataset  storage.Dataset
	Name     string
	Old, New *Content // nil: no file
}

// Content is a small file's.
type Content struct{ Data []byte }

func content(data []byte) *Content {
	if data == nil {
		return nil
	}
	return &Content{data}
}

func (c *Content) equal(o *Content) bool {
	if c == nil || o == nil {
		return c == o
	}
	return string(c.Data) == string(o.Data)
}

// EventType is the effect's name in events.
func (*WriteFile) EventType() string { return "storage.write" }

// EventTitle is for people.
func (e *WriteFile) EventTitle() string { return "write " + e.EventKey() }

// EventKey is the file.
func (e *WriteFile) EventKey() string { return e.Dataset.String() + "/" + e.Name }

// Do replaces the file, if it is as it was.
func (e *WriteFile) Do(ctx context.Context) error {
	now, err := e.now()
	if err != nil {
		return events.Untouched(err)
	}
	if !now.equal(e.Old) {
		return events.Untouched(storage.Changed("write "+e.Name, e.Dataset.Now()))
	}
	storage.Point(ctx, "before the switch")
	return e.set(e.New)
}

// Undo brings the old content back if the new one is still there.
func (e *WriteFile) Undo(context.Context) error {
	if !exists(layout(e.Root).dir(e.Dataset)) {
		return nil
	}
	if err := atomicfile.Sweep(e.path()); err != nil {
		return err
	}
	now, err := e.now()
	if err != nil || !now.equal(e.New) {
		return err
	}
	return e.set(e.Old)
}

func (e *WriteFile) path() string {
	return filepath.Join(layout(e.Root).dir(e.Dataset), e.Name)
}

func (e *WriteFile) now() (*Content, error) {
	data, err := os.ReadFile(e.path())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil //nolint:nilnil // nil is a content
	}
	return &Content{data}, err
}

func (e *WriteFile) set(c *Content) error {
	if c != nil {
		return atomicfile.WriteFile(e.path(), c.Data, 0o600)
	}
	if err := os.Remove(e.path()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return syncDir(filepath.Dir(e.path()))
}
