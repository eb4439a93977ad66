//go:build linux

package shell

import (
	"errors"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/syntax"
)

// redirection can take back what redirections of a command did to the table of descriptors.
type redirection struct {
	s      *Shell
	before []*os.File
	opened []*os.File
}

func (r *redirection) undo() {
	r.s.fds = r.before
	for _, f := range r.opened {
		f.Close()
	}
}

// keep leaves the redirections in place, as exec wants it, and closes what they replaced.
func (r *redirection) keep() {
	for _, f := range r.before {
		if f != nil && f.Fd() > 2 && !slices.Contains(r.s.fds, f) {
			f.Close()
		}
	}
}

// maxDescriptor is the highest number that a script may use.
const maxDescriptor = 255

func (s *Shell) redirect(list []*syntax.Redirect) (*redirection, bool) {
	r := &redirection{s: s, before: s.fds}
	s.fds = slices.Clone(s.fds)
	for _, rd := range list {
		if err := s.redirectOne(r, rd); err != nil {
			if !errors.Is(err, errReported) {
				s.errorf("%s", err)
				s.status = 1
			}
			return r, false
		}
	}
	return r, true
}

// errReported says that the user knows already.
var errReported = errors.New("reported")

func (s *Shell) setFile(fd int, f *os.File) {
	for len(s.fds) <= fd {
		s.fds = append(s.fds, nil)
	}
	s.fds[fd] = f
}

func (s *Shell) redirectOne(r *redirection, rd *syntax.Redirect) error {
	fd, err := s.target(rd)
	if err != nil {
		return err
	}
	switch rd.Op {
	case syntax.Hdoc, syntax.DashHdoc, syntax.WordHdoc:
		f, err := s.document(rd)
		if err != nil {
			return err
		}
		r.opened = append(r.opened, f)
		s.setFile(fd, f)
		return nil
	}
	word, ok := s.literal(rd.Word)
	if !ok {
		return errReported
	}
	if rd.Op == syntax.DplIn || rd.Op == syntax.DplOut {
		if word == "-" {
			s.setFile(fd, nil)
			return nil
		}
		move := strings.HasSuffix(word, "-")
		if n, err := strconv.Atoi(strings.TrimSuffix(word, "-")); err == nil {
			f := s.file(n)
			if f == nil {
				return errors.New(word + ": bad file descriptor")
			}
			s.setFile(fd, f)
			if move && n != fd {
				s.fds[n] = nil
			}
			return nil
		}
		if rd.Op == syntax.DplIn || rd.N != nil {
			return errors.New(word + ": not a file descriptor")
		}
	}
	f, err := s.open(rd.Op, word)
	if err != nil {
		return errors.New(word + ": " + reason(err))
	}
	r.opened = append(r.opened, f)
	s.setFile(fd, f)
	switch rd.Op {
	case syntax.RdrAll, syntax.AppAll, syntax.DplOut:
		s.setFile(2, f)
	}
	return nil
}

// target is the descriptor that a redirection is about.
func (s *Shell) target(rd *syntax.Redirect) (int, error) {
	if rd.N == nil {
		switch rd.Op {
		case syntax.RdrIn, syntax.RdrInOut, syntax.DplIn, syntax.Hdoc, syntax.DashHdoc, syntax.WordHdoc:
			return 0, nil
		}
		return 1, nil
	}
	if name, ok := strings.CutPrefix(rd.N.Value, "{"); ok {
		// {name}>file: the shell chooses a number and tells it.
		name = strings.TrimSuffix(name, "}")
		if rd.Op == syntax.DplIn || rd.Op == syntax.DplOut {
			if n, err := strconv.Atoi(s.get(name)); err == nil && rd.Word.Lit() == "-" {
				return n, nil
			}
		}
		n := 10
		for s.file(n) != nil {
			n++
		}
		if err := s.assign(name, expand.Variable{Set: true, Kind: expand.String, Str: strconv.Itoa(n)}); err != nil {
			return 0, err
		}
		return n, nil
	}
	n, err := strconv.Atoi(rd.N.Value)
	if err != nil || n > maxDescriptor {
		return 0, errors.New(rd.N.Value + ": bad file descriptor")
	}
	return n, nil
}

// open opens the file of a redirection. The names of the standard streams work without /dev.
func (s *Shell) open(op syntax.RedirOperator, name string) (*os.File, error) {
	for n, stream := range []string{"/dev/stdin", "/dev/stdout", "/dev/stderr"} {
		if name == stream {
			name = "/dev/fd/" + strconv.Itoa(n)
		}
	}
	if text, ok := strings.CutPrefix(name, "/dev/fd/"); ok {
		if n, err := strconv.Atoi(text); err == nil && s.file(n) != nil {
			return dup(s.file(n))
		}
	}
	flags := unix.O_WRONLY | unix.O_CREAT | unix.O_TRUNC
	switch op {
	case syntax.RdrIn:
		flags = unix.O_RDONLY
	case syntax.RdrInOut:
		flags = unix.O_RDWR | unix.O_CREAT
	case syntax.AppOut, syntax.AppAll:
		flags = unix.O_WRONLY | unix.O_CREAT | unix.O_APPEND
	case syntax.RdrOut, syntax.RdrAll:
		if s.opt.NoClobber {
			if fi, err := os.Stat(s.path(name)); err == nil && fi.Mode().IsRegular() {
				return nil, os.ErrExist
			}
		}
	}
	for {
		// Not os.OpenFile, which would make a pipe non-blocking for whoever inherits it.
		fd, err := unix.Open(s.path(name), flags|unix.O_CLOEXEC, 0o666)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return nil, err
		}
		return lift(fd, name)
	}
}

func dup(f *os.File) (*os.File, error) {
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 10)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), f.Name()), nil
}

// lift makes a file of a descriptor, out of the way of 0, 1 and 2: os.File dies of a broken pipe there.
func lift(fd int, name string) (*os.File, error) {
	if fd > 2 {
		return os.NewFile(uintptr(fd), name), nil
	}
	high, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 10)
	unix.Close(fd)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(high), name), nil
}

// document makes a file of a here-document or a here-string.
func (s *Shell) document(rd *syntax.Redirect) (*os.File, error) {
	text := ""
	switch {
	case rd.Op == syntax.WordHdoc:
		word, ok := s.literal(rd.Word)
		if !ok {
			return nil, errReported
		}
		text = word + "\n"
	case rd.Hdoc == nil:
	case quotedDelimiter(rd.Word):
		for _, part := range rd.Hdoc.Parts {
			if lit, ok := part.(*syntax.Lit); ok {
				text += lit.Value
			}
		}
		if rd.Op == syntax.DashHdoc {
			text = stripTabs(text)
		}
	default:
		doc := rd.Hdoc
		if rd.Op == syntax.DashHdoc {
			doc = stripDocTabs(doc)
		}
		var err error
		if text, err = expand.Document(s.cfg, doc); err != nil {
			s.expansionError(err)
			return nil, errReported
		}
	}
	return textFile(text)
}

func quotedDelimiter(w *syntax.Word) bool {
	for _, part := range w.Parts {
		switch p := part.(type) {
		case *syntax.SglQuoted, *syntax.DblQuoted:
			return true
		case *syntax.Lit:
			if strings.Contains(p.Value, `\`) {
				return true
			}
		}
	}
	return false
}

func stripTabs(text string) string {
	lines := strings.SplitAfter(text, "\n")
	for i, line := range lines {
		lines[i] = strings.TrimLeft(line, "\t")
	}
	return strings.Join(lines, "")
}

// stripDocTabs removes the tabs that lines of the source begin with, and none that expansion brings.
func stripDocTabs(doc *syntax.Word) *syntax.Word {
	out := &syntax.Word{}
	start := true
	for _, part := range doc.Parts {
		lit, ok := part.(*syntax.Lit)
		if !ok {
			out.Parts = append(out.Parts, part)
			start = false
			continue
		}
		c := *lit
		lines := strings.SplitAfter(c.Value, "\n")
		for i, line := range lines {
			if i > 0 || start {
				lines[i] = strings.TrimLeft(line, "\t")
			}
		}
		c.Value = strings.Join(lines, "")
		start = strings.HasSuffix(lit.Value, "\n")
		out.Parts = append(out.Parts, &c)
	}
	return out
}

// textFile is a file that reads as text: a pipe if it takes the text at once, or else memory.
func textFile(text string) (*os.File, error) {
	if len(text) <= 4096 {
		r, w, err := pipe()
		if err != nil {
			return nil, err
		}
		_, err = w.WriteString(text)
		return r, errors.Join(err, w.Close())
	}
	fd, err := unix.MemfdCreate("document", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("memfd", err)
	}
	f := os.NewFile(uintptr(fd), "document")
	if _, err = f.WriteString(text); err == nil {
		_, err = f.Seek(0, 0)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}
