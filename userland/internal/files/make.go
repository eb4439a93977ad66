//go:build linux

package files

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/libioc/ioc/userland/internal/applet"
	"golang.org/x/sys/unix"
)

func mkdir(_ context.Context, p *applet.Proc) error {
	o := p.Options()
	mode := o.String("m mode", "MODE", "", "set the mode")
	parents := o.Flag("p parents", "make the directories above too; what exists is fine")
	tell := o.Flag("v verbose", "print what is done")
	args, err := o.Parse()
	if err != nil {
		return err
	}
	if len(args) == 0 {
		return applet.Usagef("a directory is needed")
	}
	for _, name := range args {
		err := os.Mkdir(p.Path(name), 0o777)
		if err != nil && *parents {
			if fi, serr := os.Stat(p.Path(name)); serr == nil && fi.IsDir() {
				continue
			}
			err = os.MkdirAll(p.Path(name), 0o777)
		}
		if err == nil && *mode != "" {
			var bits uint32
			if bits, err = ParseMode(*mode, 0o777, true, umask()); err == nil {
				err = syscall.Chmod(p.Path(name), bits)
			}
		}
		if err != nil {
			p.Fail(name, err)
		} else if *tell {
			p.Println("made " + name)
		}
	}
	return nil
}

func ln(_ context.Context, p *applet.Proc) error {
	o := p.Options()
	symbolic := o.Flag("s symbolic", "make symbolic links")
	force := o.Flag("f force", "replace what is there")
	noFollow := o.Flag("n no-dereference", "take a link to a directory as the name of the link to make")
	noDir := o.Flag("T no-target-directory", "take LINK as the name, even if it is a directory")
	relative := o.Flag("r relative", "with -s, write the target relative to the link")
	tell := o.Flag("v verbose", "print what is done")
	dir := o.String("t target-directory", "DIR", "", "make the links in DIR")
	args, err := o.Parse()
	if err != nil {
		return err
	}
	if len(args) == 0 {
		return applet.Usagef("a target is needed")
	}
	if len(args) == 1 && *dir == "" {
		args = append(args, ".")
	}
	if len(args) == 2 && *dir == "" && *noFollow {
		if fi, err := os.Lstat(p.Path(args[1])); err == nil && fi.Mode()&os.ModeSymlink != 0 {
			*noDir = true
		}
	}
	return eachTarget(p, args, *dir, *noDir, func(target, link string) error {
		text := target
		if *symbolic && *relative {
			full, err := absolute(p, target, 2)
			at, err2 := absolute(p, filepath.Dir(link), 2)
			if err == nil && err2 == nil {
				if rel, err := filepath.Rel(at, full); err == nil {
					text = rel
				}
			}
		}
		path := p.Path(link)
		create := func(at string) error {
			if *symbolic {
				return os.Symlink(text, at)
			}
			// linkat without AT_SYMLINK_FOLLOW: a link to a link, as the kernel does it.
			return os.Link(p.Path(target), at)
		}
		err := create(path)
		if errors.Is(err, os.ErrExist) && *force {
			// Made beside it and renamed, so that there is always one of the two.
			tmp := path + ".ln-" + randomName(8)
			if err = create(tmp); err == nil {
				if err = os.Rename(tmp, path); err != nil {
					os.Remove(tmp)
				}
			}
		}
		if err != nil {
			subject := link
			if !errors.Is(err, os.ErrExist) && !*symbolic {
				subject = target + " -> " + link
			}
			p.Fail(subject, err)
		} else if *tell {
			p.Println(link + " -> " + target)
		}
		return nil
	})
}

func mkfifo(_ context.Context, p *applet.Proc) error {
	o := p.Options()
	mode := o.String("m mode", "MODE", "", "set the mode")
	args, err := o.Parse()
	if err != nil {
		return err
	}
	if len(args) == 0 {
		return applet.Usagef("a name is needed")
	}
	for _, name := range args {
		p.Fail(name, makeNode(p.Path(name), unix.S_IFIFO, 0, *mode))
	}
	return nil
}

func makeNode(path string, kind uint32, dev uint64, mode string) error {
	bits := uint32(0o666)
	if mode != "" {
		var err error
		if bits, err = ParseMode(mode, 0o666, false, umask()); err != nil {
			return err
		}
	}
	err := unix.Mknod(path, kind|bits, int(dev))
	if err == nil && mode != "" {
		err = syscall.Chmod(path, bits)
	}
	return err
}

func mknod(_ context.Context, p *applet.Proc) error {
	o := p.Options()
	mode := o.String("m mode", "MODE", "", "set the mode")
	o.Note("TYPE is b (block device), c or u (character device) or p (named pipe).")
	args, err := o.Parse()
	if err != nil {
		return err
	}
	if len(args) == 2 && args[1] == "p" {
		if err := makeNode(p.Path(args[0]), unix.S_IFIFO, 0, *mode); err != nil {
			return fmt.Errorf("%s: %s", args[0], applet.Reason(err))
		}
		return nil
	}
	if len(args) != 4 || len(args[1]) != 1 || strings.IndexByte("bcu", args[1][0]) < 0 {
		return applet.Usagef("a name, a type, and for a device its two numbers are needed")
	}
	kind := uint32(unix.S_IFCHR)
	if args[1] == "b" {
		kind = unix.S_IFBLK
	}
	major, err1 := strconv.ParseUint(args[2], 0, 32)
	minor, err2 := strconv.ParseUint(args[3], 0, 32)
	if err1 != nil || err2 != nil {
		return applet.Usagef("%s, %s are not device numbers", args[2], args[3])
	}
	if err := makeNode(p.Path(args[0]), kind, unix.Mkdev(uint32(major), uint32(minor)), *mode); err != nil {
		return fmt.Errorf("%s: %s", args[0], applet.Reason(err))
	}
	return nil
}
