package overlay

import (
	"context"
	"errors"
	"os"
	"reflect"
	"strings"

	"github.com/libioc/ioc/internal/filetree"
	"github.com/libioc/ioc/storage"
)

// newLayer makes the layer id with what fill puts into it, and durable. Nobody names it yet.
func (l layout) newLayer(ctx context.Context, id string, fill func(dir string) error) error {
	if err := l.makeLayer(ctx, id, fill); err != nil {
		return err
	}
	return l.syncLayer(id)
}

// makeLayer makes a layer that may be lost with the power.
func (l layout) makeLayer(ctx context.Context, id string, fill func(dir string) error) error {
	if err := os.Mkdir(l.layer(id), 0o700); err != nil {
		return err
	}
	for _, sub := range []string{l.fs(id), l.work(id)} {
		if err := os.Mkdir(sub, 0o755); err != nil {
			return err
		}
	}
	storage.Point(ctx, "layer begun")
	if err := fill(l.fs(id)); err != nil {
		return err
	}
	storage.Point(ctx, "layer filled")
	return nil
}

// syncLayer makes the names of a layer durable; what is further down is the matter of who has filled it.
func (l layout) syncLayer(id string) error {
	return syncDirs(l.fs(id), l.layer(id), l.layer(""))
}

// emptyLike fills a layer that is to lie on top of the directory below: the top directory of a
// layer hides the attributes of those below it.
func emptyLike(ctx context.Context, below string) func(dir string) error {
	return func(dir string) error {
		w, err := filetree.NewWriter(dir, options(false))
		if err != nil {
			return err
		}
		err = filetree.Walk(ctx, below, func(e *filetree.Entry) error {
			a, err := e.Attr()
			if err != nil {
				return err
			}
			return errors.Join(w.Mkdir(".", a), filetree.SkipDir)
		})
		return errors.Join(err, w.Close())
	}
}

// pristine reports whether nothing was written to the layer at dir since emptyLike made it.
func pristine(ctx context.Context, dir, below string) (bool, error) {
	top := func(dir string) (a storage.Attr, entries int, err error) {
		err = filetree.Walk(ctx, dir, func(e *filetree.Entry) error {
			if e.Name != "." {
				entries++
				return errDone
			}
			a, err = e.Attr()
			for key := range a.Xattrs {
				if mark(key) {
					delete(a.Xattrs, key)
				}
			}
			return err
		})
		if errors.Is(err, errDone) {
			err = nil
		}
		return a, entries, err
	}
	own, entries, err := top(dir)
	if err != nil || entries > 0 {
		return false, err
	}
	want, _, err := top(below)
	if !privileged() {
		want.UID, want.GID = own.UID, own.GID // it could not be given to its owner
	}
	if len(own.Xattrs)+len(want.Xattrs) == 0 {
		own.Xattrs, want.Xattrs = nil, nil
	}
	return own.ModTime.Equal(want.ModTime) && own.Mode == want.Mode && own.UID == want.UID && own.GID == want.GID &&
		reflect.DeepEqual(own.Xattrs, want.Xattrs), err
}

var errDone = errors.New("done")

// options of a Writer; layers keeps the kernel's marks.
func options(layers bool) filetree.Options {
	return filetree.Options{Owners: privileged(), Devices: privileged(), Layers: layers}
}

// mark tells the kernel's marks from other attributes.
func mark(key string) bool {
	return strings.HasPrefix(key, "trusted.overlay.") || strings.HasPrefix(key, "user.overlay.")
}
