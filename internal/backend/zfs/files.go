package zfs

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

// validFile keeps callers away from the directories that are file systems of their own.
func validFile(set storage.Dataset, name string) error {
	if name == "root" || !utf8.ValidString(name) {
		return fault.New("file", fault.Invalid, set.String(), fmt.Errorf("%q is no name for a file of a dataset", name))
	}
	return storage.CheckFile(set, name)
}

// WriteFile plans the new content on the present one.
func (d *Driver) WriteFile(ctx context.Context, set storage.Dataset, name string, data []byte) (storage.Change, error) {
	if err := validFile(set, name); err != nil {
		return storage.Change{}, err
	}
	if !exists(d.p.dir(set)) {
		return storage.Change{}, storage.NotFound("write", set.Now())
	}
	e := &WriteFile{Place: d.p, Dataset: set, Name: name, New: content(data)}
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
	Place    Place
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
	if !exists(e.Place.dir(e.Dataset)) {
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
	return filepath.Join(e.Place.dir(e.Dataset), e.Name)
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

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// syncDir makes the names in dir durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
