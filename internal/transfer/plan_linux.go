package transfer

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/sandbox"
)

// Copy is a copy that was planned.
type Copy struct {
	opener sandbox.Opener
	stage  *Stage
}

// Plan finds out where a copy goes, as cp(1) does: into path if that is a directory, else to path itself, whose
// directory must be there. It changes nothing.
func Plan(ctx context.Context, o sandbox.Opener, to Place, name string, from Source, opts Options) (*Copy, error) {
	src, err := from.look(ctx, o)
	if err != nil {
		return nil, err
	}
	t, err := to.open(ctx, o)
	if err != nil {
		return nil, err
	}
	defer t.Close()
	s := &Stage{Place: to, Token: "." + strings.ToLower(rand.Text()), opener: o, from: from, opts: opts}
	there, err := t.follow(name)
	switch {
	case errors.Is(err, fault.NotFound):
		err = s.besides(t, name, src)
	case err == nil:
		err = s.onto(t, there, src)
		_ = there.Close() // a path descriptor
	}
	if err == nil {
		err = s.remember(t)
	}
	if err != nil {
		return nil, err
	}
	return &Copy{o, s}, nil
}

// remember notes when the goal's directory was changed last.
func (s *Stage) remember(t *tree) error {
	dir, err := t.opened(s.Dir)
	if err != nil {
		return err
	}
	defer dir.Close() //nolint:errcheck // read-only
	info, err := dir.Stat()
	if err == nil {
		s.Time = info.ModTime().UnixNano()
	}
	return err
}

// look tells what is to be copied.
type seen struct {
	base     string // the name it has where it is; empty: only what is in it is copied
	dir      bool
	contents bool
}

func (s *Source) look(ctx context.Context, o sandbox.Opener) (seen, error) {
	if s.Archive != nil {
		return seen{dir: true, contents: true}, nil
	}
	parent, base, err := s.find(ctx, o)
	if err != nil {
		return seen{}, err
	}
	defer parent.Close() //nolint:errcheck // read-only
	var st unix.Stat_t
	if err := unix.Fstatat(int(parent.Fd()), base, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return seen{}, classified("copy", s.Path, err)
	}
	dir := st.Mode&unix.S_IFMT == unix.S_IFDIR
	if base == "." {
		return seen{dir: dir, contents: true}, nil
	}
	return seen{base: base, dir: dir}, nil
}

// find opens the directory that the source is in. Its last element is "." for what is in a directory.
func (s *Source) find(ctx context.Context, o sandbox.Opener) (*os.File, string, error) {
	t, err := s.Place.open(ctx, o)
	if err != nil {
		return nil, "", err
	}
	defer t.Close()
	dir, base := path.Split(strings.TrimRight(s.Path, "/"))
	if base == "" || base == "." || base == ".." {
		dir, base = s.Path, "."
	}
	at, err := t.follow(dir)
	if err != nil {
		return nil, "", err
	}
	defer at.Close() //nolint:errcheck // a path descriptor
	parent, err := reopen(at, unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return nil, "", classified("open", dir, err)
	}
	return parent, base, nil
}

// besides is for a goal that is not there.
func (s *Stage) besides(t *tree, name string, src seen) error {
	if strings.HasSuffix(name, "/") && !src.dir {
		return fault.New("copy", fault.NotFound, name, errors.New("there is no such directory"))
	}
	if s.from.Archive != nil {
		return fault.New("copy", fault.NotFound, name, errors.New("there is no such directory to unpack into"))
	}
	name = strings.TrimRight(name, "/")
	dir, base := path.Split(name)
	if base == "" || base == "." || base == ".." {
		return fault.New("copy", fault.NotFound, name, nil)
	}
	at, err := t.follow(dir)
	if err != nil {
		return fault.New("copy", fault.KindOf(err), path.Join("/", dir), errors.New("there is no such directory"))
	}
	defer at.Close() //nolint:errcheck // a path descriptor
	s.Name = base
	s.Dir, err = t.real(at)
	return err
}

// onto is for a goal that is there.
func (s *Stage) onto(t *tree, there *os.File, src seen) error {
	info, err := there.Stat()
	if err != nil {
		return err
	}
	real, err := t.real(there)
	if err != nil {
		return err
	}
	if info.IsDir() {
		s.Dir, s.Name = real, src.base
		return nil
	}
	if src.dir {
		return fault.New("copy", fault.Invalid, path.Join("/", real), errors.New("it is no directory, and a directory cannot replace it"))
	}
	s.Dir, s.Name = path.Dir(real), path.Base(real)
	return nil
}

// Stage is the effect that writes everything beside its goal.
func (c *Copy) Stage() events.Effect { return c.stage }

// Sweep removes, after the commit, what was there before.
func (c *Copy) Sweep() events.Effect {
	return &Sweep{Place: c.stage.Place, Dir: c.stage.Dir, Token: c.stage.Token, opener: c.opener}
}

// Goal is what the copy becomes, as a path in its place.
func (c *Copy) Goal() string { return path.Join("/", c.stage.Dir, c.stage.Name) }
