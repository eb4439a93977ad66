//go:build linux

package files

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/libioc/ioc/userland/internal/applet"
)

func basename(_ context.Context, p *applet.Proc) error {
	o := p.Options()
	suffix := o.String("s suffix", "SUFFIX", "", "remove SUFFIX from each name")
	all := o.Flag("a multiple", "take every argument as a path")
	args, err := o.Parse()
	if err != nil {
		return err
	}
	if len(args) == 0 {
		return applet.Usagef("a path is needed")
	}
	if len(args) == 2 && !*all && *suffix == "" {
		*suffix = args[1]
		args = args[:1]
	} else if len(args) > 1 && !*all && *suffix == "" {
		return applet.Usagef("too many arguments")
	}
	for _, path := range args {
		name := filepath.Base(path)
		if path == "" {
			name = ""
		}
		if cut := strings.TrimSuffix(name, *suffix); cut != "" {
			name = cut
		}
		p.Println(name)
	}
	return nil
}

func dirname(_ context.Context, p *applet.Proc) error {
	args, err := p.Options().Parse()
	if err != nil {
		return err
	}
	if len(args) == 0 {
		return applet.Usagef("a path is needed")
	}
	for _, path := range args {
		trimmed := strings.TrimRight(path, "/")
		switch i := strings.LastIndexByte(trimmed, '/'); {
		case trimmed == "" && path != "":
			path = "/"
		case i < 0:
			path = "."
		default:
			if path = strings.TrimRight(trimmed[:i], "/"); path == "" {
				path = "/"
			}
		}
		p.Println(path)
	}
	return nil
}

func workDir(p *applet.Proc) (string, error) {
	if p.Dir != "" {
		return p.Dir, nil
	}
	return syscall.Getwd()
}

func pwd(_ context.Context, p *applet.Proc) error {
	o := p.Options()
	logical := false
	o.Func("L logical", "", "print $PWD if it is the working directory, with its symbolic links", func(string) error { logical = true; return nil })
	o.Func("P physical", "", "print no symbolic links (default)", func(string) error { logical = false; return nil })
	if _, err := o.Parse(); err != nil {
		return err
	}
	dir, err := workDir(p)
	if err != nil {
		return err
	}
	if env := p.Getenv("PWD"); logical && strings.HasPrefix(env, "/") {
		a, err1 := os.Stat(env)
		b, err2 := os.Stat(dir)
		if err1 == nil && err2 == nil && os.SameFile(a, b) {
			return p.Println(env)
		}
	}
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		dir = real
	}
	return p.Println(dir)
}

// absolute makes a path absolute, and removes its symbolic links as far as it exists. missing says how
// much may be missing: 0 nothing, 1 the last part, 2 anything.
func absolute(p *applet.Proc, path string, missing int) (string, error) {
	if path == "" {
		return "", syscall.ENOENT
	}
	rest := strings.Split(path, "/")
	if !filepath.IsAbs(path) {
		dir, err := workDir(p)
		if err != nil {
			return "", err
		}
		rest = append(strings.Split(dir, "/"), rest...)
	}
	const maxLinks = 40
	at := "/"
	for links := 0; len(rest) > 0; {
		part := rest[0]
		rest = rest[1:]
		switch part {
		case "", ".":
			continue
		case "..":
			at = filepath.Dir(at)
			continue
		}
		next := filepath.Join(at, part)
		fi, err := os.Lstat(next)
		switch {
		case err == nil && fi.Mode()&os.ModeSymlink != 0:
			target, err := os.Readlink(next)
			if err != nil {
				return "", err
			}
			if links++; links > maxLinks {
				return "", syscall.ELOOP
			}
			if filepath.IsAbs(target) {
				at = "/"
			}
			rest = append(strings.Split(target, "/"), rest...)
			continue
		case err == nil && !fi.IsDir() && len(rest) > 0 && missing < 2:
			return "", syscall.ENOTDIR
		case err != nil && missing == 0, err != nil && missing == 1 && strings.Join(rest, "") != "":
			return "", err
		}
		at = next
	}
	return at, nil
}

func readlink(_ context.Context, p *applet.Proc) error {
	o := p.Options()
	canonical := o.Flag("f canonicalize", "print the absolute path; only its last part may be missing")
	existing := o.Flag("e canonicalize-existing", "print the absolute path of what exists")
	any := o.Flag("m canonicalize-missing", "print the absolute path, whatever is missing")
	bare := o.Flag("n no-newline", "print no newline")
	args, err := o.Parse()
	if err != nil {
		return err
	}
	if len(args) == 0 {
		return applet.Usagef("a file is needed")
	}
	failed := false
	for _, path := range args {
		var text string
		var err error
		switch {
		case *existing:
			text, err = absolute(p, path, 0)
		case *canonical:
			text, err = absolute(p, path, 1)
		case *any:
			text, err = absolute(p, path, 2)
		default:
			text, err = os.Readlink(p.Path(path))
		}
		if err != nil {
			failed = true
			continue
		}
		p.Printf("%s", text)
		if !*bare || len(args) > 1 {
			p.Printf("\n")
		}
	}
	if failed {
		p.Flush()
		return applet.Exit(1)
	}
	return nil
}

func realpath(_ context.Context, p *applet.Proc) error {
	o := p.Options()
	existing := o.Flag("e canonicalize-existing", "every part must exist")
	any := o.Flag("m canonicalize-missing", "any part may be missing")
	strip := o.Flag("s strip", "do not follow symbolic links")
	quiet := o.Flag("q quiet", "do not report errors")
	args, err := o.Parse()
	if err != nil {
		return err
	}
	if len(args) == 0 {
		return applet.Usagef("a file is needed")
	}
	failed := false
	for _, path := range args {
		missing := 1
		if *existing {
			missing = 0
		} else if *any {
			missing = 2
		}
		var text string
		var err error
		if *strip {
			var dir string
			if dir, err = workDir(p); filepath.IsAbs(path) {
				dir = "/"
				text = filepath.Clean(path)
			} else {
				text = filepath.Join(dir, path)
			}
		} else {
			text, err = absolute(p, path, missing)
		}
		if err != nil {
			failed = true
			if !*quiet {
				p.Fail(path, err)
			}
			continue
		}
		p.Println(text)
	}
	if failed {
		p.Flush()
		return applet.Exit(1)
	}
	return nil
}

func mktemp(_ context.Context, p *applet.Proc) error {
	o := p.Options()
	dir := o.Flag("d directory", "make a directory")
	quiet := o.Flag("q quiet", "do not report errors")
	dry := o.Flag("u dry-run", "only print a name")
	in := o.String("p tmpdir", "DIR", "", "make it in DIR")
	tmp := o.Flag("t", "make it in $TMPDIR or /tmp")
	suffix := o.String("suffix", "TEXT", "", "end the name with TEXT")
	o.Note("The last XXX or more of TEMPLATE are replaced (default: tmp.XXXXXXXXXX in $TMPDIR or /tmp).")
	args, err := o.Parse()
	if err != nil {
		return err
	}
	template := "tmp.XXXXXXXXXX"
	if len(args) > 0 {
		template = args[0]
	} else {
		*tmp = true
	}
	if *tmp && *in == "" {
		if *in = p.Getenv("TMPDIR"); *in == "" {
			*in = "/tmp"
		}
	}
	if *in != "" {
		template = filepath.Join(*in, template)
	}
	end := strings.LastIndex(template, "XXX") + 3
	if end < 3 {
		return fmt.Errorf("too few X's in template %q", template)
	}
	start := len(strings.TrimRight(template[:end], "X"))
	for range 1000 {
		name := template[:start] + randomName(end-start) + template[end:] + *suffix
		path := p.Path(name)
		switch {
		case *dry:
			_, err = os.Lstat(path)
			if err == nil {
				err = os.ErrExist
			} else {
				err = nil
			}
		case *dir:
			err = os.Mkdir(path, 0o700)
		default:
			var f *os.File
			if f, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600); err == nil {
				f.Close()
			}
		}
		if err == nil {
			return p.Println(name)
		}
		if !errors.Is(err, os.ErrExist) {
			break
		}
	}
	if *quiet {
		return applet.Exit(1)
	}
	return fmt.Errorf("%s: %s", template, applet.Reason(err))
}

func randomName(n int) string {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	b := make([]byte, n)
	rand.Read(b)
	for i := range b {
		b[i] = letters[int(b[i])%len(letters)]
	}
	return string(b)
}

func which(_ context.Context, p *applet.Proc) error {
	o := p.Options()
	all := o.Flag("a", "print all files, not only the first")
	args, err := o.Parse()
	if err != nil {
		return err
	}
	if len(args) == 0 {
		return applet.Usagef("a name is needed")
	}
	missing := false
	for _, name := range args {
		dirs := strings.Split(p.Getenv("PATH"), ":")
		if strings.Contains(name, "/") {
			dirs = dirs[:1]
		}
		found := false
		for _, dir := range dirs {
			if path, err := applet.LookPath(name, dir, p.Path); err == nil {
				if !strings.Contains(name, "/") && strings.HasPrefix(dir, "/") {
					path = strings.TrimSuffix(dir, "/") + "/" + name
				}
				found = true
				p.Println(path)
				if !*all {
					break
				}
			}
		}
		missing = missing || !found
	}
	if missing {
		p.Flush()
		return applet.Exit(1)
	}
	return nil
}
