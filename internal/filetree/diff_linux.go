package filetree

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/libioc/ioc/storage"
)

// Listing is what a tree shows, put together from one directory or several.
type Listing struct{ files map[string]listed }

// listed is where a file is, and what it was when it was found.
type listed struct {
	dir  string
	stat unix.Stat_t
}

// NewListing is that of an empty tree.
func NewListing() *Listing { return &Listing{map[string]listed{}} }

// Fill adds all of a directory.
func (l *Listing) Fill(ctx context.Context, dir string) error {
	return Walk(ctx, dir, func(e *Entry) error { l.Add(dir, e); return nil })
}

// Add puts an entry of dir in the place of what has its name. What is below a directory stays below a directory.
func (l *Listing) Add(dir string, e *Entry) {
	if !e.IsDir() {
		l.Drop(e.Name)
	}
	l.files[e.Name] = listed{dir, e.Stat}
}

// Drop removes a name, and all below it.
func (l *Listing) Drop(name string) {
	was, ok := l.files[name]
	if !ok {
		return
	}
	delete(l.files, name)
	if was.stat.Mode&unix.S_IFMT == unix.S_IFDIR {
		maps.DeleteFunc(l.files, func(other string, _ listed) bool { return strings.HasPrefix(other, name+"/") })
	}
}

// Diff compares two states of one tree, of which the earlier one was kept at a moment. The content of a file is not read
// if it was changed last more than two seconds before that: there are file systems that count in seconds. With a zero moment all
// files are read. One that has gone since it was listed counts as changed.
func (l *Listing) Diff(ctx context.Context, to *Listing, kept time.Time) ([]storage.Difference, error) {
	var all []storage.Difference
	add := func(name string, how storage.How) { all = append(all, storage.Difference{Path: name, How: how}) }
	for name := range to.files {
		if _, was := l.files[name]; !was {
			add(name, storage.Added)
		}
	}
	for name, was := range l.files {
		if err := ctx.Err(); err != nil {
			return nil, context.Cause(ctx)
		}
		is, ok := to.files[name]
		if !ok {
			add(name, storage.Removed)
			continue
		}
		same, err := equal(was, is, name, kept)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, err
		}
		if !same {
			add(name, storage.Altered)
		}
	}
	slices.SortFunc(all, func(a, b storage.Difference) int { return cmp.Compare(a.Path, b.Path) })
	return all, nil
}

func equal(a, b listed, name string, kept time.Time) (bool, error) {
	x, y := &a.stat, &b.stat
	kind := x.Mode & unix.S_IFMT
	file := kind == unix.S_IFREG
	switch {
	case x.Mode != y.Mode, x.Uid != y.Uid, x.Gid != y.Gid, file && (x.Size != y.Size || x.Mtim != y.Mtim):
		return false, nil
	case a.dir == b.dir && x.Ino == y.Ino: // of a layer that both have
		return true, nil
	case kind == unix.S_IFCHR || kind == unix.S_IFBLK:
		return x.Rdev == y.Rdev, nil
	case kind != unix.S_IFLNK && kind != unix.S_IFDIR && !file:
		return true, nil
	}
	e, closeE, err := a.entry(name)
	if err != nil {
		return false, err
	}
	defer closeE()
	f, closeF, err := b.entry(name)
	if err != nil {
		return false, err
	}
	defer closeF()
	if kind == unix.S_IFLNK {
		one, err := e.Readlink()
		two, err2 := f.Readlink()
		return one == two, errors.Join(err, err2)
	}
	one, err := e.Attr()
	two, err2 := f.Attr()
	if err := errors.Join(err, err2); err != nil {
		return false, err
	}
	for _, attrs := range []map[string][]byte{one.Xattrs, two.Xattrs} {
		maps.DeleteFunc(attrs, func(key string, _ []byte) bool { return layerMark(key) })
	}
	switch {
	case !maps.EqualFunc(one.Xattrs, two.Xattrs, bytes.Equal):
		return false, nil
	case !file, x.Ino == y.Ino && x.Ctim == y.Ctim && time.Unix(x.Ctim.Unix()).Before(kept.Add(-2*time.Second)): // not of attributes
		return true, nil
	}
	return sameContent(e, f)
}

// entry finds the file again, without following a link on the way.
func (l listed) entry(name string) (*Entry, func(), error) {
	dir, base := path.Split(name)
	root, err := os.OpenRoot(l.dir)
	if err != nil {
		return nil, nil, err
	}
	defer root.Close() //nolint:errcheck // read-only
	parent, err := root.Open(path.Join(".", dir))
	if err != nil {
		return nil, nil, err
	}
	return &Entry{Name: name, Stat: l.stat, at: int(parent.Fd()), base: base}, func() { _ = parent.Close() }, nil
}

func sameContent(a, b *Entry) (bool, error) {
	one, err := a.Open()
	if err != nil {
		return false, err
	}
	defer one.Close() //nolint:errcheck // read-only
	two, err := b.Open()
	if err != nil {
		return false, err
	}
	defer two.Close() //nolint:errcheck // read-only
	x, y := make([]byte, 64<<10), make([]byte, 64<<10)
	for {
		n, err := io.ReadFull(one, x)
		m, err2 := io.ReadFull(two, y)
		if !bytes.Equal(x[:n], y[:m]) {
			return false, nil
		}
		if err == nil && err2 == nil {
			continue
		}
		for _, err := range []error{err, err2} {
			if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
				return false, err
			}
		}
		return true, nil
	}
}
