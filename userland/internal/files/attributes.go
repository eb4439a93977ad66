//go:build linux

package files

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/libioc/ioc/userland/internal/account"
	"github.com/libioc/ioc/userland/internal/applet"
	"golang.org/x/sys/unix"
)

// walk calls f for a file and, if recursive, for everything below it. Errors are reported.
func walk(ctx context.Context, p *applet.Proc, name string, recursive bool, f func(name string, fi os.FileInfo) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	fi, err := os.Lstat(p.Path(name))
	if err == nil {
		err = f(name, fi)
	}
	if err != nil {
		p.Fail(name, err)
		return nil
	}
	if !recursive || !fi.IsDir() {
		return nil
	}
	entries, err := os.ReadDir(p.Path(name))
	p.Fail(name, err)
	for _, e := range entries {
		if err := walk(ctx, p, strings.TrimSuffix(name, "/")+"/"+e.Name(), true, f); err != nil {
			return err
		}
	}
	return nil
}

func chmod(ctx context.Context, p *applet.Proc) error {
	o := p.Options()
	recursive := o.Flag("R recursive", "change what is in directories too")
	quiet := o.Flag("f silent", "do not report errors")
	tell := o.Flag("v verbose", "print what is done")
	changes := o.Flag("c changes", "print what is changed")
	reference := o.String("reference", "FILE", "", "use the mode of FILE")
	o.Note("MODE is octal, or made of [ugoa]*[-+=][rwxXst]* separated by commas.")
	// A mode such as -x looks like an option.
	for i, arg := range p.Args {
		if len(arg) > 1 && arg[0] == '-' && strings.Trim(arg[1:], "rwxXst,+-=ugoa") == "" && arg != "--" {
			p.Args = append(append(append([]string{}, p.Args[:i]...), "--", arg), p.Args[i+1:]...)
			break
		}
		if arg == "" || arg[0] != '-' {
			break
		}
	}
	args, err := o.Parse()
	if err != nil {
		return err
	}
	mode := ""
	if *reference != "" {
		fi, err := os.Stat(p.Path(*reference))
		if err != nil {
			return err
		}
		mode = fmt.Sprintf("%o", sysStat(fi).Mode&0o7777)
	} else if len(args) > 0 {
		mode, args = args[0], args[1:]
	}
	if len(args) == 0 {
		return applet.Usagef("a mode and a file are needed")
	}
	if _, err := ParseMode(mode, 0, false, 0); err != nil {
		return applet.Usagef("%s", err)
	}
	mask := umask()
	q := p
	if *quiet {
		q = &applet.Proc{Name: p.Name, Dir: p.Dir, Stdout: p.Stdout, Stderr: discard{}}
	}
	for _, name := range args {
		top := name
		err := walk(ctx, q, name, *recursive, func(name string, fi os.FileInfo) error {
			if fi.Mode()&os.ModeSymlink != 0 {
				if name != top {
					return nil // links below a directory are left alone
				}
				var err error
				if fi, err = os.Stat(p.Path(name)); err != nil {
					return err
				}
			}
			old := sysStat(fi).Mode & 0o7777
			bits, err := ParseMode(mode, old, fi.IsDir(), mask)
			if err == nil {
				err = syscall.Chmod(p.Path(name), bits)
			}
			if err == nil && (*tell || *changes && bits != old) {
				p.Printf("%s: %04o -> %04o\n", name, old, bits)
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	if q.Failed() {
		p.Flush()
		return applet.Exit(1)
	}
	return nil
}

type discard struct{}

func (discard) Write(b []byte) (int, error) { return len(b), nil }

func chown(ctx context.Context, p *applet.Proc) error {
	o := p.Options()
	recursive := o.Flag("R recursive", "change what is in directories too")
	noFollow := o.Flag("h no-dereference", "change symbolic links themselves")
	quiet := o.Flag("f silent", "do not report errors")
	tell := o.Flag("v verbose", "print what is done")
	reference := o.String("reference", "FILE", "", "use the owner and group of FILE")
	args, err := o.Parse()
	if err != nil {
		return err
	}
	uid, gid := -1, -1
	switch {
	case *reference != "":
		fi, err := os.Stat(p.Path(*reference))
		if err != nil {
			return err
		}
		uid, gid = int(sysStat(fi).Uid), int(sysStat(fi).Gid)
	case len(args) == 0:
	default:
		spec := args[0]
		args = args[1:]
		if p.Name == "chgrp" {
			spec = ":" + spec
		}
		if uid, gid, err = parseOwner(spec); err != nil {
			return err
		}
	}
	if len(args) == 0 {
		return applet.Usagef("an owner and a file are needed")
	}
	q := p
	if *quiet {
		q = &applet.Proc{Name: p.Name, Dir: p.Dir, Stdout: p.Stdout, Stderr: discard{}}
	}
	for _, name := range args {
		top := name
		err := walk(ctx, q, name, *recursive, func(name string, fi os.FileInfo) error {
			change := os.Chown
			if *noFollow || *recursive && name != top {
				change = os.Lchown
			}
			err := change(p.Path(name), uid, gid)
			if err == nil && *tell {
				p.Printf("%s: %d:%d\n", name, uid, gid)
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	if q.Failed() {
		p.Flush()
		return applet.Exit(1)
	}
	return nil
}

// parseOwner reads OWNER, OWNER:GROUP, OWNER: (with the group of its account) and :GROUP.
func parseOwner(spec string) (uid, gid int, err error) {
	owner, group, both := strings.Cut(spec, ":")
	if !both {
		owner, group, both = strings.Cut(spec, ".")
	}
	var names account.Names
	uid, gid, err = ownerAndGroup(owner, group)
	if err == nil && both && owner != "" && group == "" {
		u, _ := names.User(owner)
		gid = u.GID
	}
	return uid, gid, err
}

func touch(_ context.Context, p *applet.Proc) error {
	o := p.Options()
	access := o.Flag("a", "set the time of access only")
	modify := o.Flag("m", "set the time of modification only")
	noCreate := o.Flag("c no-create", "do not make files")
	noFollow := o.Flag("h no-dereference", "set the times of symbolic links themselves")
	date := o.String("d date", "TIME", "", "use TIME: 2006-01-02 15:04:05, @SECONDS, now")
	stamp := o.String("t", "[[CC]YY]MMDDhhmm[.ss]", "", "use this time")
	reference := o.String("r reference", "FILE", "", "use the times of FILE")
	args, err := o.Parse()
	if err != nil {
		return err
	}
	if len(args) == 0 {
		return applet.Usagef("a file is needed")
	}
	atime, mtime := unix.Timespec{Nsec: unix.UTIME_NOW}, unix.Timespec{Nsec: unix.UTIME_NOW}
	set := func(t time.Time, err error) error {
		if err != nil {
			return err
		}
		ts, err := unix.TimeToTimespec(t)
		atime, mtime = ts, ts
		return err
	}
	switch {
	case *reference != "":
		fi, err := os.Stat(p.Path(*reference))
		if err != nil {
			return err
		}
		st := sysStat(fi)
		atime, mtime = unix.Timespec(st.Atim), unix.Timespec(st.Mtim)
	case *date != "":
		err = set(applet.ParseTime(*date, time.Now()))
	case *stamp != "":
		err = set(parseStamp(*stamp, time.Now()))
	}
	if err != nil {
		return err
	}
	if *access && !*modify {
		mtime.Nsec = unix.UTIME_OMIT
	}
	if *modify && !*access {
		atime.Nsec = unix.UTIME_OMIT
	}
	flags := 0
	if *noFollow {
		flags = unix.AT_SYMLINK_NOFOLLOW
	}
	for _, name := range args {
		path := p.Path(name)
		err := unix.UtimesNanoAt(unix.AT_FDCWD, path, []unix.Timespec{atime, mtime}, flags)
		if errors.Is(err, os.ErrNotExist) {
			if *noCreate || *noFollow {
				continue
			}
			var f *os.File
			if f, err = os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o666); err == nil {
				f.Close()
				if *date+*stamp+*reference != "" {
					err = unix.UtimesNanoAt(unix.AT_FDCWD, path, []unix.Timespec{atime, mtime}, 0)
				}
			}
		}
		p.Fail(name, err)
	}
	return nil
}

// parseStamp reads POSIX's [[CC]YY]MMDDhhmm[.ss].
func parseStamp(s string, now time.Time) (time.Time, error) {
	digits, seconds, _ := strings.Cut(s, ".")
	switch len(digits) {
	case 8:
		digits = fmt.Sprintf("%04d", now.Year()) + digits
	case 10:
		century := "20"
		if digits[0] >= '7' {
			century = "19"
		}
		digits = century + digits
	}
	layout := "200601021504"
	if seconds != "" {
		digits, layout = digits+seconds, layout+"05"
	}
	t, err := time.ParseInLocation(layout, digits, time.Local)
	if err != nil {
		return t, fmt.Errorf("bad time %q", s)
	}
	return t, nil
}
