//go:build linux

package shell

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/libioc/ioc/userland/internal/applet"
	"github.com/libioc/ioc/userland/internal/text"
	"golang.org/x/sys/unix"
	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/syntax"
)

// background starts a statement as a process. A program is started as it is; for everything else the
// shell is started again with this one's state.
func (s *Shell) background(st *syntax.Stmt) {
	source := sourceOf(st)
	pid, err := s.startSimple(st)
	if pid == 0 && err == nil {
		pid, err = s.startCopy(st)
	}
	if err != nil {
		if err != errReported {
			s.errorf("%s", reason(err))
		}
		s.status = 1
		return
	}
	j := s.jobs.add(pid, source)
	s.lastBg = pid
	s.status = 0
	if s.interactive && s.main {
		s.write(2, fmt.Sprintf("[%d] %d\n", j.number, pid))
	}
}

func sourceOf(st *syntax.Stmt) string {
	c := *st
	c.Background, c.Disown, c.Comments = false, false, nil
	var b bytes.Buffer
	syntax.NewPrinter(syntax.SingleLine(true)).Print(&b, &c)
	return strings.TrimSpace(b.String())
}

// startSimple starts a simple command that is a program or an applet. It returns 0 if it is not.
func (s *Shell) startSimple(st *syntax.Stmt) (int, error) {
	c, ok := st.Cmd.(*syntax.CallExpr)
	if !ok || st.Negated || len(c.Args) == 0 || len(s.aliases) > 0 && s.aliases[c.Args[0].Lit()] != "" || hasProcSubst(st) {
		return 0, nil
	}
	name, known := plain(c.Args[0])
	if !known || s.funcs[name] != nil || builtin(name) != nil && !isApplet(s, name) {
		return 0, nil
	}
	sub := s.subshell()
	sub.detachInput()
	undo, ok := sub.redirect(st.Redirs)
	defer undo.undo()
	if !ok {
		return 0, errReported
	}
	sub.vars.kind = scopeTemp
	for _, as := range c.Assigns {
		v, ok := sub.value(as, false, false, false)
		if !ok {
			return 0, errReported
		}
		v.Exported = true
		sub.vars.vars[as.Name.Value] = v
	}
	args, ok := sub.fields(c.Args)
	if !ok {
		return 0, errReported
	}
	t, err := s.resolve(args[0])
	if err != nil {
		s.notRun(args[0], err)
		return 0, errReported
	}
	return sub.spawn(t.path, args, sub.descriptors(), true)
}

// isApplet reports whether a builtin is there as a program, too.
func isApplet(s *Shell, name string) bool {
	_, ok := s.find(name)
	return ok
}

func hasProcSubst(st *syntax.Stmt) bool {
	found := false
	syntax.Walk(st, func(n syntax.Node) bool {
		if _, ok := n.(*syntax.ProcSubst); ok {
			found = true
		}
		return !found
	})
	return found
}

// detachInput gives a background command nothing to read: it must not take the terminal's input, nor
// that of the script.
func (s *Shell) detachInput() {
	if null, err := os.Open(os.DevNull); err == nil {
		s.setFile(0, null)
		return
	}
	// A jail may be without /dev.
	if r, w, err := pipe(); err == nil {
		w.Close()
		s.setFile(0, r)
	}
}

// state writes down what a shell that is started again needs to go on as this one: a line of numbers
// and the name, then commands that make its variables, functions and options, and after a zero byte
// what it is to run.
func (s *Shell) state(source string) string {
	var b strings.Builder
	line := func(words ...string) { b.WriteString(strings.Join(words, " ") + "\n") }
	line(strconv.Itoa(s.status), strconv.Itoa(s.lastBg), strconv.Itoa(s.pid), strconv.Itoa(int(s.line)), strconv.Quote(s.name))
	vars := map[string]expand.Variable{}
	environ{s}.Each(func(name string, v expand.Variable) bool { vars[name] = v; return true })
	for name, v := range vars {
		v.Local = false
		line(declarationText(name, v))
	}
	for name, body := range s.funcs {
		line(functionText(name, body))
	}
	for name, value := range s.aliases {
		line("alias", text.Quote(name+"="+value))
	}
	for name, action := range s.traps {
		if action == "" {
			line("trap ''", name)
		}
	}
	for name, on := range s.opt.shoptTable() {
		if *on {
			line("shopt -s", name)
		} else {
			line("shopt -u", name)
		}
	}
	for _, o := range setOptions() {
		if *o.value(&s.opt) && o.name != "noexec" {
			line("set -o", o.name)
		}
	}
	b.WriteString("set --")
	for _, p := range s.params {
		b.WriteString(" " + text.Quote(p))
	}
	b.WriteString("\n\x00" + source)
	return b.String()
}

// startCopy starts the shell again to run a statement.
func (s *Shell) startCopy(st *syntax.Stmt) (int, error) {
	c := *st
	c.Background, c.Disown = false, false
	var src bytes.Buffer
	if err := syntax.NewPrinter(syntax.SingleLine(true)).Print(&src, &c); err != nil {
		return 0, err
	}
	fd, err := unix.MemfdCreate("shell-state", unix.MFD_CLOEXEC)
	if err != nil {
		return 0, os.NewSyscallError("memfd", err)
	}
	memory := os.NewFile(uintptr(fd), "state")
	defer memory.Close()
	if _, err := memory.WriteString(s.state(src.String())); err != nil {
		return 0, err
	}
	if _, err := memory.Seek(0, 0); err != nil {
		return 0, err
	}
	sub := s.subshell()
	sub.detachInput()
	fds := append(sub.descriptors(), memory.Fd())
	return sub.spawn(applet.Self(), []string{"sh", resumeOption + strconv.Itoa(len(fds)-1)}, fds, true)
}

// resumeOption is how a shell is told to go on as another.
const resumeOption = "--resume="

// resume takes over the state of the shell that started this one and runs what it was started for.
func (s *Shell) resume(fd int) int {
	memory := os.NewFile(uintptr(fd), "state")
	raw, err := io.ReadAll(memory)
	memory.Close()
	head, rest, _ := strings.Cut(string(raw), "\n")
	prelude, source, ok := strings.Cut(rest, "\x00")
	words := strings.SplitN(head, " ", 5)
	if err != nil || !ok || len(words) != 5 {
		s.errorf("the state is damaged")
		return 2
	}
	if list, err := s.parse(prelude); err == nil {
		s.stmts(list)
	}
	numbers := [4]int{}
	for i := range numbers {
		numbers[i], _ = strconv.Atoi(words[i])
	}
	s.status, s.lastBg, s.pid = numbers[0], numbers[1], numbers[2]
	s.name, _ = strconv.Unquote(words[4])
	list, err := s.parse(source)
	if err != nil {
		s.errorf("%s", err)
		return 2
	}
	s.lineBase = uint(numbers[3]) - 1
	// Descriptors above 2 came with the process.
	for n := 3; n < fd; n++ {
		if _, err := unix.FcntlInt(uintptr(n), unix.F_GETFD, 0); err == nil {
			unix.CloseOnExec(n)
			s.setFile(n, os.NewFile(uintptr(n), "fd"))
		}
	}
	s.stmts(list)
	return s.finish()
}
