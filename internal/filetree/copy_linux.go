package filetree

import (
	"context"
	"errors"
	"io/fs"

	"golang.org/x/sys/unix"

	"github.com/libioc/ioc/storage"
)

// inode identifies a file whatever its names.
type inode struct{ dev, ino uint64 }

// Copy copies the tree src to the empty directory dst: hard links, holes, owners, times and extended
// attributes included, as far as o lets it. Content is shared where the file system can.
func Copy(ctx context.Context, dst, src string, o Options) (err error) {
	w, err := NewWriter(dst, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	c := Copier{W: w, names: map[inode]string{}}
	return Walk(ctx, src, c.Copy)
}

// Copier copies entries of one tree to a Writer.
type Copier struct {
	W      *Writer
	Rename func(name string) string // gives entries other names; nil: they keep theirs
	Change func(*storage.Attr)      // gives them other attributes; nil: they keep theirs

	names map[inode]string // of files with several names: the first one copied
}

// NewCopier returns a Copier to w.
func NewCopier(w *Writer) *Copier { return &Copier{W: w, names: map[inode]string{}} }

// Copy copies one entry; of a directory, only itself.
func (c *Copier) Copy(e *Entry) error {
	a, err := e.Attr()
	if err != nil {
		return err
	}
	name := e.Name
	if c.Rename != nil {
		name = c.Rename(name)
	}
	if c.Change != nil {
		c.Change(&a)
	}
	if e.IsDir() {
		return c.W.Mkdir(name, a)
	}
	id := inode{e.Stat.Dev, e.Stat.Ino}
	if e.Stat.Nlink > 1 {
		if first, ok := c.names[id]; ok {
			return c.W.Link(name, first)
		}
	}
	switch a.Mode.Type() {
	case 0:
		f, err := e.Open()
		if err != nil {
			return err
		}
		err = c.W.File(name, a, f)
		if err := errors.Join(err, f.Close()); err != nil {
			return err
		}
	case fs.ModeSymlink:
		target, err := e.Readlink()
		if err != nil {
			return err
		}
		if err := c.W.Symlink(name, target, a); err != nil {
			return err
		}
	default:
		if err := c.W.Node(name, a, unix.Major(e.Stat.Rdev), unix.Minor(e.Stat.Rdev)); err != nil {
			return err
		}
	}
	if e.Stat.Nlink > 1 {
		c.names[id] = name
	}
	return nil
}

// Size adds up the bytes on disk of trees, a file with several names once.
type Size struct {
	Bytes int64
	seen  map[inode]bool
}

// Add adds the tree at dir.
func (s *Size) Add(ctx context.Context, dir string) error {
	if s.seen == nil {
		s.seen = map[inode]bool{}
	}
	return Walk(ctx, dir, func(e *Entry) error {
		if e.Stat.Nlink > 1 && !e.IsDir() {
			id := inode{e.Stat.Dev, e.Stat.Ino}
			if s.seen[id] {
				return nil
			}
			s.seen[id] = true
		}
		s.Bytes += e.Stat.Blocks * 512
		return nil
	})
}
