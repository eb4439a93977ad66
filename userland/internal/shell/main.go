//go:build linux

package shell

import (
	"context"
	"errors"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/libioc/ioc/userland/internal/applet"
	"golang.org/x/sys/unix"
	"mvdan.cc/sh/v3/syntax"
)

// Applets lists the package's applets. What the shell runs is looked up by find.
func Applets(find applet.Find) []applet.Applet {
	run := func(_ context.Context, p *applet.Proc) error {
		status := start(find, p)
		if status == 0 {
			return nil
		}
		return applet.Exit(status)
	}
	return []applet.Applet{
		{Name: "sh", Args: "[OPTION]... [-c COMMAND [NAME [ARG]...] | FILE [ARG]...]", About: "The shell: run a command, a file, or what is typed.", Run: run, Alone: true},
	}
}

const helpText = `  -c COMMAND      run COMMAND
  -i              be interactive
  -l              be a login shell: read /etc/profile and ~/.profile
  -s              read commands from standard input, and take the operands as arguments
  -e -f -n -u -v -x -C -o NAME   options of set
  --help          show this help

help in the shell lists its own commands.`

// invocation is the command line of sh.
type invocation struct {
	command     *string
	interactive bool
	login       bool
	stdin       bool
	operands    []string
}

func start(find applet.Find, p *applet.Proc) int {
	if len(p.Args) == 1 && strings.HasPrefix(p.Args[0], resumeOption) {
		fd, err := strconv.Atoi(p.Args[0][len(resumeOption):])
		if err == nil {
			return newShell(find, p.Env, standard()).resume(fd)
		}
	}
	if p.Help(helpText) {
		return 0
	}
	s := newShell(find, p.Env, standard())
	inv, ok := s.parseArgs(p)
	if !ok {
		return 2
	}
	inv.login = inv.login || p.Login
	switch {
	case inv.command != nil:
		if len(inv.operands) > 0 {
			s.name, s.params = inv.operands[0], inv.operands[1:]
		}
	case len(inv.operands) > 0 && !inv.stdin:
		s.name, s.params = inv.operands[0], inv.operands[1:]
	default:
		s.params = inv.operands
		if terminal(s.file(0)) && terminal(s.file(2)) {
			inv.interactive = true
		}
	}
	if inv.interactive {
		s.beInteractive()
	}
	if inv.login {
		s.startupFile("/etc/profile")
		if home := s.get("HOME"); home != "" {
			s.startupFile(home + "/.profile")
		}
	}
	if inv.interactive {
		if file := s.get("ENV"); file != "" {
			s.startupFile(file)
		}
	}
	if s.flow.kind == flowNone {
		s.runMain(inv)
	}
	return s.finish()
}

// runMain runs what the command line says.
func (s *Shell) runMain(inv *invocation) {
	switch {
	case inv.command != nil:
		s.commandString(*inv.command)
	case len(inv.operands) > 0 && !inv.stdin:
		s.scriptFile(inv.operands[0])
	case inv.interactive:
		s.converse()
	default:
		s.standardInput()
	}
}

// standard are the streams that the process came with. Output goes by other numbers than 1 and 2: on
// those, os.File would let a broken pipe end the process, where only one command of many should end.
func standard() (std [3]*os.File) {
	for n := range std {
		if _, err := unix.FcntlInt(uintptr(n), unix.F_GETFD, 0); err != nil {
			continue
		}
		if n == 0 {
			std[0] = os.Stdin
			continue
		}
		if fd, err := unix.FcntlInt(uintptr(n), unix.F_DUPFD_CLOEXEC, 10); err == nil {
			std[n] = os.NewFile(uintptr(fd), []string{"", "standard output", "standard error"}[n])
		}
	}
	return std
}

func (s *Shell) parseArgs(p *applet.Proc) (*invocation, bool) {
	inv := &invocation{}
	args := p.Args
	wantCommand := false
	for len(args) > 0 {
		arg := args[0]
		if arg == "--" || arg == "-" {
			args = args[1:]
			break
		}
		if len(arg) < 2 || arg[0] != '-' && arg[0] != '+' {
			break
		}
		args = args[1:]
		switch arg {
		case "--login":
			inv.login = true
			continue
		case "--norc", "--noprofile", "--posix":
			continue
		}
		if strings.HasPrefix(arg, "--") {
			s.errorf("unknown option %s", arg)
			return nil, false
		}
		on := arg[0] == '-'
		for i := 1; i < len(arg); i++ {
			switch c := arg[i]; {
			case c == 'c' && on:
				wantCommand = true
			case c == 'i' && on:
				inv.interactive = true
			case c == 'l' && on:
				inv.login = true
			case c == 's' && on:
				inv.stdin = true
			case c == 'o' && len(args) > 0:
				if !s.setOption(0, args[0], on) {
					s.errorf("unknown option %s", args[0])
					return nil, false
				}
				args = args[1:]
			case !s.setOption(c, "", on):
				s.errorf("unknown option %c%c", arg[0], c)
				return nil, false
			}
		}
	}
	if wantCommand {
		if len(args) == 0 {
			s.errorf("-c needs a command")
			return nil, false
		}
		inv.command, args = &args[0], args[1:]
	}
	inv.operands = args
	return inv, true
}

func (s *Shell) parser() *syntax.Parser {
	return syntax.NewParser(syntax.Variant(syntax.LangBash))
}

// syntaxError is a parser's message without the name of the file.
func syntaxError(err error) string {
	if pe, ok := errors.AsType[syntax.ParseError](err); ok {
		return "syntax error: " + pe.Text
	}
	if le, ok := errors.AsType[syntax.LangError](err); ok {
		le.Filename = ""
		return "syntax error: " + le.Error()
	}
	return err.Error()
}

// reportSyntax reports an error of the parser in the place where it was found.
func (s *Shell) reportSyntax(err error) {
	if pe, ok := errors.AsType[syntax.ParseError](err); ok {
		s.line = s.lineBase + pe.Pos.Line()
	}
	s.errorf("%s", syntaxError(err))
	s.status = 2
}

// commandString runs the text after -c. Its last command, if it is a program, replaces the shell, so
// that signals reach it and no process is in between.
func (s *Shell) commandString(text string) {
	list, err := s.parse(text)
	if err != nil {
		s.reportSyntax(err)
		return
	}
	n := len(list)
	for i, st := range list {
		if call, ok := st.Cmd.(*syntax.CallExpr); ok && i == n-1 && !st.Negated && !st.Background && len(call.Args) > 0 {
			s.execLast = !hasProcSubst(st)
		}
		s.stmt(st)
		if s.halted() {
			return
		}
	}
}

func (s *Shell) scriptFile(name string) {
	path := name
	f, err := os.Open(path)
	if err != nil && !strings.Contains(name, "/") {
		if found, lerr := applet.LookPath(name, s.get("PATH"), s.path); lerr == nil {
			f, err = os.Open(found)
		}
	}
	if err != nil {
		s.line = 0
		s.errorf("%s: %s", name, reason(err))
		s.status = statusNotFound
		if !errors.Is(err, os.ErrNotExist) {
			s.status = statusCannotRun
		}
		return
	}
	if fi, err := f.Stat(); err == nil && fi.IsDir() {
		f.Close()
		s.errorf("%s: is a directory", name)
		s.status = statusCannotRun
		return
	}
	s.script(f)
	f.Close()
}

// script runs statements as they are read, a line at a time, so that what follows an exit need not make
// sense. The newline at the end makes the parser deliver a last line that has none.
func (s *Shell) script(r io.Reader) {
	p := s.parser()
	for list, err := range p.InteractiveSeq(io.MultiReader(r, strings.NewReader("\n"))) {
		if err != nil {
			s.reportSyntax(err)
			if !s.interactive {
				s.flow = flowOf(flowExit)
			}
			return
		}
		if p.Incomplete() {
			continue
		}
		s.stmts(mendAll(list))
		if s.halted() {
			return
		}
	}
}

// startupFile runs a file if it is there.
func (s *Shell) startupFile(name string) {
	if f, err := os.Open(name); err == nil {
		s.sourced++
		s.script(f)
		s.sourced--
		f.Close()
		if s.flow.kind == flowReturn || s.flow.kind == flowInterrupt {
			s.flow = flow{}
		}
	}
}

// standardInput runs a script that comes by the standard input. It is read line by line and no further,
// because the commands of the script may read from it, too.
func (s *Shell) standardInput() {
	in := s.file(0)
	if in == nil {
		return
	}
	s.lines(func(bool) (string, error) { return readRawLine(in) })
}

// readRawLine reads up to a newline, byte by byte.
func readRawLine(f *os.File) (string, error) {
	var line []byte
	var b [1]byte
	for {
		n, err := f.Read(b[:])
		if n == 0 {
			if err == nil {
				err = io.EOF
			}
			return string(line), err
		}
		line = append(line, b[0])
		if b[0] == '\n' {
			return string(line), nil
		}
	}
}

// lines reads lines until they make a statement, and runs it, until the input ends. next is told
// whether a statement has begun.
func (s *Shell) lines(next func(more bool) (string, error)) {
	text := ""
	for {
		line, rerr := next(text != "")
		text += line
		if errors.Is(rerr, errAgain) {
			text = ""
			continue
		}
		if rerr != nil && strings.TrimSpace(text) == "" {
			return
		}
		list, err := s.parse(text)
		if rerr == nil && (err != nil && syntax.IsIncomplete(err) || continues(text)) {
			continue
		}
		if s.opt.Verbose {
			s.write(2, text)
		}
		if err != nil {
			s.reportSyntax(err)
			if !s.interactive {
				return
			}
		} else {
			s.stmts(list)
		}
		s.lineBase += uint(strings.Count(text, "\n"))
		text = ""
		if s.endOfLine() || rerr != nil {
			return
		}
	}
}

// errAgain says that the user has broken off what was typed so far.
var errAgain = errors.New("again")

// continues reports whether the text ends with a backslash that joins the next line.
func continues(text string) bool {
	text, ended := strings.CutSuffix(text, "\n")
	return ended && (len(text)-len(strings.TrimRight(text, `\`)))%2 == 1
}

// endOfLine puts the shell into order after a command line. It returns true if the shell is to end.
func (s *Shell) endOfLine() bool {
	s.halted()
	switch s.flow.kind {
	case flowExit:
		return true
	case flowInterrupt:
		if !s.interactive {
			return true
		}
	}
	s.flow, s.loops, s.calls, s.conditions = flow{}, 0, 0, 0
	return false
}
