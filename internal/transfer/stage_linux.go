package transfer

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/internal/filetree"
	"github.com/libioc/ioc/release"
	"github.com/libioc/ioc/sandbox"
	"github.com/libioc/ioc/storage"
)

// Names in a staging directory.
const (
	fresh  = "new"
	before = "old"
)

// stagePrefix begins the names of staging directories. They are random, so that what is found under one was made
// under it.
const stagePrefix = ".ioc-copy"

// Stage is the effect that writes a copy into a directory of its own beside its goal.
type Stage struct {
	Place Place
	Dir   string // where the goal is, without links
	Token string
	Name  string // of the goal in Dir; empty: everything goes into Dir itself
	Time  int64  // of Dir's last change before all this, in nanoseconds

	opener sandbox.Opener
	from   Source
	opts   Options
}

// EventType is copy.stage.
func (*Stage) EventType() string { return "copy.stage" }

// EventTitle is for people.
func (e *Stage) EventTitle() string { return "write " + e.EventKey() }

// EventKey is the goal.
func (e *Stage) EventKey() string { return path.Join("/", e.Dir, e.Name) }

func stageName(token string) string { return stagePrefix + token }

// Do writes everything.
func (e *Stage) Do(ctx context.Context) error {
	t, err := e.Place.open(ctx, e.opener)
	if err != nil {
		return events.Untouched(err)
	}
	defer t.Close()
	dir, err := t.opened(e.Dir)
	if err != nil {
		return events.Untouched(err)
	}
	defer dir.Close() //nolint:errcheck // read-only
	if err := unix.Mkdirat(int(dir.Fd()), stageName(e.Token), 0o700); err != nil {
		return events.Untouched(classified("write", e.EventKey(), err))
	}
	stage, err := at(dir, stageName(e.Token))
	if err != nil {
		return err
	}
	defer stage.Close() //nolint:errcheck // read-only
	for _, name := range []string{fresh, before} {
		if err := unix.Mkdirat(int(stage.Fd()), name, 0o700); err != nil {
			return classified("write", e.EventKey(), err)
		}
	}
	storage.Point(ctx, "room made")
	to, err := at(stage, fresh)
	if err != nil {
		return err
	}
	defer to.Close() //nolint:errcheck // read-only
	if err := e.fill(ctx, fdPath(to)); err != nil {
		return err
	}
	storage.Point(ctx, "filled")
	return filetree.Sync(ctx, fdPath(to))
}

// at opens a directory in a directory.
func at(dir *os.File, name string) (*os.File, error) {
	fd, err := unix.Openat(int(dir.Fd()), name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, classified("open", name, err)
	}
	return os.NewFile(uintptr(fd), name), nil
}

func (e *Stage) fill(ctx context.Context, dir string) (err error) {
	root := os.Geteuid() == 0
	w, err := filetree.NewWriter(dir, filetree.Options{Owners: root})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	if e.from.Archive != nil {
		policy := release.Policy{}
		if !e.opts.Setuid {
			policy.Setuid = release.Drop
		}
		_, err := release.Reader("the archive", e.from.Archive).Write(ctx, release.Target{
			Tree: &owned{w, e.opts}, Policy: policy,
			Progress: func(done, total int64) error {
				return events.Report(ctx, events.Amount{Done: done, Total: total, Unit: "bytes"})
			},
		})
		return err
	}
	parent, base, err := e.from.find(ctx, e.opener)
	if err != nil {
		return err
	}
	defer parent.Close() //nolint:errcheck // read-only
	c := filetree.NewCopier(w)
	c.Rename = func(name string) string { return path.Join(e.Name, name) }
	c.Change = e.opts.change
	var done int64
	return filetree.WalkFrom(ctx, parent, base, func(entry *filetree.Entry) error {
		switch entry.Stat.Mode & unix.S_IFMT {
		case unix.S_IFREG, unix.S_IFDIR, unix.S_IFLNK:
		default:
			return filetree.SkipDir // sockets, pipes and devices mean nothing elsewhere
		}
		if strings.HasPrefix(path.Base(entry.Name), stagePrefix) {
			return filetree.SkipDir // another copy on its way
		}
		if e.Name == "" && entry.Name == "." {
			return nil // it is there
		}
		if err := c.Copy(entry); err != nil {
			return classifiedAs(path.Join(e.EventKey(), entry.Name), err)
		}
		if entry.Stat.Mode&unix.S_IFMT == unix.S_IFREG {
			done += entry.Stat.Size
		}
		return events.Report(ctx, events.Amount{Done: done, Unit: "bytes"})
	})
}

func classifiedAs(name string, err error) error {
	return fault.New("copy", fault.Unknown, name, err)
}

// change makes a file's attributes what they are to be on the other side.
func (o Options) change(a *storage.Attr) {
	if !o.Owners {
		a.UID, a.GID = o.UID, o.GID
	}
	if !o.Setuid {
		if a.Mode.IsRegular() {
			a.Mode &^= fs.ModeSetuid | fs.ModeSetgid
		}
		delete(a.Xattrs, "security.capability")
	}
}

// owned is a tree whose files get the attributes of the options.
type owned struct {
	*filetree.Writer
	opts Options
}

// Mkdir, File and Symlink are Writer's.
func (o *owned) Mkdir(name string, a storage.Attr) error {
	if name == "." {
		return nil // it is there
	}
	o.opts.change(&a)
	return o.Writer.Mkdir(name, a)
}

func (o *owned) File(name string, a storage.Attr, content io.Reader) error {
	o.opts.change(&a)
	return o.Writer.File(name, a, content)
}

func (o *owned) Symlink(name, target string, a storage.Attr) error {
	o.opts.change(&a)
	return o.Writer.Symlink(name, target, a)
}

// Node leaves out what means nothing elsewhere.
func (*owned) Node(string, storage.Attr, uint32, uint32) error { return nil }

// Undo removes the staging directory, which has a name that nobody else uses, and lets its directory look as if there
// had been none.
func (e *Stage) Undo(ctx context.Context) error {
	return remove(ctx, e.Place, e.opener, e.Dir, e.Token, func(dir *os.File) error {
		t := unix.NsecToTimespec(e.Time)
		return unix.UtimesNanoAt(unix.AT_FDCWD, fdPath(dir), []unix.Timespec{t, t}, 0)
	})
}

// remove removes a staging directory for good, and then calls last on the one it was in. One that is not there is removed.
func remove(ctx context.Context, p Place, o sandbox.Opener, in, token string, last func(dir *os.File) error) error {
	t, err := p.open(ctx, o)
	if errors.Is(err, fault.NotFound) {
		return nil // the whole tree is gone
	}
	if err != nil {
		return err
	}
	defer t.Close()
	dir, err := t.opened(in)
	if errors.Is(err, fault.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	defer dir.Close() //nolint:errcheck // read-only
	there := exists(int(dir.Fd()), stageName(token))
	err = filetree.Remove(ctx, fdPath(dir)+"/"+stageName(token))
	if err == nil && there && last != nil {
		err = last(dir)
	}
	if err != nil {
		return err
	}
	return dir.Sync() // else a power cut brings it back when nobody knows of it any more
}

// Register makes the effects known.
func Register(r *events.Registry, o sandbox.Opener) {
	events.Register[Stage](r, "transfer.stage.v1", events.Bind(func(e *Stage) { e.opener = o }))
	events.Register[Install](r, "transfer.install.v1", events.Bind(func(e *Install) { e.opener = o }))
	events.Register[Sweep](r, "transfer.sweep.v1", events.Bind(func(e *Sweep) { e.opener = o }))
}
