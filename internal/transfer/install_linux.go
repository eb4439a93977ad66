package transfer

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/internal/filetree"
	"github.com/libioc/ioc/sandbox"
	"github.com/libioc/ioc/storage"
)

// Move is one name that an Install gives to what was staged.
type Move struct {
	Name    string // in the goal's directory, and in the staged tree
	Replace bool   // a file has that name
}

// Install is the effect that gives what was staged its names: a directory that is there gets what is in it, a
// file that is there is replaced and kept until the commit.
type Install struct {
	Place Place
	Dir   string
	Token string
	Moves []Move

	opener sandbox.Opener
}

// EventType is copy.install.
func (*Install) EventType() string { return "copy.install" }

// EventTitle is for people.
func (e *Install) EventTitle() string {
	if len(e.Moves) == 1 {
		return "install " + path.Join("/", e.Dir, e.Moves[0].Name)
	}
	return fmt.Sprintf("install %d files in %s", len(e.Moves), path.Join("/", e.Dir))
}

// EventKey is the goal's directory.
func (e *Install) EventKey() string { return path.Join("/", e.Dir) }

// Install plans what is renamed, now that all is staged. A directory that would take a file's place, or a file that
// would take a directory's, is refused.
func (c *Copy) Install(ctx context.Context) (events.Effect, error) {
	s := c.stage
	e := &Install{Place: s.Place, Dir: s.Dir, Token: s.Token, opener: c.opener}
	return e, e.with(ctx, func(goal, stage *os.File) error {
		staged, err := at(stage, fresh)
		if err != nil {
			return err
		}
		defer staged.Close() //nolint:errcheck // read-only
		return filetree.WalkFrom(ctx, staged, ".", func(entry *filetree.Entry) error {
			if entry.Name == "." {
				return nil
			}
			kind, err := kindAt(goal, entry.Name)
			switch {
			case err != nil:
				return err
			case kind == 0:
				e.Moves = append(e.Moves, Move{Name: entry.Name})
				return filetree.SkipDir
			case entry.IsDir() && kind == unix.S_IFDIR:
				return nil
			case entry.IsDir():
				return fault.New("copy", fault.Invalid, path.Join("/", s.Dir, entry.Name), errors.New("it is no directory, and a directory cannot replace it"))
			case kind == unix.S_IFDIR:
				return fault.New("copy", fault.Invalid, path.Join("/", s.Dir, entry.Name), errors.New("it is a directory, and a file cannot replace it"))
			}
			e.Moves = append(e.Moves, Move{entry.Name, true})
			return nil
		})
	})
}

// kindAt is the type of a name in a tree, 0 if there is none. Links on the way are not followed: where the staged
// tree has a directory, the other must have one, too.
func kindAt(dir *os.File, name string) (uint32, error) {
	parent, err := inside(dir, path.Dir(name))
	if err != nil {
		return 0, err
	}
	defer parent.Close() //nolint:errcheck // a path descriptor
	var st unix.Stat_t
	err = unix.Fstatat(int(parent.Fd()), path.Base(name), &st, unix.AT_SYMLINK_NOFOLLOW)
	if err == unix.ENOENT {
		return 0, nil
	}
	return st.Mode & unix.S_IFMT, err
}

// inside opens a directory below dir by a path without links.
func inside(dir *os.File, name string) (*os.File, error) {
	how := unix.OpenHow{
		Flags:   unix.O_PATH | unix.O_DIRECTORY | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_XDEV,
	}
	fd, err := unix.Openat2(int(dir.Fd()), name, &how)
	if err != nil {
		return nil, classified("open", name, err)
	}
	return os.NewFile(uintptr(fd), name), nil
}

// with opens the goal's directory and the staging one.
func (e *Install) with(ctx context.Context, f func(goal, stage *os.File) error) error {
	t, err := e.Place.open(ctx, e.opener)
	if err != nil {
		return err
	}
	defer t.Close()
	goal, err := t.opened(e.Dir)
	if err != nil {
		return err
	}
	defer goal.Close() //nolint:errcheck // read-only
	stage, err := at(goal, stageName(e.Token))
	if err != nil {
		return err
	}
	defer stage.Close() //nolint:errcheck // read-only
	return f(goal, stage)
}

// Do renames one name after the other. What is replaced gets a second name first, so that it is there at every
// moment under the first.
func (e *Install) Do(ctx context.Context) error {
	return e.with(ctx, func(goal, stage *os.File) error {
		for i, m := range e.Moves {
			if err := ctx.Err(); err != nil {
				return context.Cause(ctx)
			}
			if err := e.move(goal, stage, i, m); err != nil {
				return classified("install", path.Join("/", e.Dir, m.Name), err)
			}
			storage.Point(ctx, "moved")
		}
		return filetree.Sync(ctx, fdPath(goal))
	})
}

// ends are the directories that a name is moved between, opened without following a link: whoever is root in a
// running jail can put links wherever he likes while this goes on.
func (e *Install) ends(goal, stage *os.File, m Move) (from, to, kept *os.File, err error) {
	if from, err = inside(stage, path.Dir(fresh+"/"+m.Name)); err != nil {
		return nil, nil, nil, err
	}
	if to, err = inside(goal, path.Dir(m.Name)); err != nil {
		_ = from.Close() // a path descriptor
		return nil, nil, nil, err
	}
	if kept, err = inside(stage, before); err != nil {
		_ = from.Close() // path descriptors
		_ = to.Close()
		return nil, nil, nil, err
	}
	return from, to, kept, nil
}

func (e *Install) move(goal, stage *os.File, i int, m Move) error {
	from, to, kept, err := e.ends(goal, stage, m)
	if err != nil {
		return err
	}
	defer closeAll(from, to, kept)
	base := path.Base(m.Name)
	if !m.Replace {
		return unix.Renameat2(int(from.Fd()), base, int(to.Fd()), base, unix.RENAME_NOREPLACE)
	}
	if err := unix.Linkat(int(to.Fd()), base, int(kept.Fd()), strconv.Itoa(i), 0); err != nil {
		return err
	}
	return unix.Renameat(int(from.Fd()), base, int(to.Fd()), base)
}

func closeAll(files ...*os.File) {
	for _, f := range files {
		_ = f.Close() // path descriptors
	}
}

// Undo gives back every name, last first. Where a name is in the staged tree still it was not installed.
func (e *Install) Undo(ctx context.Context) error {
	err := e.with(ctx, func(goal, stage *os.File) error {
		for i := len(e.Moves) - 1; i >= 0; i-- {
			if err := e.back(goal, stage, i, e.Moves[i]); err != nil {
				return classified("undo", path.Join("/", e.Dir, e.Moves[i].Name), err)
			}
		}
		return filetree.Sync(ctx, fdPath(goal)) // what is told to be undone is undone also after a power cut
	})
	if errors.Is(err, fault.NotFound) {
		return nil // nothing was staged, or all of it is undone
	}
	return err
}

func (e *Install) back(goal, stage *os.File, i int, m Move) error {
	from, to, kept, err := e.ends(goal, stage, m)
	if errors.Is(err, fault.NotFound) {
		return nil // somebody removed the directory
	}
	if err != nil {
		return err
	}
	defer closeAll(from, to, kept)
	base, old := path.Base(m.Name), strconv.Itoa(i)
	switch staged := exists(int(from.Fd()), base); {
	case m.Replace && staged:
		return gone(unix.Unlinkat(int(kept.Fd()), old, 0))
	case m.Replace:
		return gone(unix.Renameat(int(kept.Fd()), old, int(to.Fd()), base))
	case staged:
		return nil
	}
	return gone(unix.Renameat2(int(to.Fd()), base, int(from.Fd()), base, unix.RENAME_NOREPLACE))
}

// gone takes what is not there for done.
func gone(err error) error {
	if err == unix.ENOENT {
		return nil
	}
	return err
}

func exists(dir int, name string) bool {
	var st unix.Stat_t
	return unix.Fstatat(dir, name, &st, unix.AT_SYMLINK_NOFOLLOW) == nil
}

// Sweep is the deferred effect that removes the staging directory with what was replaced.
type Sweep struct {
	Place Place
	Dir   string
	Token string

	opener sandbox.Opener
}

// EventType is copy.sweep.
func (*Sweep) EventType() string { return "copy.sweep" }

// EventTitle is for people.
func (e *Sweep) EventTitle() string { return "remove what was replaced in " + e.EventKey() }

// EventKey is the goal's directory.
func (e *Sweep) EventKey() string { return path.Join("/", e.Dir) }

// Do removes it.
func (e *Sweep) Do(ctx context.Context) error {
	return remove(ctx, e.Place, e.opener, e.Dir, e.Token, nil)
}

// Undo is never called: Do runs when all is final.
func (*Sweep) Undo(context.Context) error { return nil }
