package overlay

import (
	"context"
	"errors"
	"io/fs"

	"golang.org/x/sys/unix"

	"github.com/libioc/ioc/internal/filetree"
	"github.com/libioc/ioc/storage"
)

// flatten fills a directory with what the stack shows: a complete tree at the bottom, and layers on
// it, oldest first.
func flatten(ctx context.Context, bottom string, layers []string) func(dir string) error {
	return func(dir string) (err error) {
		w, err := filetree.NewWriter(dir, options(false))
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, w.Close()) }()
		if err := filetree.Walk(ctx, bottom, filetree.NewCopier(w).Copy); err != nil {
			return err
		}
		for _, layer := range layers {
			put := &putter{w: w, copy: filetree.NewCopier(w)}
			if err := filetree.Walk(ctx, layer, put.entry); err != nil {
				return err
			}
		}
		return nil
	}
}

// merge fills a layer with what several layers, oldest first, amount to. The files are shared with
// them by hard links: none of them will be written again.
func merge(ctx context.Context, layers []string) func(dir string) error {
	return func(dir string) (err error) {
		w, err := filetree.NewWriter(dir, options(true))
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, w.Close()) }()
		for _, layer := range layers {
			put := &putter{w: w, layer: true}
			if err := filetree.Walk(ctx, layer, put.entry); err != nil {
				return err
			}
		}
		return nil
	}
}

// putter puts a layer on what a Writer has written, as the kernel would show it.
type putter struct {
	w     *filetree.Writer
	copy  *filetree.Copier
	layer bool // what is written is a layer too: marks stay, and files are linked
}

func (p *putter) entry(e *filetree.Entry) error {
	if e.Stat.Mode&unix.S_IFMT == unix.S_IFCHR && e.Stat.Rdev == 0 { // a whiteout: the name is deleted
		if err := p.w.RemoveAll(e.Name); err != nil || !p.layer {
			return err
		}
		return p.w.Node(e.Name, storage.Attr{Mode: fs.ModeDevice | fs.ModeCharDevice}, 0, 0)
	}
	if !e.IsDir() {
		if err := p.w.RemoveAll(e.Name); err != nil {
			return err
		}
		if p.layer {
			return p.w.LinkEntry(e)
		}
		return p.copy.Copy(e)
	}
	a, err := e.Attr()
	if err != nil {
		return err
	}
	opaque := isOpaque(a)
	if opaque != "" {
		// It shows nothing of what is below it.
		if err := p.w.RemoveAll(e.Name); err != nil {
			return err
		}
	}
	old, was := p.w.Lstat(e.Name)
	switch {
	case !p.layer, opaque != "":
	case was && !old.Mode.IsDir():
		// A file or a whiteout kept what is further below from showing; the directory must do so now.
		a.Xattrs = with(a.Xattrs, opaqueMark(), "y")
	case was:
		if key := isOpaque(old); key != "" {
			a.Xattrs = with(a.Xattrs, key, "y")
		}
	}
	return p.w.Mkdir(e.Name, a)
}

// isOpaque gives the name of the mark of a directory that hides the ones below it.
func isOpaque(a storage.Attr) string {
	for _, key := range []string{"trusted.overlay.opaque", "user.overlay.opaque"} {
		if string(a.Xattrs[key]) == "y" {
			return key
		}
	}
	return ""
}

func opaqueMark() string {
	if privileged() {
		return "trusted.overlay.opaque"
	}
	return "user.overlay.opaque"
}

func with(m map[string][]byte, key, value string) map[string][]byte {
	c := map[string][]byte{key: []byte(value)}
	for k, v := range m {
		if k != key {
			c[k] = v
		}
	}
	return c
}
