//go:build linux

package archive

import (
	"compress/bzip2"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/libioc/ioc/userland/internal/applet"
)

// squeezer is one run of gzip, gunzip or bunzip2.
type squeezer struct {
	ctx                                     context.Context
	p                                       *applet.Proc
	unpack, stdout, keep, force, test, tell bool
	level                                   int
	suffix                                  string
	open                                    func(io.Reader) (io.Reader, error)
}

func gzipFiles(ctx context.Context, p *applet.Proc) error {
	o := p.Options()
	z := &squeezer{ctx: ctx, p: p, suffix: ".gz", level: gzip.DefaultCompression}
	z.unpack = p.Name != "gzip"
	z.stdout = p.Name == "zcat"
	z.open = func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) }
	if p.Name != "zcat" {
		z.declare(o)
		o.Func("d decompress", "", "unpack", func(string) error { z.unpack = true; return nil })
		o.Func("fast", "", "", func(string) error { z.level = 1; return nil })
		o.Func("best", "", "", func(string) error { z.level = 9; return nil })
		o.Digits(func(s string) error {
			if len(s) != 1 || s == "0" {
				return fmt.Errorf("the level must be 1 to 9")
			}
			z.level = int(s[0] - '0')
			return nil
		})
		o.Note("  -1 ... -9               pack faster ... better")
		o.Ignored("n no-name")
	} else {
		o.Ignored("f force")
	}
	return z.run(o)
}

func bunzip2(ctx context.Context, p *applet.Proc) error {
	o := p.Options()
	z := &squeezer{ctx: ctx, p: p, suffix: ".bz2", unpack: true}
	z.open = func(r io.Reader) (io.Reader, error) { return bzip2.NewReader(r), nil }
	z.declare(o)
	return z.run(o)
}

func (z *squeezer) declare(o *applet.Options) {
	flag := func(v *bool, names, help string) {
		o.Func(names, "", help, func(string) error { *v = true; return nil })
	}
	flag(&z.stdout, "c stdout", "write to standard output, and keep the files")
	flag(&z.keep, "k keep", "keep the files")
	flag(&z.force, "f force", "overwrite files")
	flag(&z.test, "t test", "test whether the files are whole")
	flag(&z.tell, "v verbose", "print what is done")
	o.Ignored("q quiet")
}

func (z *squeezer) run(o *applet.Options) error {
	files, err := o.Parse()
	if err != nil {
		return err
	}
	if z.test {
		z.unpack, z.stdout = true, true
	}
	if len(files) == 0 {
		files = []string{"-"}
	}
	for _, name := range files {
		if err := z.ctx.Err(); err != nil {
			return err
		}
		if err := z.file(name); err != nil {
			if w, ok := errors.AsType[*applet.WriteError](err); ok {
				return w.Err
			}
			z.p.Fail(name, err)
		}
	}
	return nil
}

func (z *squeezer) file(name string) error {
	if name == "-" || z.stdout {
		r, err := z.p.Open(z.ctx, name)
		if err != nil {
			return err
		}
		defer r.Close()
		out := io.Writer(z.p.Out())
		if z.test {
			out = io.Discard
		}
		return z.convert(out, r, name)
	}
	target := name + z.suffix
	if z.unpack {
		var ok bool
		if target, ok = strings.CutSuffix(name, z.suffix); !ok {
			if base, tgz := strings.CutSuffix(name, ".tgz"); tgz {
				target, ok = base+".tar", true
			}
		}
		if !ok {
			return fmt.Errorf("unknown suffix")
		}
	} else if strings.HasSuffix(name, z.suffix) && !z.force {
		return fmt.Errorf("already has the suffix %s", z.suffix)
	}
	return z.replace(name, target)
}

// replace writes target and then removes name. What is half written is removed.
func (z *squeezer) replace(name, target string) error {
	r, err := z.p.Open(z.ctx, name)
	if err != nil {
		return err
	}
	defer r.Close()
	fi, err := applet.File(r).Stat()
	if err != nil {
		return err
	}
	if !fi.Mode().IsRegular() {
		return fmt.Errorf("not a regular file")
	}
	flags := os.O_WRONLY | os.O_CREATE | os.O_EXCL
	if z.force {
		flags = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	}
	out, err := os.OpenFile(z.p.Path(target), flags, fi.Mode().Perm())
	if err != nil {
		return fmt.Errorf("%s: %s", target, applet.Reason(err))
	}
	err = z.convert(out, r, name)
	if cerr := out.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		os.Remove(z.p.Path(target))
		return err
	}
	os.Chtimes(z.p.Path(target), time.Time{}, fi.ModTime())
	if z.tell {
		fmt.Fprintf(z.p.Stderr, "%s -> %s\n", name, target)
	}
	if z.keep {
		return nil
	}
	return os.Remove(z.p.Path(name))
}

func (z *squeezer) convert(out io.Writer, in io.Reader, name string) error {
	if z.unpack {
		r, err := z.open(in)
		if err != nil {
			return fmt.Errorf("not in the right format: %s", applet.Reason(err))
		}
		_, err = applet.Copy(z.ctx, out, r)
		return err
	}
	w, err := gzip.NewWriterLevel(out, z.level)
	if err != nil {
		return err
	}
	if _, err := applet.Copy(z.ctx, w, in); err != nil {
		return err
	}
	return w.Close()
}
