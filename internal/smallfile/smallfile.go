// Package smallfile replaces the small files that are kept beside a dataset's root, config.json and fstab
// among them, as part of an effect.
//
// It owns what is written when, and how it is taken back. It refuses to know where a dataset is: a storage
// driver's effect embeds a [Write] and says in which directory the file is.
package smallfile

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/internal/atomicfile"
	"github.com/libioc/ioc/storage"
)

// Write is a file's change from one content to another.
type Write struct {
	Dataset  storage.Dataset
	Name     string
	Old, New *Content // nil: no file
}

// Content is a small file's.
type Content struct{ Data []byte }

// Plan gives the change of set's file name in dir to data, or with nil to no file. It is nil if there is none. The error
// of a file that cannot be read is as the kernel gave it.
func Plan(dir string, set storage.Dataset, name string, data []byte) (*Write, error) {
	w := &Write{Dataset: set, Name: name}
	if data != nil {
		w.New = &Content{data}
	}
	var err error
	if w.Old, err = w.now(dir); err != nil || w.Old.equal(w.New) {
		return nil, err
	}
	return w, nil
}

func (c *Content) equal(o *Content) bool {
	if c == nil || o == nil {
		return c == o
	}
	return string(c.Data) == string(o.Data)
}

// File names the file.
func (w *Write) File() string { return w.Dataset.String() + "/" + w.Name }

// EventTitle is for people.
func (w *Write) EventTitle() string { return "write " + w.File() }

// DoIn replaces the file in dir, if it is as it was. An error says whether anything has been touched.
func (w *Write) DoIn(ctx context.Context, dir string) error {
	now, err := w.now(dir)
	if err != nil {
		return events.Untouched(err)
	}
	if !now.equal(w.Old) {
		return events.Untouched(storage.Changed("write "+w.Name, w.Dataset.Now()))
	}
	storage.Point(ctx, "before the switch")
	return w.set(dir, w.New)
}

// UndoIn brings the old content back if the new one is still there. Of a dataset that is gone there is nothing to bring back.
func (w *Write) UndoIn(dir string) error {
	if _, err := os.Lstat(dir); err != nil {
		return nil //nolint:nilerr // it is gone
	}
	if err := atomicfile.Sweep(filepath.Join(dir, w.Name)); err != nil {
		return err
	}
	now, err := w.now(dir)
	if err != nil || !now.equal(w.New) {
		return err
	}
	return w.set(dir, w.Old)
}

func (w *Write) now(dir string) (*Content, error) {
	data, err := atomicfile.ReadFile(filepath.Join(dir, w.Name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil //nolint:nilnil // nil is a content
	}
	return &Content{data}, err
}

func (w *Write) set(dir string, c *Content) error {
	path := filepath.Join(dir, w.Name)
	if c != nil {
		return atomicfile.WriteFile(path, c.Data, 0o600)
	}
	return atomicfile.Remove(path)
}
