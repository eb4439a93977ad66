package overlay

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"unicode/utf8"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/internal/atomicfile"
	"github.com/libioc/ioc/internal/smallfile"
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
func (d *Driver) WriteFile(_ context.Context, set storage.Dataset, name string, data []byte) (storage.Change, error) {
	if err := validFile(set, name); err != nil {
		return storage.Change{}, err
	}
	if !exists(d.l.dir(set)) {
		return storage.Change{}, storage.NotFound("write", set.Now())
	}
	w, err := smallfile.Plan(d.l.dir(set), set, name, data)
	switch {
	case err != nil:
		return storage.Change{}, fault.New("read", kindOf(err), set.String()+"/"+name, err)
	case w == nil:
		return storage.Change{}, nil
	}
	return storage.Change{Do: []events.Effect{&WriteFile{string(d.l), *w}}}, nil
}

// WriteFile is the effect that replaces one small file.
type WriteFile struct {
	Root string
	smallfile.Write
}

// EventType is the effect's name in events.
func (*WriteFile) EventType() string { return "storage.write" }

// EventKey is the file.
func (e *WriteFile) EventKey() string { return e.File() }

// Do replaces the file, if it is as it was.
func (e *WriteFile) Do(ctx context.Context) error { return e.DoIn(ctx, layout(e.Root).dir(e.Dataset)) }

// Undo brings the old content back if the new one is still there.
func (e *WriteFile) Undo(context.Context) error { return e.UndoIn(layout(e.Root).dir(e.Dataset)) }
