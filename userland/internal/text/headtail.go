package text

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/libioc/ioc/userland/internal/applet"
)

// count is a number with a sign that matters and a unit: -n +5, -c 2k.
type count struct {
	n     int64
	plus  bool // counted from the beginning
	minus bool // all but that many
}

func (c *count) set(s string) error {
	*c = count{}
	switch {
	case strings.HasPrefix(s, "+"):
		c.plus = true
		s = s[1:]
	case strings.HasPrefix(s, "-"):
		c.minus = true
		s = s[1:]
	}
	n, err := applet.ParseSize(s)
	c.n = n
	return err
}

// banner prints the names of files that are shown one after the other.
type banner struct {
	p     *applet.Proc
	many  bool
	shown bool
}

func (b *banner) print(name string) {
	if !b.many {
		return
	}
	if name == "-" {
		name = "standard input"
	}
	if b.shown {
		b.p.Printf("\n")
	}
	b.shown = true
	b.p.Printf("==> %s <==\n", name)
}

func head(ctx context.Context, p *applet.Proc) error {
	o := p.Options()
	lines, bytes := count{n: 10}, count{}
	useBytes := false
	o.Func("n lines", "[-]N", "print the first N lines, or all but the last N", lines.set)
	o.Func("c bytes", "[-]N", "print the first N bytes, or all but the last N", func(s string) error {
		useBytes = true
		return bytes.set(s)
	})
	quiet := o.Flag("q quiet", "print no file names")
	verbose := o.Flag("v verbose", "always print file names")
	o.Digits(lines.set)
	files, err := o.Parse()
	if err != nil {
		return err
	}
	b := banner{p: p, many: (len(files) > 1 || *verbose) && !*quiet}
	return p.EachInput(ctx, files, func(name string, r io.Reader) error {
		b.print(name)
		if useBytes {
			return headBytes(p, r, bytes)
		}
		return headLines(ctx, p, r, lines)
	})
}

func headBytes(p *applet.Proc, r io.Reader, c count) error {
	if !c.minus {
		_, err := io.CopyN(p.Out(), r, c.n)
		if err == io.EOF {
			err = nil
		}
		return err
	}
	all, err := io.ReadAll(r)
	p.Out().Write(all[:max(0, int64(len(all))-c.n)])
	return err
}

func headLines(ctx context.Context, p *applet.Proc, r io.Reader, c count) error {
	var held [][]byte
	left := c.n
	if left == 0 && !c.minus {
		return nil
	}
	stop := fmt.Errorf("enough")
	err := eachLine(ctx, r, func(line []byte, ended bool) error {
		if ended {
			line = append(line[:len(line):len(line)], '\n')
		}
		if c.minus {
			held = append(held, append([]byte(nil), line...))
			if int64(len(held)) <= c.n {
				return nil
			}
			line, held = held[0], held[1:]
		}
		p.Out().Write(line)
		left--
		if err := p.EndLine(); err != nil {
			return &applet.WriteError{Err: err}
		}
		if !c.minus && left == 0 {
			return stop
		}
		return nil
	})
	if err == stop {
		return nil
	}
	return err
}

func tail(ctx context.Context, p *applet.Proc) error {
	o := p.Options()
	lines, bytes := count{n: 10}, count{}
	useBytes := false
	o.Func("n lines", "[+]N", "print the last N lines, or from line N on", lines.set)
	o.Func("c bytes", "[+]N", "print the last N bytes, or from byte N on", func(s string) error {
		useBytes = true
		return bytes.set(s)
	})
	follow := o.Flag("f follow", "wait for more text at the end of the files")
	retry := o.Flag("F", "like -f, and open a file again when it was replaced")
	quiet := o.Flag("q quiet", "print no file names")
	verbose := o.Flag("v verbose", "always print file names")
	interval := o.String("s sleep-interval", "SECONDS", "1", "look for more text every SECONDS")
	o.Digits(lines.set)
	files, err := o.Parse()
	if err != nil {
		return err
	}
	pause, err := strconv.ParseFloat(*interval, 64)
	if err != nil || pause < 0 {
		return applet.Usagef("bad interval %q", *interval)
	}
	b := banner{p: p, many: (len(files) > 1 || *verbose) && !*quiet}
	f := follower{p: p, b: &b, reopen: *retry, pause: time.Duration(pause * float64(time.Second))}
	err = p.EachInput(ctx, files, func(name string, r io.Reader) error {
		b.print(name)
		var err error
		if useBytes {
			err = tailBytes(p, r, bytes)
		} else {
			err = tailLines(ctx, p, r, lines)
		}
		f.add(name, r)
		return err
	})
	if err != nil || !*follow && !*retry {
		return err
	}
	return f.run(ctx)
}

func tailBytes(p *applet.Proc, r io.Reader, c count) error {
	if c.plus {
		if _, err := io.CopyN(io.Discard, r, max(0, c.n-1)); err != nil && err != io.EOF {
			return err
		}
		_, err := io.Copy(p.Out(), r)
		return err
	}
	if f := applet.File(r); f != nil {
		if fi, err := f.Stat(); err == nil && fi.Mode().IsRegular() && fi.Size() > c.n {
			f.Seek(-c.n, io.SeekEnd)
		}
	}
	all, err := io.ReadAll(r)
	p.Out().Write(all[max(0, int64(len(all))-c.n):])
	return err
}

func tailLines(ctx context.Context, p *applet.Proc, r io.Reader, c count) error {
	if !c.plus {
		seekToLines(r, c.n)
	}
	var ring [][]byte
	seen := int64(0)
	err := eachLine(ctx, r, func(line []byte, ended bool) error {
		seen++
		if c.plus && seen < c.n || !c.plus && c.n == 0 {
			return nil
		}
		if c.plus {
			p.Out().Write(line)
			if ended {
				p.Out().WriteByte('\n')
			}
			return p.EndLine()
		}
		var slot []byte
		if int64(len(ring)) == c.n {
			slot = ring[0][:0]
			ring = ring[1:]
		}
		slot = append(slot, line...)
		if ended {
			slot = append(slot, '\n')
		}
		ring = append(ring, slot)
		return nil
	})
	for _, line := range ring {
		p.Out().Write(line)
	}
	return err
}

// seekToLines moves a regular file to the start of its last n lines, or a little before, so that the
// end of a large file does not cost reading all of it.
func seekToLines(r io.Reader, n int64) {
	f := applet.File(r)
	if f == nil {
		return
	}
	fi, err := f.Stat()
	if err != nil || !fi.Mode().IsRegular() {
		return
	}
	const block = 64 << 10
	buf := make([]byte, block)
	start, _ := f.Seek(0, io.SeekCurrent)
	for end, newlines := fi.Size(), int64(0); end > start; {
		from := max(start, end-block)
		k, err := f.ReadAt(buf[:end-from], from)
		if err != nil && err != io.EOF {
			return
		}
		for i := k - 1; i >= 0; i-- {
			if buf[i] == '\n' {
				if newlines++; newlines > n {
					f.Seek(from+int64(i)+1, io.SeekStart)
					return
				}
			}
		}
		end = from
	}
}

// follower prints what is appended to files.
type follower struct {
	p      *applet.Proc
	b      *banner
	reopen bool
	pause  time.Duration
	files  []*followed
	last   *followed
}

type followed struct {
	name string
	f    *os.File
	at   int64
}

func (fo *follower) add(name string, r io.Reader) {
	fd := &followed{name: name}
	if name != "-" {
		if f, err := os.Open(fo.p.Path(name)); err == nil {
			fd.f = f
			if old := applet.File(r); old != nil {
				fd.at, _ = old.Seek(0, io.SeekCurrent)
			}
		}
	} else {
		return
	}
	fo.files = append(fo.files, fd)
	fo.last = fd
}

func (fo *follower) run(ctx context.Context) error {
	defer func() {
		for _, fd := range fo.files {
			if fd.f != nil {
				fd.f.Close()
			}
		}
	}()
	for len(fo.files) > 0 {
		for _, fd := range fo.files {
			if err := fo.poll(fd); err != nil {
				return err
			}
		}
		if err := fo.p.Flush(); err != nil {
			return err
		}
		if err := applet.Sleep(ctx, fo.pause); err != nil {
			return err
		}
	}
	return nil
}

func (fo *follower) poll(fd *followed) error {
	if fo.reopen {
		now, err := os.Stat(fo.p.Path(fd.name))
		if err != nil {
			return nil
		}
		var old os.FileInfo
		if fd.f != nil {
			old, _ = fd.f.Stat()
		}
		if old == nil || !os.SameFile(now, old) {
			if fd.f != nil {
				fd.f.Close()
			}
			if fd.f, err = os.Open(fo.p.Path(fd.name)); err != nil {
				fd.f = nil
				return nil
			}
			fd.at = 0
		}
	}
	if fd.f == nil {
		return nil
	}
	fi, err := fd.f.Stat()
	if err != nil {
		return err
	}
	if !fi.Mode().IsRegular() {
		_, err := io.Copy(fo.p.Out(), bufio.NewReader(fd.f))
		return err
	}
	if fi.Size() < fd.at {
		fo.p.Flush()
		fmt.Fprintf(fo.p.Stderr, "%s: %s: file truncated\n", fo.p.Name, fd.name)
		fd.at = 0
	}
	if fi.Size() == fd.at {
		return nil
	}
	if fo.last != fd {
		fo.b.print(fd.name)
		fo.last = fd
	}
	n, err := io.Copy(fo.p.Out(), io.NewSectionReader(fd.f, fd.at, fi.Size()-fd.at))
	fd.at += n
	return err
}
