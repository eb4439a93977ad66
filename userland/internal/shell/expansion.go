//go:build linux

package shell

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/syntax"
)

// configure sets up word expansion for this environment; to be called when options change.
func (s *Shell) configure() {
	s.cfg = &expand.Config{
		Env:        environ{s},
		CmdSubst:   s.commandSubstitution,
		ProcSubst:  s.processSubstitution,
		GlobStar:   s.opt.GlobStar,
		NullGlob:   s.opt.NullGlob,
		DotGlob:    s.opt.DotGlob,
		NoCaseGlob: s.opt.NoCaseGlob,
		NoUnset:    s.opt.NoUnset,
		ExtGlob:    s.opt.ExtGlob,
	}
	if !s.opt.NoGlob {
		s.cfg.ReadDir2 = func(dir string) ([]fs.DirEntry, error) { return os.ReadDir(s.path(dir)) }
	}
}

// expansionError reports what word expansion found wrong, and fails the command. A parameter that must
// be set ends a script, as POSIX wants it.
func (s *Shell) expansionError(err error) {
	s.status = 1
	text := err.Error()
	if unset, ok := errors.AsType[expand.UnsetParameterError](err); ok {
		text = unset.Error()
		if s.interactive && s.main {
			s.flow.kind = flowInterrupt
		} else {
			s.flow.kind = flowExit
		}
	}
	s.errorf("%s", text)
}

// fields expands words to arguments.
func (s *Shell) fields(words []*syntax.Word) ([]string, bool) {
	// The usual word is plain text; that needs no machinery.
	out := make([]string, 0, len(words))
	for i, w := range words {
		if lit, ok := plain(w); ok {
			out = append(out, lit)
			continue
		}
		more, err := s.wordFields(words[i])
		if err != nil {
			s.expansionError(err)
			return nil, false
		}
		out = append(out, more...)
	}
	return out, true
}

// wordFields expands a word to any number of arguments. What a lone $x or $(x) yields is split here if
// IFS has characters that are no blanks, because between two of those there is an empty field.
func (s *Shell) wordFields(w *syntax.Word) ([]string, error) {
	ifs := s.lookup("IFS")
	if len(w.Parts) != 1 || !ifs.IsSet() || strings.Trim(ifs.Str, " \t\n") == "" {
		return expand.Fields(s.cfg, w)
	}
	switch p := w.Parts[0].(type) {
	case *syntax.CmdSubst:
	case *syntax.ParamExp:
		if p.Index != nil || p.Param == nil || p.Param.Value == "@" || p.Param.Value == "*" || p.Excl || p.Names != 0 {
			return expand.Fields(s.cfg, w)
		}
	default:
		return expand.Fields(s.cfg, w)
	}
	text, err := expand.Literal(s.cfg, &syntax.Word{Parts: []syntax.WordPart{&syntax.DblQuoted{Parts: w.Parts}}})
	if err != nil {
		return nil, err
	}
	var out []string
	for _, field := range splitFields(text, ifs.Str) {
		if s.opt.NoGlob || !strings.ContainsAny(field, "*?[") {
			out = append(out, field)
			continue
		}
		names, err := expand.Fields(s.cfg, &syntax.Word{Parts: []syntax.WordPart{&syntax.Lit{Value: escapeAllBut(field, "*?[]-")}}})
		if err != nil {
			return nil, err
		}
		out = append(out, names...)
	}
	return out, nil
}

// splitFields splits as POSIX has it: blanks of IFS at the ends count for nothing, and every other
// character of IFS, with the blanks around it, ends a field.
func splitFields(text, ifs string) []string {
	blank := func(c byte) bool { return strings.IndexByte(" \t\n", c) >= 0 && strings.IndexByte(ifs, c) >= 0 }
	var out []string
	i := 0
	skip := func() {
		for i < len(text) && blank(text[i]) {
			i++
		}
	}
	for skip(); i < len(text); {
		start := i
		for i < len(text) && strings.IndexByte(ifs, text[i]) < 0 {
			i++
		}
		out = append(out, text[start:i])
		skip()
		if i < len(text) && strings.IndexByte(ifs, text[i]) >= 0 && !blank(text[i]) {
			i++
			skip()
		}
	}
	return out
}

// escapeAllBut puts a backslash before every character that is no letter or digit and not among keep.
func escapeAllBut(text, keep string) string {
	var b strings.Builder
	for _, r := range text {
		if r < 128 && !(r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' || r == '/' || r == '.' || r == '_') && !strings.ContainsRune(keep, r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// plain returns a word that consists of characters without any meaning.
func plain(w *syntax.Word) (string, bool) {
	if len(w.Parts) != 1 {
		return "", false
	}
	switch p := w.Parts[0].(type) {
	case *syntax.Lit:
		return p.Value, !strings.ContainsAny(p.Value, "\\*?[{}~")
	case *syntax.SglQuoted:
		return p.Value, !p.Dollar
	}
	return "", false
}

// literal expands a word to one string.
func (s *Shell) literal(w *syntax.Word) (string, bool) {
	if w == nil {
		return "", true
	}
	if lit, ok := plain(w); ok {
		return lit, true
	}
	text, err := expand.Literal(s.cfg, w)
	if err != nil {
		s.expansionError(err)
	}
	return text, err == nil
}

func (s *Shell) pattern(w *syntax.Word) (string, bool) {
	text, err := expand.Pattern(s.cfg, w)
	if err != nil {
		s.expansionError(err)
	}
	return text, err == nil
}

func (s *Shell) arithmetic(x syntax.ArithmExpr) (int, bool) {
	n, err := expand.Arithm(s.cfg, x)
	if err != nil {
		s.expansionError(err)
	}
	return n, err == nil
}

// pipe makes a pipe whose ends block, as programs expect of what they inherit.
func pipe() (r, w *os.File, err error) {
	var p [2]int
	if err := unix.Pipe2(p[:], unix.O_CLOEXEC); err != nil {
		return nil, nil, os.NewSyscallError("pipe", err)
	}
	return os.NewFile(uintptr(p[0]), "|0"), os.NewFile(uintptr(p[1]), "|1"), nil
}

// commandSubstitution runs $( ... ) and writes its output to w.
func (s *Shell) commandSubstitution(w io.Writer, cs *syntax.CmdSubst) error {
	if len(cs.Stmts) == 0 {
		s.substExit = 0
		return nil
	}
	sub := s.subshell()
	if name := fileShortcut(cs.Stmts); name != nil {
		return s.readFile(sub, name, w)
	}
	r, pw, err := pipe()
	if err != nil {
		return err
	}
	for len(sub.fds) < 2 {
		sub.fds = append(sub.fds, nil)
	}
	sub.fds[1] = pw
	done := make(chan error, 1)
	go func() {
		_, err := io.Copy(w, r)
		done <- err
	}()
	sub.stmts(cs.Stmts)
	s.substExit = sub.finish()
	pw.Close()
	select {
	case err = <-done:
	case <-s.ctx.Done():
		// Somebody in the background may hold the pipe open for long; an interrupt does not wait for that.
		err = s.ctx.Err()
	}
	r.Close()
	return err
}

// fileShortcut recognizes $(<file).
func fileShortcut(stmts []*syntax.Stmt) *syntax.Word {
	if len(stmts) != 1 {
		return nil
	}
	st := stmts[0]
	if st.Cmd != nil || st.Negated || st.Background || len(st.Redirs) != 1 || st.Redirs[0].Op != syntax.RdrIn || st.Redirs[0].N != nil {
		return nil
	}
	return st.Redirs[0].Word
}

func (s *Shell) readFile(sub *Shell, name *syntax.Word, w io.Writer) error {
	path, ok := sub.literal(name)
	if !ok {
		s.substExit = 1
		return nil
	}
	f, err := os.Open(s.path(path))
	if err != nil {
		s.substExit = 1
		s.errorf("%s: %s", path, reason(err))
		return nil
	}
	defer f.Close()
	s.substExit = 0
	_, err = io.Copy(w, f)
	return err
}

// processSubstitution starts <( ... ) or >( ... ) and names a file to open. It runs beside the command
// and is waited for when that has ended.
func (s *Shell) processSubstitution(ps *syntax.ProcSubst) (string, error) {
	r, w, err := pipe()
	if err != nil {
		return "", err
	}
	sub := s.subshell()
	mine, theirs, fd := r, w, 1
	if ps.Op == syntax.CmdOut {
		mine, theirs, fd = w, r, 0
	}
	for len(sub.fds) <= fd {
		sub.fds = append(sub.fds, nil)
	}
	sub.fds[fd] = theirs
	wg := new(sync.WaitGroup)
	wg.Go(func() {
		sub.stmts(ps.Stmts)
		sub.finish()
		theirs.Close()
	})
	s.pipes = append(s.pipes, mine)
	s.waits = append(s.waits, wg)
	dir := "/dev/fd"
	if _, err := os.Stat(dir); err != nil {
		dir = "/proc/self/fd"
	}
	return fmt.Sprintf("%s/%d", dir, mine.Fd()), nil
}

// endSubstitutions closes the pipes of process substitutions and waits for what ran in them.
func (s *Shell) endSubstitutions(pipes []*os.File, waits []*sync.WaitGroup) {
	for _, f := range s.pipes[len(pipes):] {
		f.Close()
	}
	for _, wg := range s.waits[len(waits):] {
		wg.Wait()
	}
	s.pipes, s.waits = pipes, waits
}
