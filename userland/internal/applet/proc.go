package applet

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// Proc is what an applet has instead of a process: its arguments, streams, directory and environment.
type Proc struct {
	Name   string
	Args   []string // without the name
	Stdin  io.Reader
	Stdout io.Writer
	Stderr io.Writer
	// Dir is the working directory, or empty for the process's own.
	Dir string
	// Env is the environment as NAME=value.
	Env []string
	// Find finds other applets, for those that run commands.
	Find Find
	// Login is true if the program was called with a dash before its name.
	Login bool
	// Inside is true in the shell's process: signals then arrive as a cancelled context.
	Inside bool

	applet Applet
	out    *bufio.Writer
	lines  bool
	failed bool
}

// Getenv returns the value of an environment variable, or nothing.
func (p *Proc) Getenv(key string) string {
	for i := len(p.Env) - 1; i >= 0; i-- {
		if k, v, _ := strings.Cut(p.Env[i], "="); k == key {
			return v
		}
	}
	return ""
}

// Path makes a name usable for a system call: relative to Dir, without cleaning it, because "a/" and
// "a/.." mean what the kernel says they mean.
func (p *Proc) Path(name string) string {
	if p.Dir == "" || name == "" || name[0] == '/' {
		return name
	}
	return strings.TrimSuffix(p.Dir, "/") + "/" + name
}

// Filer is a stream that stands for a file, for example one whose reads can be interrupted.
type Filer interface{ File() *os.File }

// File returns the file behind a stream, or nil if there is none.
func File(stream any) *os.File {
	switch s := stream.(type) {
	case *os.File:
		return s
	case Filer:
		return s.File()
	}
	return nil
}

// Out is the buffered standard output; it is flushed at the end, before every message on standard
// error, and on a terminal after every line.
func (p *Proc) Out() *bufio.Writer {
	if p.out == nil {
		w := p.Stdout
		if f := File(w); f != nil {
			if fi, err := f.Stat(); err == nil && fi.Mode()&os.ModeCharDevice != 0 {
				p.lines = true
			}
		}
		size := 32 << 10
		if p.Inside {
			size = 4 << 10
		}
		p.out = bufio.NewWriterSize(w, size)
	}
	return p.out
}

// Flush writes out what is buffered.
func (p *Proc) Flush() error {
	if p.out == nil {
		return nil
	}
	return p.out.Flush()
}

// EndLine is to be called after a line was written to Out; it shows the line at once on a terminal.
// It returns the first error of the output, so that a loop can stop when nobody reads any more.
func (p *Proc) EndLine() error {
	if p.lines {
		return p.Out().Flush()
	}
	_, err := p.Out().Write(nil)
	return err
}

// Printf writes to Out.
func (p *Proc) Printf(format string, args ...any) { fmt.Fprintf(p.Out(), format, args...) }

// Println writes a line to Out.
func (p *Proc) Println(line string) error {
	p.Out().WriteString(line)
	p.Out().WriteByte('\n')
	return p.EndLine()
}

// Errorf reports something on standard error under the applet's name and makes the exit status 1.
func (p *Proc) Errorf(format string, args ...any) {
	p.Flush()
	p.failed = true
	fmt.Fprintf(p.Stderr, "%s: %s\n", p.Name, fmt.Sprintf(format, args...))
}

// Fail reports that something went wrong with subject and makes the exit status 1.
func (p *Proc) Fail(subject string, err error) {
	if err != nil {
		p.Errorf("%s: %s", subject, Reason(err))
	}
}

// Failed reports whether Errorf or Fail was called.
func (p *Proc) Failed() bool { return p.failed }

// Open opens a file for reading; "-" is the standard input. Reads end when ctx does.
func (p *Proc) Open(ctx context.Context, name string) (io.ReadCloser, error) {
	if name == "-" {
		return io.NopCloser(p.Stdin), nil
	}
	f, err := os.Open(p.Path(name))
	if err != nil {
		return nil, err
	}
	return &reader{ctx, f}, nil
}

// EachInput calls f with every named input, or with the standard input if there is none. What cannot
// be opened or read is reported, and the others are still done; only an error of the output ends it.
func (p *Proc) EachInput(ctx context.Context, names []string, f func(name string, r io.Reader) error) error {
	if len(names) == 0 {
		names = []string{"-"}
	}
	for _, name := range names {
		r, err := p.Open(ctx, name)
		if err != nil {
			p.Fail(name, err)
			continue
		}
		err = f(name, r)
		r.Close()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if _, werr := p.Out().Write(nil); werr != nil {
			return werr
		}
		if err != nil {
			if _, ok := errors.AsType[Exit](err); ok {
				return err
			}
			if w, ok := errors.AsType[*WriteError](err); ok {
				return w.Err
			}
			p.Fail(name, err)
		}
	}
	return nil
}

// WriteError marks an error as one of the output, which ends the applet.
type WriteError struct{ Err error }

func (e *WriteError) Error() string { return e.Err.Error() }
func (e *WriteError) Unwrap() error { return e.Err }

// reader is a file whose reads fail when its context has ended.
type reader struct {
	ctx context.Context
	f   *os.File
}

func (r *reader) Read(b []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.f.Read(b)
}
func (r *reader) Close() error   { return r.f.Close() }
func (r *reader) File() *os.File { return r.f }

// Copy copies until the end of src or of ctx. Between files the kernel does the work, in pieces.
func Copy(ctx context.Context, dst io.Writer, src io.Reader) (written int64, err error) {
	if r, ok := src.(*reader); ok {
		src = r.f
	}
	const piece = 1 << 20
	for {
		if err := ctx.Err(); err != nil {
			return written, err
		}
		n, err := io.CopyN(dst, src, piece)
		written += n
		if err == io.EOF {
			return written, nil
		}
		if err != nil {
			return written, err
		}
	}
}
