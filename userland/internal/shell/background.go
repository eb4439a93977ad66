//go:build linux

package shell

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"strconv"
	"strings"

	"github.com/libioc/ioc/userland/internal/applet"
	"golang.org/x/sys/unix"
	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/syntax"
)

// background starts a statement as a process. A program is started as it is; for everything else the
// shell is started again with this one's state.
func (s *Shell) background(st *syntax.Stmt) {
	text := sourceOf(st)
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
	j := s.jobs.add(pid, text)
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

// state is what a shell that is started again needs to go on as this one.
type state struct {
	Name    string
	Params  []string
	Vars    map[string]expand.Variable
	Funcs   map[string]string
	Aliases map[string]string
	Opt     options
	Status  int
	LastBg  int
	PID     int
	Line    uint
	Ignored []string // signals
	Source  string
}

// startCopy starts the shell again to run a statement.
func (s *Shell) startCopy(st *syntax.Stmt) (int, error) {
	c := *st
	c.Background, c.Disown = false, false
	var src bytes.Buffer
	if err := syntax.NewPrinter().Print(&src, &c); err != nil {
		return 0, err
	}
	data := state{
		Name: s.name, Params: s.params, Vars: map[string]expand.Variable{}, Funcs: map[string]string{}, Aliases: s.aliases,
		Opt: s.opt, Status: s.status, LastBg: s.lastBg, PID: s.pid, Line: s.line, Source: src.String(),
	}
	environ{s}.Each(func(name string, v expand.Variable) bool { data.Vars[name] = v; return true })
	for name, body := range s.funcs {
		data.Funcs[name] = functionText(name, body)
	}
	for name, action := range s.traps {
		if action == "" {
			data.Ignored = append(data.Ignored, name)
		}
	}
	raw, err := json.Marshal(data)
	if err != nil {
		return 0, err
	}
	fd, err := unix.MemfdCreate("shell-state", unix.MFD_CLOEXEC)
	if err != nil {
		return 0, os.NewSyscallError("memfd", err)
	}
	memory := os.NewFile(uintptr(fd), "state")
	defer memory.Close()
	if _, err := memory.Write(raw); err != nil {
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
	var data state
	err := json.NewDecoder(memory).Decode(&data)
	memory.Close()
	if err != nil {
		s.errorf("state: %s", err)
		return 2
	}
	s.name, s.params, s.opt, s.status, s.lastBg, s.pid, s.line = data.Name, data.Params, data.Opt, data.Status, data.LastBg, data.PID, data.Line
	maps.Copy(s.vars.vars, data.Vars)
	if data.Aliases != nil {
		s.aliases = data.Aliases
	}
	s.configure()
	for _, name := range data.Ignored {
		s.setTrap(name, "")
	}
	for _, src := range data.Funcs {
		if file, err := s.parser().Parse(strings.NewReader(src), ""); err == nil {
			s.stmts(file.Stmts)
		}
	}
	s.status = data.Status
	file, err := s.parser().Parse(strings.NewReader(data.Source), "")
	if err != nil {
		s.errorf("%s", err)
		return 2
	}
	// Descriptors above 2 came with the process.
	for n := 3; n < fd; n++ {
		if _, err := unix.FcntlInt(uintptr(n), unix.F_GETFD, 0); err == nil {
			unix.CloseOnExec(n)
			s.setFile(n, os.NewFile(uintptr(n), "fd"))
		}
	}
	s.stmts(file.Stmts)
	return s.finish()
}
