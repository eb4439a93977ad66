//go:build linux

package files

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/libioc/ioc/userland/internal/account"
	"github.com/libioc/ioc/userland/internal/applet"
	"golang.org/x/sys/unix"
)

// copier copies trees as the options of cp say.
type copier struct {
	ctx context.Context
	p   *applet.Proc

	recursive, mode, owner, times bool
	follow                        bool // links inside a tree
	followArgs                    bool // links among the operands
	force, keep, ask, update      bool
	verbose, link, symlink        bool
	removeFirst                   bool

	hard map[[2]uint64]string // where a file with more names was copied to
}

func cp(ctx context.Context, p *applet.Proc) error {
	o := p.Options()
	c := &copier{ctx: ctx, p: p, followArgs: true}
	follow := byte(0)
	flag := func(v *bool, names, help string) {
		o.Func(names, "", help, func(string) error { *v = true; return nil })
	}
	flag(&c.recursive, "r recursive", "copy directories with what is in them")
	o.Func("R", "", "", func(string) error { c.recursive = true; return nil })
	o.Func("a archive", "", "the same as -dRp, with hard links kept", func(string) error {
		c.recursive, c.mode, c.owner, c.times, follow = true, true, true, true, 'P'
		c.hard = map[[2]uint64]string{}
		return nil
	})
	o.Func("p preserve", "", "keep mode, owner and times", func(string) error { c.mode, c.owner, c.times = true, true, true; return nil })
	o.Func("d", "", "copy symbolic links as links", func(string) error { follow = 'P'; return nil })
	o.Func("P no-dereference", "", "copy symbolic links as links", func(string) error { follow = 'P'; return nil })
	o.Func("L dereference", "", "copy what symbolic links point at", func(string) error { follow = 'L'; return nil })
	o.Func("H", "", "the same for operands only", func(string) error { follow = 'H'; return nil })
	flag(&c.force, "f force", "remove a destination that cannot be opened")
	flag(&c.removeFirst, "remove-destination", "remove each destination first")
	flag(&c.keep, "n no-clobber", "do not overwrite files")
	flag(&c.ask, "i interactive", "ask before overwriting")
	flag(&c.update, "u update", "copy only what is newer than the destination")
	flag(&c.link, "l link", "make hard links instead of copies")
	flag(&c.symlink, "s symbolic-link", "make symbolic links instead of copies")
	flag(&c.verbose, "v verbose", "print what is done")
	target := o.String("t target-directory", "DIR", "", "copy into DIR")
	noDir := o.Flag("T no-target-directory", "take DEST as the name of the copy, even if it is a directory")
	parents := o.Flag("parents", "copy into DEST under the full path of each SOURCE")
	args, err := o.Parse()
	if err != nil {
		return err
	}
	switch follow {
	case 'P':
		c.followArgs = false
	case 'L':
		c.follow = true
	case 0:
		// A tree is copied as it is; a single file through its link.
		c.followArgs = !c.recursive
	}
	return eachTarget(p, args, *target, *noDir, func(from, to string) error {
		if *parents && *target+args[len(args)-1] != "" {
			dir := *target
			if dir == "" {
				dir = args[len(args)-1]
			}
			to = strings.TrimSuffix(dir, "/") + "/" + strings.TrimPrefix(filepath.Clean(from), "/")
			if err := os.MkdirAll(p.Path(filepath.Dir(to)), 0o777); err != nil {
				return err
			}
		}
		c.copy(from, to, c.followArgs)
		return ctx.Err()
	})
}

// eachTarget calls f with each source and where it goes.
func eachTarget(p *applet.Proc, args []string, target string, noDir bool, f func(from, to string) error) error {
	if target == "" {
		if len(args) < 2 {
			return applet.Usagef("a source and a destination are needed")
		}
		target, args = args[len(args)-1], args[:len(args)-1]
		fi, err := os.Stat(p.Path(target))
		isDir := err == nil && fi.IsDir()
		if noDir || !isDir {
			if len(args) > 1 {
				return fmt.Errorf("%s: not a directory", target)
			}
			return f(args[0], target)
		}
	} else if len(args) == 0 {
		return applet.Usagef("a source is needed")
	}
	for _, from := range args {
		name := filepath.Base(from)
		if name == ".." || strings.HasSuffix(from, "/.") || from == "." {
			name = "."
		}
		if err := f(from, strings.TrimSuffix(target, "/")+"/"+name); err != nil {
			return err
		}
	}
	return nil
}

func (c *copier) fail(name string, err error) { c.p.Fail(name, err) }

// copy copies one file or tree, and reports what goes wrong. It returns false if anything did.
func (c *copier) copy(from, to string, follow bool) bool {
	if c.ctx.Err() != nil {
		return false
	}
	var fi os.FileInfo
	var err error
	if follow {
		fi, err = os.Stat(c.p.Path(from))
	} else {
		fi, err = os.Lstat(c.p.Path(from))
	}
	if err != nil {
		c.fail(from, err)
		return false
	}
	dst, dstErr := os.Lstat(c.p.Path(to))
	if dstErr == nil {
		if real, err := os.Stat(c.p.Path(to)); err == nil && os.SameFile(fi, real) && !c.removeFirst {
			c.p.Errorf("%s and %s are the same file", from, to)
			return false
		}
		if fi.IsDir() {
			if real, err := os.Stat(c.p.Path(to)); err != nil || !real.IsDir() {
				c.p.Errorf("cannot overwrite %s, which is no directory, with directory %s", to, from)
				return false
			}
		} else {
			switch {
			case dst.IsDir():
				c.p.Errorf("cannot overwrite directory %s with %s", to, from)
				return false
			case c.keep, c.update && !fi.ModTime().After(dst.ModTime()):
				return true
			case c.ask && !confirm(c.p, "overwrite %s?", to):
				return true
			}
			special := fi.Mode().Type() != 0 || dst.Mode().Type() != 0 && !follow
			if c.removeFirst || c.link || c.symlink || special && fi.Mode().Type() != 0 {
				if err := os.Remove(c.p.Path(to)); err != nil {
					c.fail(to, err)
					return false
				}
			}
		}
	}
	if fi.IsDir() && !c.recursive {
		c.p.Errorf("%s: is a directory (use -r)", from)
		return false
	}
	if c.verbose {
		c.p.Println(from + " -> " + to)
	}
	if fi.IsDir() {
		return c.directory(from, to, fi, dstErr != nil)
	}
	if err := c.single(from, to, fi); err != nil {
		if applet.Reason(err) == applet.Reason(syscall.ENOENT) || errors.Is(err, syscall.EACCES) {
			c.fail(to, err)
		} else {
			c.fail(from, err)
		}
		return false
	}
	return true
}

// confirm asks a question on standard error; an answer that begins with y is a yes.
func confirm(p *applet.Proc, format string, args ...any) bool {
	p.Flush()
	fmt.Fprintf(p.Stderr, "%s: %s ", p.Name, fmt.Sprintf(format, args...))
	answer := make([]byte, 0, 16)
	var b [1]byte
	for {
		n, err := p.Stdin.Read(b[:])
		if n == 0 || err != nil || b[0] == '\n' {
			break
		}
		answer = append(answer, b[0])
	}
	return len(answer) > 0 && (answer[0] == 'y' || answer[0] == 'Y')
}

func (c *copier) directory(from, to string, fi os.FileInfo, isNew bool) bool {
	inside, err := isInside(c.p.Path(to), fi)
	if err == nil && inside {
		c.p.Errorf("cannot copy %s into itself, %s", from, to)
		return false
	}
	if isNew {
		// Writable for the owner until the entries are in.
		if err := os.Mkdir(c.p.Path(to), fi.Mode().Perm()|0o700); err != nil {
			c.fail(to, err)
			return false
		}
	}
	entries, err := os.ReadDir(c.p.Path(from))
	if err != nil {
		c.fail(from, err)
		return false
	}
	ok := true
	for _, e := range entries {
		name := "/" + e.Name()
		if !c.copy(strings.TrimSuffix(from, "/")+name, strings.TrimSuffix(to, "/")+name, c.follow) {
			ok = false
		}
	}
	if isNew && !c.mode {
		mode := uint32(fi.Mode().Perm()) &^ umask()
		if err := syscall.Chmod(c.p.Path(to), mode); err != nil {
			c.fail(to, err)
			ok = false
		}
	}
	if err := c.attributes(c.p.Path(to), fi); err != nil {
		c.fail(to, err)
		ok = false
	}
	return ok
}

// isInside reports whether path lies in the directory, which would make a copy of it endless.
func isInside(path string, dir os.FileInfo) (bool, error) {
	for at := filepath.Dir(path); ; at = filepath.Dir(at) {
		fi, err := os.Stat(at)
		if err != nil {
			return false, err
		}
		if os.SameFile(fi, dir) {
			return true, nil
		}
		if at == "/" || at == "." {
			return false, nil
		}
	}
}

// single copies anything but a directory.
func (c *copier) single(from, to string, fi os.FileInfo) error {
	src, dst := c.p.Path(from), c.p.Path(to)
	st := sysStat(fi)
	if c.link {
		return os.Link(src, dst)
	}
	if c.symlink {
		return os.Symlink(from, dst)
	}
	if c.hard != nil && st.Nlink > 1 {
		id := [2]uint64{st.Dev, st.Ino}
		if first, ok := c.hard[id]; ok {
			os.Remove(dst)
			return os.Link(first, dst)
		}
		c.hard[id] = dst
	}
	switch mode := fi.Mode(); {
	case mode&os.ModeSymlink != 0:
		target, err := os.Readlink(src)
		if err == nil {
			err = os.Symlink(target, dst)
		}
		if err == nil && c.owner {
			os.Lchown(dst, int(st.Uid), int(st.Gid))
		}
		if err == nil && c.times {
			times(dst, st, unix.AT_SYMLINK_NOFOLLOW)
		}
		return err
	case c.recursive && !mode.IsRegular():
		if err := syscall.Mknod(dst, st.Mode, int(st.Rdev)); err != nil {
			return err
		}
		return c.attributes(dst, fi)
	}
	if err := c.contents(src, dst, fi); err != nil {
		return err
	}
	return c.attributes(dst, fi)
}

func (c *copier) contents(src, dst string, fi os.FileInfo) error {
	in, err := os.Open(src)
	if err != nil {
		return err
	}
	defer in.Close()
	open := func() (*os.File, error) {
		return os.OpenFile(dst, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, fi.Mode().Perm())
	}
	out, err := open()
	if err != nil && c.force && os.Remove(dst) == nil {
		out, err = open()
	}
	if err != nil {
		return err
	}
	if unix.IoctlFileClone(int(out.Fd()), int(in.Fd())) != nil {
		_, err = applet.Copy(c.ctx, out, in)
	}
	return errors.Join(err, out.Close())
}

// attributes gives a copy what -p keeps. Only root may give files away, so an owner that cannot be kept
// is no error, but then the set-id bits must not be kept either.
func (c *copier) attributes(dst string, fi os.FileInfo) error {
	st := sysStat(fi)
	mode := st.Mode & 0o7777
	if c.owner {
		if err := os.Chown(dst, int(st.Uid), int(st.Gid)); err != nil {
			mode &^= 0o6000
		}
	}
	if c.mode {
		if err := syscall.Chmod(dst, mode); err != nil {
			return err
		}
	}
	if c.times {
		return times(dst, st, 0)
	}
	return nil
}

func times(path string, st *syscall.Stat_t, flags int) error {
	return unix.UtimesNanoAt(unix.AT_FDCWD, path, []unix.Timespec{
		{Sec: st.Atim.Sec, Nsec: st.Atim.Nsec}, {Sec: st.Mtim.Sec, Nsec: st.Mtim.Nsec},
	}, flags)
}

func mv(ctx context.Context, p *applet.Proc) error {
	o := p.Options()
	c := &copier{ctx: ctx, p: p, recursive: true, mode: true, owner: true, times: true, hard: map[[2]uint64]string{}}
	flag := func(v *bool, names, help string) {
		o.Func(names, "", help, func(string) error { *v = true; return nil })
	}
	flag(&c.force, "f force", "do not ask before overwriting")
	flag(&c.keep, "n no-clobber", "do not overwrite files")
	flag(&c.ask, "i interactive", "ask before overwriting")
	flag(&c.update, "u update", "move only what is newer than the destination")
	flag(&c.verbose, "v verbose", "print what is done")
	target := o.String("t target-directory", "DIR", "", "move into DIR")
	noDir := o.Flag("T no-target-directory", "take DEST as the new name, even if it is a directory")
	args, err := o.Parse()
	if err != nil {
		return err
	}
	return eachTarget(p, args, *target, *noDir, func(from, to string) error {
		c.move(from, to)
		return ctx.Err()
	})
}

func (c *copier) move(from, to string) {
	src, dst := c.p.Path(from), c.p.Path(to)
	fi, err := os.Lstat(src)
	if err != nil {
		c.fail(from, err)
		return
	}
	if old, err := os.Lstat(dst); err == nil {
		switch {
		case c.keep, c.update && !fi.ModTime().After(old.ModTime()):
			return
		case c.ask && !c.force && !confirm(c.p, "overwrite %s?", to):
			return
		case os.SameFile(fi, old) && filepath.Clean(src) == filepath.Clean(dst):
			c.p.Errorf("%s and %s are the same file", from, to)
			return
		}
	}
	err = os.Rename(src, dst)
	if errors.Is(err, syscall.EXDEV) {
		if old, serr := os.Lstat(dst); serr == nil && !old.IsDir() {
			os.Remove(dst)
		}
		keep, verbose := c.keep, c.verbose
		c.keep, c.ask, c.update, c.verbose = false, false, false, false
		ok := c.copy(from, to, false)
		c.keep, c.verbose = keep, verbose
		if !ok {
			return
		}
		err = os.RemoveAll(src)
	}
	if err != nil {
		if le, ok := errors.AsType[*os.LinkError](err); ok {
			c.p.Errorf("%s -> %s: %s", from, to, applet.Reason(le))
			return
		}
		c.fail(from, err)
		return
	}
	if c.verbose {
		c.p.Println(from + " -> " + to)
	}
}

func install(ctx context.Context, p *applet.Proc) error {
	o := p.Options()
	dirs := o.Flag("d directory", "make directories, with those above them")
	above := o.Flag("D", "make the directories above DEST")
	mode := o.String("m mode", "MODE", "755", "set the mode")
	owner := o.String("o owner", "OWNER", "", "set the owner")
	group := o.String("g group", "GROUP", "", "set the group")
	keepTimes := o.Flag("p preserve-timestamps", "keep the times")
	verbose := o.Flag("v verbose", "print what is done")
	target := o.String("t target-directory", "DIR", "", "copy into DIR")
	noDir := o.Flag("T no-target-directory", "take DEST as the name of the copy")
	o.Ignored("c")
	o.Ignored("s")
	args, err := o.Parse()
	if err != nil {
		return err
	}
	bits, err := ParseMode(*mode, 0, false, 0)
	if err != nil {
		return err
	}
	uid, gid, err := ownerAndGroup(*owner, *group)
	if err != nil {
		return err
	}
	finish := func(path string) error {
		if uid >= 0 || gid >= 0 {
			if err := os.Chown(p.Path(path), uid, gid); err != nil {
				return err
			}
		}
		return syscall.Chmod(p.Path(path), bits)
	}
	if *dirs {
		for _, dir := range args {
			err := os.MkdirAll(p.Path(dir), 0o755)
			if err == nil {
				err = finish(dir)
			}
			p.Fail(dir, err)
		}
		return nil
	}
	if *above {
		dir := *target
		if dir == "" && len(args) > 1 {
			dir = filepath.Dir(args[len(args)-1])
		}
		if err := os.MkdirAll(p.Path(dir), 0o755); err != nil {
			return err
		}
	}
	c := &copier{ctx: ctx, p: p, times: *keepTimes, verbose: *verbose, removeFirst: true, followArgs: true}
	return eachTarget(p, args, *target, *noDir, func(from, to string) error {
		if c.copy(from, to, true) {
			p.Fail(to, finish(to))
		}
		return ctx.Err()
	})
}

func ownerAndGroup(owner, group string) (uid, gid int, err error) {
	var names account.Names
	uid, gid = -1, -1
	if owner != "" {
		u, err := names.User(owner)
		if err != nil {
			return 0, 0, err
		}
		uid = u.UID
	}
	if group != "" {
		if gid, err = names.GID(group); err != nil {
			return 0, 0, err
		}
	}
	return uid, gid, nil
}
