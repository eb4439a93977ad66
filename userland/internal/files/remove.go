//go:build linux

package files

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/libioc/ioc/userland/internal/applet"
	"golang.org/x/sys/unix"
)

// remover removes trees. It walks by directory descriptors, so that a directory that is replaced by a
// symbolic link meanwhile does not lead it elsewhere.
type remover struct {
	ctx                                context.Context
	p                                  *applet.Proc
	recursive, force, ask, empty, tell bool
}

func rm(ctx context.Context, p *applet.Proc) error {
	o := p.Options()
	r := &remover{ctx: ctx, p: p}
	flag := func(v *bool, names, help string) {
		o.Func(names, "", help, func(string) error { *v = true; return nil })
	}
	flag(&r.recursive, "r recursive", "remove directories with what is in them")
	o.Func("R", "", "", func(string) error { r.recursive = true; return nil })
	o.Func("f force", "", "do not ask, and ignore what is not there", func(string) error { r.force, r.ask = true, false; return nil })
	o.Func("i interactive", "", "ask before each removal", func(string) error { r.ask, r.force = true, false; return nil })
	flag(&r.empty, "d dir", "remove empty directories")
	flag(&r.tell, "v verbose", "print what is done")
	args, err := o.Parse()
	if err != nil {
		return err
	}
	if len(args) == 0 && !r.force {
		return applet.Usagef("a file is needed")
	}
	for _, name := range args {
		base := filepath.Base(name)
		if clean := strings.TrimRight(name, "/"); clean == "" && name != "" || base == ".." || strings.HasSuffix("/"+clean, "/.") {
			p.Errorf("refusing to remove %q", name)
			continue
		}
		path := strings.TrimRight(p.Path(name), "/")
		dir, err := unix.Open(filepath.Dir(path), unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			// A directory that may be searched but not read will still do.
			dir, err = unix.Open(filepath.Dir(path), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		}
		if err != nil {
			r.fail(name, err)
			continue
		}
		err = r.remove(dir, filepath.Base(path), name)
		unix.Close(dir)
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *remover) fail(name string, err error) {
	if r.force && (errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)) {
		return
	}
	r.p.Fail(name, err)
}

// remove removes the entry base of the open directory dir; only the end of the context is an error.
func (r *remover) remove(dir int, base, name string) error {
	if err := r.ctx.Err(); err != nil {
		return err
	}
	var st unix.Stat_t
	if err := unix.Fstatat(dir, base, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		r.fail(name, err)
		return nil
	}
	isDir := st.Mode&unix.S_IFMT == unix.S_IFDIR
	if isDir && !r.recursive && !r.empty {
		r.p.Errorf("%s: is a directory (use -r)", name)
		return nil
	}
	flags := 0
	if isDir {
		flags = unix.AT_REMOVEDIR
		if r.recursive {
			if r.ask && !confirm(r.p, "descend into directory %s?", name) {
				return nil
			}
			if err := r.entries(dir, base, name); err != nil {
				return err
			}
		}
	}
	if r.ask && !confirm(r.p, "remove %s?", name) {
		return nil
	}
	if err := unix.Unlinkat(dir, base, flags); err != nil {
		r.fail(name, err)
		return nil
	}
	if r.tell {
		r.p.Println("removed " + name)
	}
	return nil
}

func (r *remover) entries(dir int, base, name string) error {
	fd, err := unix.Openat(dir, base, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil // an empty one can still be removed; otherwise that says what is wrong
	}
	f := os.NewFile(uintptr(fd), name)
	defer f.Close()
	names, err := f.Readdirnames(-1)
	r.p.Fail(name, err)
	for _, entry := range names {
		if err := r.remove(fd, entry, name+"/"+entry); err != nil {
			return err
		}
	}
	return nil
}

func rmdir(_ context.Context, p *applet.Proc) error {
	o := p.Options()
	parents := o.Flag("p parents", "remove the directories above too")
	ignore := o.Flag("ignore-fail-on-non-empty", "do not report directories that are not empty")
	tell := o.Flag("v verbose", "print what is done")
	args, err := o.Parse()
	if err != nil {
		return err
	}
	if len(args) == 0 {
		return applet.Usagef("a directory is needed")
	}
	for _, name := range args {
		for {
			if err := unix.Rmdir(p.Path(name)); err != nil {
				if !*ignore || !errors.Is(err, syscall.ENOTEMPTY) {
					p.Fail(name, err)
				}
				break
			}
			if *tell {
				p.Println("removed " + name)
			}
			name = filepath.Dir(strings.TrimRight(name, "/"))
			if !*parents || name == "." || name == "/" {
				break
			}
		}
	}
	return nil
}
