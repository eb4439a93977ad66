//go:build linux

package shell

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/libioc/ioc/userland/internal/applet"
	"golang.org/x/sys/unix"
	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/syntax"
)

// lineOptions say how a line is read.
type lineOptions struct {
	raw     bool // backslashes are characters
	delim   byte
	fd      int
	most    int // characters, 0 for any number
	timeout time.Duration
}

// readLine reads a line byte by byte, because what follows it belongs to the next command.
func (s *Shell) readLine(o lineOptions) (string, error) {
	f := s.file(o.fd)
	if f == nil {
		return "", errors.New("bad file descriptor")
	}
	r := &interruptible{ctx: s.ctx, f: f, wake: s.signals.wake}
	poll := s.ctx.Done() != nil || o.timeout > 0
	if r.wake < 0 {
		r.wake = -1
	}
	deadline := time.Now().Add(o.timeout)
	var line []byte
	escaped := false
	for n := 0; o.most == 0 || n < o.most; n++ {
		if poll {
			wait := -1
			if o.timeout > 0 {
				wait = max(0, int(time.Until(deadline)/time.Millisecond))
			}
			if err := r.wait(wait); err != nil {
				return string(line), err
			}
		}
		var b [1]byte
		k, err := f.Read(b[:])
		if k == 0 {
			if err == nil {
				err = io.EOF
			}
			return string(line), err
		}
		switch {
		case escaped && b[0] == '\n':
			line = line[:len(line)-1] // the line goes on
			escaped = false
			continue
		case escaped:
			escaped = false
		case b[0] == '\\' && !o.raw:
			escaped = true
		case b[0] == o.delim:
			return string(line), nil
		}
		line = append(line, b[0])
	}
	return string(line), nil
}

func read(s *Shell, args []string) int {
	o := lineOptions{delim: '\n'}
	prompt, array, silent := "", "", false
	p := &applet.Proc{Name: "read", Args: args[1:], Stdout: output{s.file(1)}.writer(), Stderr: output{s.file(2)}.writer()}
	opts := p.Options()
	opts.InOrder()
	flag := func(v *bool, name, help string) {
		opts.Func(name, "", help, func(string) error { *v = true; return nil })
	}
	flag(&o.raw, "r", "take backslashes as characters")
	flag(&silent, "s", "do not show what is typed")
	opts.Func("p", "TEXT", "print TEXT first", func(v string) error { prompt = v; return nil })
	opts.Func("a", "NAME", "make the words elements of an array", func(v string) error { array = v; return nil })
	opts.Func("u", "FD", "read from a file descriptor", func(v string) (err error) { o.fd, err = strconv.Atoi(v); return err })
	opts.Func("n", "N", "read at most N characters", func(v string) (err error) { o.most, err = strconv.Atoi(v); return err })
	opts.Func("N", "N", "", func(v string) (err error) { o.most, err = strconv.Atoi(v); return err })
	opts.Func("t", "SECONDS", "give up after SECONDS", func(v string) (err error) { o.timeout, err = applet.ParseDuration(v); return err })
	opts.Func("d", "CHAR", "read up to CHAR", func(v string) error { o.delim = (v + "\x00")[0]; return nil })
	names, err := opts.Parse()
	if err != nil {
		p.Flush()
		if _, ok := errors.AsType[applet.Usage](err); !ok {
			return 0 // help was printed
		}
		return s.usage("read", err.Error())
	}
	for _, name := range names {
		if !syntax.ValidName(name) {
			return s.usage("read", fmt.Sprintf("%q is not a name", name))
		}
	}
	if prompt != "" && terminal(s.file(o.fd)) {
		s.write(2, prompt)
	}
	if restore := s.prepareTerminal(o, silent); restore != nil {
		defer restore()
	}
	line, rerr := s.readLine(o)
	status := 0
	switch {
	case errors.Is(rerr, os.ErrDeadlineExceeded):
		status = 142
	case errors.Is(rerr, context.Canceled):
		return applet.StatusInterrupted
	case rerr != nil:
		status = 1
		if rerr != io.EOF {
			s.errorf("read: %s", reason(rerr))
		}
	}
	if !s.assignFields(names, array, line, o.raw) {
		return 1
	}
	return status
}

// prepareTerminal sets a terminal up for reading single characters or secrets.
func (s *Shell) prepareTerminal(o lineOptions, silent bool) (restore func()) {
	f := s.file(o.fd)
	if !terminal(f) || !silent && o.most == 0 && o.delim == '\n' {
		return nil
	}
	fd := int(f.Fd())
	old, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return nil
	}
	t := *old
	if silent {
		t.Lflag &^= unix.ECHO
	}
	if o.most > 0 || o.delim != '\n' {
		t.Lflag &^= unix.ICANON
		t.Cc[unix.VMIN], t.Cc[unix.VTIME] = 1, 0
	}
	unix.IoctlSetTermios(fd, unix.TCSETSW, &t)
	return func() { unix.IoctlSetTermios(fd, unix.TCSETSW, old) }
}

func terminal(f *os.File) bool {
	if f == nil {
		return false
	}
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}

func (s *Shell) assignFields(names []string, array, line string, raw bool) bool {
	if array != "" {
		v := expand.Variable{Set: true, Kind: expand.Indexed, List: expand.ReadFields(s.cfg, line, -1, raw)}
		if err := s.assign(array, v); err != nil {
			s.errorf("read: %s", err)
			return false
		}
		return true
	}
	if len(names) == 0 {
		if !raw {
			line = unescapeRead(line)
		}
		return s.set("REPLY", line)
	}
	fields := expand.ReadFields(s.cfg, line, len(names), raw)
	for i, name := range names {
		value := ""
		if i < len(fields) {
			value = fields[i]
		}
		if !s.set(name, value) {
			return false
		}
	}
	return true
}

func unescapeRead(line string) string {
	if !strings.Contains(line, `\`) {
		return line
	}
	var b strings.Builder
	for i := 0; i < len(line); i++ {
		if line[i] == '\\' && i+1 < len(line) {
			i++
		}
		b.WriteByte(line[i])
	}
	return b.String()
}

// mapfile reads lines into an array.
func mapfile(s *Shell, args []string) int {
	args = args[1:]
	trim, delim := false, byte('\n')
	for len(args) > 0 && strings.HasPrefix(args[0], "-") {
		switch args[0] {
		case "-t":
			trim = true
		case "-d":
			if len(args) < 2 {
				return s.usage("mapfile", "-d needs a character")
			}
			delim = (args[1] + "\x00")[0]
			args = args[1:]
		default:
			return s.usage("mapfile", "unknown option "+args[0])
		}
		args = args[1:]
	}
	name := "MAPFILE"
	if len(args) > 0 {
		name = args[0]
	}
	all, err := io.ReadAll(s.input(0))
	if err != nil {
		s.errorf("mapfile: %s", reason(err))
		return 1
	}
	v := expand.Variable{Set: true, Kind: expand.Indexed, List: []string{}}
	for _, line := range strings.SplitAfter(string(all), string(delim)) {
		if line == "" {
			continue
		}
		if trim {
			line = strings.TrimSuffix(line, string(delim))
		}
		v.List = append(v.List, line)
	}
	if err := s.assign(name, v); err != nil {
		s.errorf("mapfile: %s", err)
		return 1
	}
	return 0
}
