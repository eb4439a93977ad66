//go:build linux

package shell

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/libioc/ioc/userland/internal/applet"
	"github.com/libioc/ioc/userland/internal/text"
	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/syntax"
)

const (
	statusPipe      = applet.StatusPipe
	statusNotFound  = 127
	statusCannotRun = 126
)

// simple runs a simple command: assignments, a function, a builtin, an applet or a program.
func (s *Shell) simple(c *syntax.CallExpr) {
	last := s.execLast
	s.execLast = false
	words := c.Args
	if len(s.aliases) > 0 && s.opt.Aliases {
		words = s.expandAliases(words)
	}
	s.substExit = 0
	args, ok := s.fields(words)
	if !ok {
		return
	}
	if s.ctx.Err() != nil || s.flow.kind != flowNone {
		return
	}
	if len(args) == 0 {
		s.assignments(c.Assigns)
		return
	}
	if s.opt.XTrace {
		s.trace(c.Assigns, args)
	}
	if len(c.Assigns) > 0 {
		s.vars = &scope{kind: scopeTemp, vars: map[string]expand.Variable{}, parent: s.vars}
		temp := s.vars
		defer func() { s.vars = temp.parent }()
		for _, as := range c.Assigns {
			v, ok := s.value(as, false, false, false)
			if !ok {
				return
			}
			if s.lookup(as.Name.Value).ReadOnly {
				s.errorf("%s: %s", as.Name.Value, errReadOnly)
				s.status = 1
				return
			}
			v.Exported = true
			temp.vars[as.Name.Value] = v
		}
	}
	s.call(args, last)
	s.lastArg = args[len(args)-1]
}

func (s *Shell) assignments(list []*syntax.Assign) {
	for _, as := range list {
		if !s.assignment(as) {
			return
		}
		if s.opt.XTrace {
			s.write(2, s.get("PS4")+as.Name.Value+"="+text.Quote(s.lookup(as.Name.Value).String())+"\n")
		}
	}
	s.status = s.substExit
}

func (s *Shell) trace(assigns []*syntax.Assign, args []string) {
	var b strings.Builder
	b.WriteString(s.get("PS4"))
	for _, as := range assigns {
		value, _ := s.literal(as.Value)
		b.WriteString(as.Name.Value + "=" + text.Quote(value) + " ")
	}
	for i, a := range args {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(text.Quote(a))
	}
	s.write(2, b.String()+"\n")
}

// expandAliases replaces the first word, and the next ones as long as an alias ends with a blank.
func (s *Shell) expandAliases(words []*syntax.Word) []*syntax.Word {
	used := map[string]bool{}
	for i := 0; i < len(words); {
		name := words[i].Lit()
		value, ok := s.aliases[name]
		if name == "" || !ok || used[name] {
			return words
		}
		used[name] = true
		var more []*syntax.Word
		for w, err := range syntax.NewParser().WordsSeq(strings.NewReader(value)) {
			if err != nil {
				return words
			}
			mend(w)
			more = append(more, w)
		}
		words = append(append(append([]*syntax.Word{}, words[:i]...), more...), words[i+1:]...)
		if strings.HasSuffix(value, " ") {
			i += len(more)
		}
	}
	return words
}

// call runs a command whose words are known.
func (s *Shell) call(args []string, last bool) {
	if body, ok := s.funcs[args[0]]; ok {
		s.function(body, args)
		return
	}
	if run := builtin(args[0]); run != nil {
		s.status = run(s, args)
		return
	}
	s.external(args, last)
}

// maxCalls bounds recursion: each level takes several frames of this program's own stack.
const maxCalls = 2000

func (s *Shell) function(body *syntax.Stmt, args []string) {
	if s.calls >= maxCalls {
		s.errorf("%s: functions are nested too deeply", args[0])
		s.exit(1)
		return
	}
	params, loops := s.params, s.loops
	s.params, s.loops = args[1:], 0
	s.vars = &scope{kind: scopeLocal, vars: map[string]expand.Variable{}, parent: s.vars}
	frame := s.vars
	s.calls++
	s.stmt(body)
	s.calls--
	s.vars = frame.parent
	s.params, s.loops = params, loops
	if s.flow.kind == flowReturn {
		s.flow = flow{}
	}
}

// target is what a command's name stands for.
type target struct {
	path   string
	applet *applet.Applet // to be run in this process
}

// resolve finds what to run. An applet runs in this process if PATH leads to this very program, or to
// nothing.
func (s *Shell) resolve(name string) (target, error) {
	path, err := applet.LookPath(name, s.get("PATH"), s.path)
	if err != nil {
		if !errors.Is(err, applet.ErrNotFound) || strings.Contains(name, "/") {
			return target{}, err
		}
		a, ok := s.find(name)
		if !ok {
			return target{}, err
		}
		t := target{path: applet.Self()}
		if !a.Alone {
			t.applet = &a
		}
		return t, nil
	}
	t := target{path: path}
	if a, ok := s.find(name[strings.LastIndexByte(name, '/')+1:]); ok && !a.Alone && s.self != nil {
		if fi, err := os.Stat(path); err == nil && os.SameFile(fi, s.self) {
			t.applet = &a
		}
	}
	return t, nil
}

// external runs an applet or a program. With last, the program replaces the shell.
func (s *Shell) external(args []string, last bool) {
	t, err := s.resolve(args[0])
	if err != nil {
		s.notRun(args[0], err)
		return
	}
	if t.applet != nil {
		s.status = s.inProcess(*t.applet, args)
		s.noteInterrupt()
		return
	}
	if last && s.main && !s.interactive && len(s.traps) == 0 && s.jobs.empty() && len(s.pipes) == 0 {
		s.replace(t.path, args)
		return
	}
	s.status = s.process(t.path, args)
	s.noteInterrupt()
}

// noteInterrupt takes the status of what was interrupted for an interrupt of the command line. The key
// hit this process, too, but its signal may come to attention later than the end of the other; it must
// not be taken for one that is meant for the next command.
func (s *Shell) noteInterrupt() {
	if !s.interactive || s.status != applet.StatusInterrupted {
		return
	}
	s.flow.kind = flowInterrupt
	const late = 500 * time.Millisecond
	timer := time.NewTimer(late)
	defer timer.Stop()
	select {
	case <-s.ctx.Done():
	case <-timer.C:
	}
}

func (s *Shell) notRun(name string, err error) {
	s.status = statusCannotRun
	if errors.Is(err, applet.ErrNotFound) || errors.Is(err, fs.ErrNotExist) {
		s.status = statusNotFound
	}
	s.errorf("%s: %s", name, reason(err))
}

func reason(err error) string { return applet.Reason(err) }

func isPipe(err error) bool { return errors.Is(err, syscall.EPIPE) }

// inProcess runs an applet by a call. What the terminal's interrupt key ends in a process, the end of
// the context ends here. An applet that does not notice, because a system call holds it, is left alone.
func (s *Shell) inProcess(a applet.Applet, args []string) int {
	p := &applet.Proc{
		Args: args[1:], Stdin: s.input(0), Stdout: output{s.file(1)}.writer(), Stderr: output{s.file(2)}.writer(),
		Dir: s.procDir(), Env: s.exported(), Find: s.find, Inside: true,
	}
	if s.ctx.Done() == nil {
		return a.Exec(s.ctx, p)
	}
	done := make(chan int, 1)
	go func() { done <- a.Exec(s.ctx, p) }()
	select {
	case status := <-done:
		return status
	case <-s.ctx.Done():
	}
	const grace = 250 * time.Millisecond
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case status := <-done:
		return status
	case <-timer.C:
		return applet.StatusInterrupted
	}
}

// input is a descriptor as an applet reads it: if it may block for long, the read can be interrupted.
func (s *Shell) input(fd int) interface{ Read([]byte) (int, error) } {
	f := s.file(fd)
	if f == nil {
		return closedFile{}
	}
	if s.ctx.Done() == nil {
		return f
	}
	return &interruptible{ctx: s.ctx, f: f, wake: s.signals.wake}
}

// closedFile is a descriptor that is not open.
type closedFile struct{}

func (closedFile) Read([]byte) (int, error)  { return 0, syscall.EBADF }
func (closedFile) Write([]byte) (int, error) { return 0, syscall.EBADF }

type output struct{ f *os.File }

func (o output) writer() interface{ Write([]byte) (int, error) } {
	if o.f == nil {
		return closedFile{}
	}
	return o.f
}
