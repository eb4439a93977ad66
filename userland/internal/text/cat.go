package text

import (
	"context"
	"errors"
	"io"
	"os"
	"syscall"

	"github.com/libioc/ioc/userland/internal/applet"
)

func cat(ctx context.Context, p *applet.Proc) error {
	o := p.Options()
	number := o.Flag("n number", "number all lines")
	filled := o.Flag("b number-nonblank", "number the lines that are not empty")
	squeeze := o.Flag("s squeeze-blank", "show repeated empty lines once")
	ends := o.Flag("E show-ends", "show $ at the end of each line")
	tabs := o.Flag("T show-tabs", "show tabs as ^I")
	visible := o.Flag("v show-nonprinting", "show other control characters as ^X and M-X")
	o.Func("A show-all", "", "the same as -vET", func(string) error { *visible, *ends, *tabs = true, true, true; return nil })
	o.Ignored("u")
	files, err := o.Parse()
	if err != nil {
		return err
	}
	if len(files) == 0 {
		files = []string{"-"}
	}
	plain := !(*number || *filled || *squeeze || *ends || *tabs || *visible)
	d := &decorator{p: p, number: *number, filled: *filled, squeeze: *squeeze, ends: *ends, tabs: *tabs, visible: *visible}
	for _, name := range files {
		if name == "-" && plain && sameFile(p.Stdin, p.Stdout) {
			p.Errorf("-: input file is output file")
			continue
		}
		r, err := p.Open(ctx, name)
		if err == nil {
			if plain {
				err = copyOut(ctx, p, r)
			} else {
				err = eachLine(ctx, r, d.line)
			}
			r.Close()
		}
		if w, ok := err.(*applet.WriteError); ok {
			return w.Err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		p.Fail(name, err)
	}
	return nil
}

// copyOut tells an error of the output from one of the input.
func copyOut(ctx context.Context, p *applet.Proc, r io.Reader) error {
	w := &errWriter{w: p.Stdout}
	if f := applet.File(p.Stdout); f != nil {
		if _, err := applet.Copy(ctx, f, r); err != nil {
			if errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ENOSPC) {
				return &applet.WriteError{Err: err}
			}
			return err
		}
		return nil
	}
	_, err := applet.Copy(ctx, w, r)
	if w.err != nil {
		return &applet.WriteError{Err: w.err}
	}
	return err
}

type errWriter struct {
	w   io.Writer
	err error
}

func (e *errWriter) Write(b []byte) (int, error) {
	n, err := e.w.Write(b)
	if err != nil {
		e.err = err
	}
	return n, err
}

// sameFile reports whether in and out are one regular file: copying it onto itself would never end.
func sameFile(in io.Reader, out io.Writer) bool {
	i, o := applet.File(in), applet.File(out)
	if i == nil || o == nil {
		return false
	}
	fi, err := i.Stat()
	fo, err2 := o.Stat()
	return err == nil && err2 == nil && fi.Mode().IsRegular() && fi.Size() > 0 && os.SameFile(fi, fo)
}

// decorator prints lines as cat's options want them.
type decorator struct {
	p                             *applet.Proc
	number, filled, squeeze       bool
	ends, tabs, visible, wasEmpty bool
	count                         int
}

func (d *decorator) line(line []byte, ended bool) error {
	empty := len(line) == 0
	if empty && d.wasEmpty && d.squeeze {
		return nil
	}
	d.wasEmpty = empty
	out := d.p.Out()
	if d.filled && !empty || d.number && !d.filled {
		d.count++
		d.p.Printf("%6d\t", d.count)
	}
	for _, c := range line {
		switch {
		case c == '\t' && !d.tabs, !d.visible && c != '\t':
			out.WriteByte(c)
			continue
		case c >= 128:
			out.WriteString("M-")
			c -= 128
		}
		switch {
		case c < 32:
			out.WriteByte('^')
			out.WriteByte(c + 64)
		case c == 127:
			out.WriteString("^?")
		default:
			out.WriteByte(c)
		}
	}
	if ended {
		if d.ends {
			out.WriteByte('$')
		}
		out.WriteByte('\n')
	}
	return d.p.EndLine()
}

func tac(ctx context.Context, p *applet.Proc) error {
	files, err := p.Options().Parse()
	if err != nil {
		return err
	}
	return p.EachInput(ctx, files, func(_ string, r io.Reader) error {
		var lines [][]byte
		err := eachLine(ctx, r, func(line []byte, _ bool) error {
			lines = append(lines, append([]byte(nil), line...))
			return nil
		})
		for i := len(lines) - 1; i >= 0; i-- {
			p.Out().Write(lines[i])
			p.Out().WriteByte('\n')
		}
		return err
	})
}

func nl(ctx context.Context, p *applet.Proc) error {
	o := p.Options()
	body := o.String("b body-numbering", "STYLE", "t", "number lines: a all, t those with text, n none")
	width := o.Int("w number-width", "N", 6, "use N columns for the number")
	sep := o.String("s number-separator", "TEXT", "\t", "put TEXT after the number")
	next := o.Int("v starting-line-number", "N", 1, "start with N")
	files, err := o.Parse()
	if err != nil {
		return err
	}
	return p.EachInput(ctx, files, func(_ string, r io.Reader) error {
		return eachLine(ctx, r, func(line []byte, _ bool) error {
			if *body == "a" || *body == "t" && len(line) > 0 {
				p.Printf("%*d%s%s\n", *width, *next, *sep, line)
				*next++
			} else {
				p.Printf("%*s%s\n", *width+len(*sep), "", line)
			}
			return p.EndLine()
		})
	})
}

func rev(ctx context.Context, p *applet.Proc) error {
	files, err := p.Options().Parse()
	if err != nil {
		return err
	}
	return p.EachInput(ctx, files, func(_ string, r io.Reader) error {
		return eachLine(ctx, r, func(line []byte, ended bool) error {
			runes := []rune(string(line))
			for i, j := 0, len(runes)-1; i < j; i, j = i+1, j-1 {
				runes[i], runes[j] = runes[j], runes[i]
			}
			p.Out().WriteString(string(runes))
			if ended {
				p.Out().WriteByte('\n')
			}
			return p.EndLine()
		})
	})
}

func tee(ctx context.Context, p *applet.Proc) error {
	o := p.Options()
	add := o.Flag("a append", "append to the files instead of overwriting them")
	o.Ignored("i ignore-interrupts")
	files, err := o.Parse()
	if err != nil {
		return err
	}
	type target struct {
		name string
		w    io.Writer
	}
	targets := []target{{"standard output", p.Stdout}}
	mode := os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	if *add {
		mode = os.O_WRONLY | os.O_CREATE | os.O_APPEND
	}
	for _, name := range files {
		f, err := os.OpenFile(p.Path(name), mode, 0o666)
		if err != nil {
			p.Fail(name, err)
			continue
		}
		defer f.Close()
		targets = append(targets, target{name, f})
	}
	buf := make([]byte, 32<<10)
	for {
		n, err := p.Stdin.Read(buf)
		for i := 0; i < len(targets) && n > 0; i++ {
			if _, werr := targets[i].w.Write(buf[:n]); werr != nil {
				if targets[i].w == p.Stdout && len(targets) == 1 {
					return werr
				}
				p.Fail(targets[i].name, werr)
				targets = append(targets[:i], targets[i+1:]...)
				i--
			}
		}
		if err == io.EOF || len(targets) == 0 {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
