package embedded

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/libioc/ioc/fault"
)

// Stats tells what Unpack wrote.
type Stats struct {
	Files int64 // files, links and directories
	Bytes int64 // in files
}

// stamp is the time of every file: the second of January 1980, which every archive format can hold.
func stamp() time.Time { return time.Date(1980, 1, 2, 0, 0, 0, 0, time.UTC) }

// Unpack writes the root file system into dir, which must exist and be empty. Files belong to root if
// the caller is root, and to the caller otherwise; modes and times do not depend on the caller.
//
// Progress, which may be nil, is called with the bytes written so far and their sum, on the caller's
// goroutine; its error ends the unpacking. After an error dir holds a part of the tree, which is the
// caller's to remove. Nothing is synced: a caller that wants the tree to survive a power cut syncs it
// before renaming it to where it counts.
func Unpack(ctx context.Context, dir string, progress func(done, total int64) error) (Stats, error) {
	u, err := begin(ctx, dir, progress)
	if err != nil {
		return Stats{}, fault.New("unpack", fault.Unknown, Name, err)
	}
	err = errors.Join(u.all(), u.root.Close())
	if err != nil {
		return u.stats, fault.New("unpack", fault.Unknown, Name, err)
	}
	return u.stats, nil
}

// unpacking is one run of Unpack.
type unpacking struct {
	ctx      context.Context //nolint:containedctx // it lives as long as the call
	root     *os.Root
	progress func(done, total int64) error
	total    int64
	stats    Stats
	isRoot   bool
}

func begin(ctx context.Context, dir string, progress func(done, total int64) error) (*unpacking, error) {
	if err := Available(); err != nil {
		return nil, err
	}
	names, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	if len(names) > 0 {
		return nil, fault.New("", fault.Exists, dir, errors.New("the directory is not empty"))
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	if progress == nil {
		progress = func(int64, int64) error { return nil }
	}
	return &unpacking{ctx: ctx, root: root, progress: progress, isRoot: os.Geteuid() == 0}, nil
}

func (u *unpacking) all() error {
	list := skeleton(Version())
	size, err := size()
	if err != nil {
		return err
	}
	u.total = size
	for _, e := range list {
		u.total += int64(len(e.text))
	}
	if err := u.root.Chmod(".", 0o755); err != nil {
		return err
	}
	for _, e := range list {
		if err := u.ctx.Err(); err != nil {
			return err
		}
		if err := u.entry(e); err != nil {
			return err
		}
	}
	if err := u.program(); err != nil {
		return err
	}
	// What is written into a directory changes its time, so directories come last, and the deepest first.
	for i := len(list) - 1; i >= 0; i-- {
		if list[i].mode.IsDir() {
			if err := u.root.Chtimes(list[i].name, stamp(), stamp()); err != nil {
				return err
			}
		}
	}
	return u.root.Chtimes(".", stamp(), stamp())
}

// entry makes one file of the skeleton. Modes are set after the fact, because the umask would change
// what is asked for at creation.
func (u *unpacking) entry(e entry) error {
	u.stats.Files++
	switch {
	case e.mode&fs.ModeSymlink != 0:
		if err := u.root.Symlink(e.link, e.name); err != nil {
			return err
		}
		return u.own(e.name)
	case e.mode.IsDir():
		if err := u.root.Mkdir(e.name, 0o700); err != nil {
			return err
		}
	default:
		f, err := u.root.OpenFile(e.name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return err
		}
		_, err = io.WriteString(f, e.text)
		if err := errors.Join(err, f.Close()); err != nil {
			return err
		}
		u.stats.Bytes += int64(len(e.text))
	}
	return u.finish(e.name, e.mode)
}

func (u *unpacking) own(name string) error {
	if !u.isRoot {
		return nil
	}
	return u.root.Lchown(name, 0, 0)
}

func (u *unpacking) finish(name string, mode fs.FileMode) error {
	if err := u.own(name); err != nil {
		return err
	}
	if err := u.root.Chmod(name, mode&(fs.ModePerm|fs.ModeSticky)); err != nil {
		return err
	}
	return u.root.Chtimes(name, stamp(), stamp())
}

// program writes the program in pieces, so that progress can be seen and the context can end it.
func (u *unpacking) program() error {
	const name = "bin/userland"
	r, err := program()
	if err != nil {
		return err
	}
	defer r.Close() //nolint:errcheck // nothing to lose
	f, err := u.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o700)
	if err != nil {
		return err
	}
	u.stats.Files++
	for err == nil {
		var n int64
		if err = u.ctx.Err(); err != nil {
			break
		}
		n, err = io.CopyN(f, r, 1<<20)
		u.stats.Bytes += n
		if err == nil || err == io.EOF {
			if perr := u.progress(u.stats.Bytes, u.total); perr != nil {
				err = perr
			}
		}
	}
	if err == io.EOF {
		err = nil
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return u.finish(name, 0o755)
}
