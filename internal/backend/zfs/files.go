package zfs

import (
	"context"
	"fmt"
	"os"
	"unicode/utf8"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/internal/smallfile"
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
func (d *Driver) WriteFile(_ context.Context, set storage.Dataset, name string, data []byte) (storage.Change, error) {
	if err := validFile(set, name); err != nil {
		return storage.Change{}, err
	}
	if !exists(d.p.dir(set)) {
		return storage.Change{}, storage.NotFound("write", set.Now())
	}
	w, err := smallfile.Plan(d.p.dir(set), set, name, data)
	switch {
	case err != nil:
		return storage.Change{}, fault.New("read", kindOf(err), set.String()+"/"+name, err)
	case w == nil:
		return storage.Change{}, nil
	}
	return storage.Change{Do: []events.Effect{&WriteFile{d.p, *w}}}, nil
}

// WriteFile is the effect that replaces one small file.
type WriteFile struct {
	Place Place
	smallfile.Write
}

// EventType is the effect's name in events.
func (*WriteFile) EventType() string { return "storage.write" }

// EventKey is the file.
func (e *WriteFile) EventKey() string { return e.File() }

// Do replaces the file, if it is as it was.
func (e *WriteFile) Do(ctx context.Context) error { return e.DoIn(ctx, e.Place.dir(e.Dataset)) }

// Undo brings the old content back if the new one is still there.
func (e *WriteFile) Undo(context.Context) error { return e.UndoIn(e.Place.dir(e.Dataset)) }

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
