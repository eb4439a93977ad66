package text

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/libioc/ioc/userland/internal/applet"
)

func sed(ctx context.Context, p *applet.Proc) error {
	o := p.Options()
	quiet := o.Flag("n quiet", "print only what the script prints")
	o.Func("silent", "", "", func(string) error { *quiet = true; return nil })
	var script []string
	given := false
	o.Func("e expression", "SCRIPT", "add commands", func(v string) error {
		given = true
		script = append(script, v)
		return nil
	})
	o.Func("f file", "FILE", "add commands from FILE", func(v string) error {
		given = true
		text, err := readAll(ctx, p, v)
		script = append(script, strings.TrimSuffix(text, "\n"))
		return err
	})
	extended := o.Flag("E regexp-extended", "patterns are extended regular expressions")
	o.Func("r", "", "", func(string) error { *extended = true; return nil })
	separate := o.Flag("s separate", "take each file as a stream of its own")
	inPlace, suffix := false, ""
	o.Func("in-place", "SUFFIX", "", func(v string) error { inPlace, suffix = true, v; return nil })
	o.Note("  -i[SUFFIX], --in-place[=SUFFIX]  change the files themselves; keep the old ones as FILE with SUFFIX\n\n" +
		"Commands: { } = a b c d D g G h H i l n N p P q Q r s t T w x y z : #\nAddresses: N $ /RE/ \\cREc FIRST~STEP, pairs of them, ADDR,+N, ADDR,~N, 0,/RE/, and ! to negate.")
	// The value of -i is optional and always joined, which no other option of any applet has.
	for i := 0; i < len(p.Args) && p.Args[i] != "--"; i++ {
		switch arg := p.Args[i]; {
		case arg == "--in-place":
			p.Args[i] = "--in-place="
		case len(arg) > 1 && arg[0] == '-' && arg[1] != '-':
			if at := strings.IndexByte(arg, 'i'); at > 0 && strings.Trim(arg[1:at], "nErs") == "" {
				head, tail := arg[:at], "--in-place="+arg[at+1:]
				p.Args[i] = tail
				if len(head) > 1 {
					p.Args = append(p.Args[:i], append([]string{head}, p.Args[i:]...)...)
					i++
				}
			}
		}
	}
	files, err := o.Parse()
	if err != nil {
		return err
	}
	if !given {
		if len(files) == 0 {
			return applet.Usagef("a script is needed")
		}
		script, files = files[:1], files[1:]
	}
	text := strings.Join(script, "\n")
	if strings.HasPrefix(text, "#n\n") {
		*quiet = true
	}
	prog, err := parseSed(text, *extended)
	if err != nil {
		return err
	}
	e := &sedRun{ctx: ctx, p: p, commands: prog.commands, quiet: *quiet, out: p.Out(), files: map[string]*bufio.Writer{}}
	defer e.close()
	for _, name := range prog.files {
		if err := e.create(name); err != nil {
			return err
		}
	}
	if inPlace {
		if len(files) == 0 {
			return applet.Usagef("-i needs files")
		}
		return e.editFiles(files, suffix)
	}
	if len(files) == 0 {
		files = []string{"-"}
	}
	if *separate {
		for _, name := range files {
			if err := e.run(&sedInput{ctx: ctx, p: p, names: []string{name}}); err != nil || e.quit {
				return e.result(err)
			}
		}
		return nil
	}
	return e.result(e.run(&sedInput{ctx: ctx, p: p, names: files}))
}

// sedInput reads lines and knows which one is the last.
type sedInput struct {
	ctx   context.Context
	p     *applet.Proc
	names []string
	r     *bufio.Reader
	c     io.Closer
	next  []byte
	ready bool
	ended bool
}

// fill reads ahead by one line, so that $ can be told.
func (in *sedInput) fill() error {
	for !in.ready && !in.ended {
		if in.r == nil {
			if len(in.names) == 0 {
				in.ended = true
				return nil
			}
			name := in.names[0]
			in.names = in.names[1:]
			f, err := in.p.Open(in.ctx, name)
			if err != nil {
				in.p.Fail(name, err)
				continue
			}
			in.r, in.c = bufio.NewReader(f), f
		}
		line, err := in.r.ReadBytes('\n')
		if err != nil {
			in.c.Close()
			in.r = nil
			if err != io.EOF {
				if in.ctx.Err() != nil {
					return in.ctx.Err()
				}
				in.p.Errorf("read error: %s", applet.Reason(err))
			}
		}
		if len(line) > 0 {
			in.next, in.ready = line, true
		}
	}
	return nil
}

func (in *sedInput) read() (line []byte, ok bool, err error) {
	if err := in.fill(); err != nil || !in.ready {
		return nil, false, err
	}
	in.ready = false
	return in.next, true, nil
}

func (in *sedInput) last() bool {
	in.fill()
	return !in.ready
}

// sedRun executes a script.
type sedRun struct {
	ctx      context.Context
	p        *applet.Proc
	commands []sedCommand
	quiet    bool
	out      *bufio.Writer
	files    map[string]*bufio.Writer
	closers  []func() error

	in          *sedInput
	line        int
	space, hold []byte
	newline     bool // the current line ended with one
	after       []func()
	replaced    bool
	lastRE      *regexp.Regexp
	quit        bool
	status      int
}

func (e *sedRun) create(name string) error {
	if e.files[name] != nil {
		return nil
	}
	switch name {
	case "/dev/stdout":
		e.files[name] = e.out
		return nil
	case "/dev/stderr":
		e.files[name] = bufio.NewWriter(e.p.Stderr)
		return nil
	}
	f, err := os.Create(e.p.Path(name))
	if err != nil {
		return err
	}
	e.files[name] = bufio.NewWriter(f)
	e.closers = append(e.closers, f.Close)
	return nil
}

func (e *sedRun) close() {
	for _, w := range e.files {
		w.Flush()
	}
	for _, c := range e.closers {
		c()
	}
}

func (e *sedRun) result(err error) error {
	if err == nil && e.status != 0 {
		return applet.Exit(e.status)
	}
	return err
}

// editFiles runs the script over each file and puts the result in its place: written beside it,
// then renamed, so that a failure leaves the old file.
func (e *sedRun) editFiles(names []string, suffix string) error {
	for _, name := range names {
		if err := e.editFile(name, suffix); err != nil {
			if e.ctx.Err() != nil {
				return err
			}
			e.p.Fail(name, err)
		}
		if e.quit {
			break
		}
	}
	return e.result(nil)
}

func (e *sedRun) editFile(name, suffix string) error {
	path := e.p.Path(name)
	fi, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !fi.Mode().IsRegular() {
		return errors.New("not a regular file")
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), ".sed")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	defer tmp.Close()
	e.out, e.line = bufio.NewWriter(tmp), 0
	if err := e.run(&sedInput{ctx: e.ctx, p: e.p, names: []string{name}}); err != nil {
		return err
	}
	if e.quit {
		// What q left unread stays in the file.
		for {
			line, ok, err := e.in.read()
			if err != nil {
				return err
			}
			if !ok {
				break
			}
			e.out.Write(line)
		}
	}
	if err := e.out.Flush(); err != nil {
		return err
	}
	if err := keepOwner(tmp, fi); err != nil {
		return err
	}
	if suffix != "" {
		if err := os.Rename(path, path+suffix); err != nil {
			return err
		}
	}
	return os.Rename(tmp.Name(), path)
}

// run executes the script for each line of the input.
func (e *sedRun) run(in *sedInput) error {
	e.in = in
	for !e.quit {
		line, ok, err := in.read()
		if err != nil || !ok {
			return err
		}
		e.take(line, false)
		for again := true; again; {
			if again, err = e.cycle(); err != nil {
				return err
			}
		}
		if err := e.flushLine(); err != nil {
			return err
		}
	}
	return nil
}

func (e *sedRun) flushLine() error {
	if f := applet.File(e.p.Stdout); f != nil && e.out == e.p.Out() {
		return e.p.EndLine()
	}
	_, err := e.out.Write(nil)
	return err
}

// take makes a line the pattern space, or adds it to it.
func (e *sedRun) take(line []byte, add bool) {
	e.line++
	line, e.newline = bytes.CutSuffix(line, []byte("\n"))
	if add {
		e.space = append(append(e.space, '\n'), line...)
	} else {
		e.space = append(e.space[:0], line...)
	}
}

func (e *sedRun) print(text []byte) {
	e.out.Write(text)
	if e.newline || !e.in.last() {
		e.out.WriteByte('\n')
	}
}

// finish ends a cycle: what was appended comes after the line.
func (e *sedRun) finish(print bool) {
	if print && !e.quiet {
		e.print(e.space)
	}
	for _, f := range e.after {
		f()
	}
	e.after = e.after[:0]
}

// cycle runs the commands over the pattern space. It returns true if D wants them run again without
// reading a line.
func (e *sedRun) cycle() (again bool, err error) {
	if e.ctx.Err() != nil {
		return false, e.ctx.Err()
	}
	for pc := 0; pc < len(e.commands); {
		c := &e.commands[pc]
		pc++
		hit, err := e.selects(c)
		if err != nil {
			return false, err
		}
		if !hit {
			if c.name == '{' {
				pc = c.jump
			}
			continue
		}
		switch c.name {
		case '{', '}':
		case 'b':
			pc = c.jump
		case 't', 'T':
			if e.replaced == (c.name == 't') {
				pc = c.jump
			}
			e.replaced = false
		case 'd':
			e.finish(false)
			return false, nil
		case 'D':
			if i := bytes.IndexByte(e.space, '\n'); i >= 0 {
				e.space = append(e.space[:0], e.space[i+1:]...)
				e.finish(false)
				return true, nil
			}
			e.finish(false)
			return false, nil
		case 'c':
			if c.to == nil || c.negate || !c.active {
				e.out.WriteString(c.text)
			}
			e.finish(false)
			return false, nil
		case 'q', 'Q':
			e.finish(c.name == 'q')
			e.quit, e.status = true, c.number
			return false, nil
		case 'n', 'N':
			if c.name == 'n' && !e.in.last() {
				e.finish(true)
			}
			line, ok, err := e.in.read()
			if err != nil {
				return false, err
			}
			if !ok {
				e.finish(true)
				return false, nil
			}
			e.take(line, c.name == 'N')
		default:
			if err := e.simple(c); err != nil {
				return false, err
			}
		}
	}
	e.finish(true)
	e.replaced = false
	return false, nil
}

// simple executes the commands that do not change the flow.
func (e *sedRun) simple(c *sedCommand) error {
	switch c.name {
	case '=':
		fmt.Fprintf(e.out, "%d\n", e.line)
	case 'a':
		e.after = append(e.after, func() { e.out.WriteString(c.text) })
	case 'i':
		e.out.WriteString(c.text)
	case 'r':
		e.after = append(e.after, func() {
			text, _ := readAll(e.ctx, e.p, c.text)
			e.out.WriteString(text)
		})
	case 'w':
		e.files[c.text].Write(append(bytes.Clone(e.space), '\n'))
	case 'p':
		e.out.Write(e.space)
		e.out.WriteByte('\n')
	case 'P':
		first, _, _ := bytes.Cut(e.space, []byte("\n"))
		e.out.Write(first)
		e.out.WriteByte('\n')
	case 'g':
		e.space = append(e.space[:0], e.hold...)
	case 'G':
		e.space = append(append(e.space, '\n'), e.hold...)
	case 'h':
		e.hold = append(e.hold[:0], e.space...)
	case 'H':
		e.hold = append(append(e.hold, '\n'), e.space...)
	case 'x':
		e.space, e.hold = e.hold, e.space
	case 'z':
		e.space = e.space[:0]
	case 'l':
		e.out.WriteString(visible(e.space) + "$\n")
	case 'y':
		e.space = bytes.Map(func(r rune) rune {
			if to, ok := c.runes[r]; ok {
				return to
			}
			return r
		}, e.space)
	case 's':
		return e.substitute(c.sub)
	}
	return nil
}

func visible(text []byte) string {
	var b strings.Builder
	for _, c := range text {
		if i := strings.IndexByte("\a\b\f\n\r\t\v\\", c); i >= 0 {
			b.WriteByte('\\')
			b.WriteByte(`abfnrtv\`[i])
		} else if c < 32 || c > 126 {
			fmt.Fprintf(&b, `\%03o`, c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}
