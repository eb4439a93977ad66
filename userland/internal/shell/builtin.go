//go:build linux

package shell

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/libioc/ioc/userland/internal/applet"
	"github.com/libioc/ioc/userland/internal/process"
	"github.com/libioc/ioc/userland/internal/text"
	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/syntax"
)

// builtinFunc runs a builtin; args[0] is its name.
type builtinFunc func(s *Shell, args []string) int

// builtin finds a command of the shell itself, or nil.
func builtin(name string) builtinFunc {
	switch name {
	case ":", "true":
		return func(*Shell, []string) int { return 0 }
	case "false":
		return func(*Shell, []string) int { return 1 }
	case ".", "source":
		return source
	case "alias":
		return alias
	case "bg", "fg":
		return fgBuiltin
	case "break", "continue":
		return leaveLoop
	case "builtin":
		return builtinBuiltin
	case "cd":
		return cd
	case "command":
		return command
	case "disown":
		return disownBuiltin
	case "echo", "printf", "test", "[":
		return appletBuiltin
	case "eval":
		return eval
	case "exec":
		return execBuiltin
	case "exit", "logout":
		return exitBuiltin
	case "getopts":
		return getopts
	case "hash":
		return func(*Shell, []string) int { return 0 }
	case "help":
		return help
	case "history":
		return historyBuiltin
	case "jobs":
		return jobsBuiltin
	case "kill":
		return killBuiltin
	case "mapfile", "readarray":
		return mapfile
	case "pwd":
		return pwd
	case "read":
		return read
	case "return":
		return returnBuiltin
	case "set":
		return set
	case "shift":
		return shift
	case "shopt":
		return shopt
	case "times":
		return times
	case "trap":
		return trapBuiltin
	case "type":
		return typeBuiltin
	case "ulimit":
		return ulimit
	case "umask":
		return umaskBuiltin
	case "unalias":
		return unalias
	case "unset":
		return unset
	case "wait":
		return waitBuiltin
	}
	return nil
}

// builtinNames are for help and completion.
const builtinNames = ". : [ alias bg break builtin cd command continue declare disown echo eval exec exit export false fg getopts hash help history jobs kill let local mapfile printf pwd read readonly return set shift shopt source test times trap true type typeset ulimit umask unalias unset wait"

func (s *Shell) usage(name, text string) int {
	s.errorf("%s: %s", name, text)
	return 2
}

// appletBuiltin runs those applets that POSIX lets a shell have built in: PATH is not asked for them.
func appletBuiltin(s *Shell, args []string) int {
	a, ok := s.find(args[0])
	if !ok {
		s.notRun(args[0], applet.ErrNotFound)
		return s.status
	}
	if args[0] == "printf" && len(args) > 2 && args[1] == "-v" {
		if len(args) == 3 || !syntax.ValidName(args[2]) {
			return s.usage("printf", "-v needs a name")
		}
		var b strings.Builder
		p := &applet.Proc{Args: args[3:], Stdout: &b, Stderr: output{s.file(2)}.writer(), Inside: true}
		status := a.Exec(s.ctx, p)
		s.set(args[2], b.String())
		return status
	}
	p := &applet.Proc{
		Args: args[1:], Stdin: s.input(0), Stdout: output{s.file(1)}.writer(), Stderr: output{s.file(2)}.writer(),
		Dir: s.procDir(), Inside: true,
	}
	status := a.Exec(s.ctx, p)
	if status == statusPipe {
		s.exit(statusPipe) // a process would have died of SIGPIPE
	}
	return status
}

func leaveLoop(s *Shell, args []string) int {
	n := 1
	if len(args) > 1 {
		var err error
		if n, err = strconv.Atoi(args[1]); err != nil || n < 1 {
			return s.usage(args[0], fmt.Sprintf("%q is not a number of loops", args[1]))
		}
	}
	if s.loops == 0 {
		s.errorf("%s: not in a loop", args[0])
		return 0
	}
	kind := flowBreak
	if args[0] == "continue" {
		kind = flowContinue
	}
	s.flow = flow{kind: kind, depth: min(n, s.loops)}
	return 0
}

func exitBuiltin(s *Shell, args []string) int {
	status := s.status
	if len(args) > 1 {
		n, err := strconv.Atoi(args[1])
		if err != nil {
			s.errorf("exit: %q is not a number", args[1])
			n = 2
		}
		status = n & 0xff
	}
	s.flow = flowOf(flowExit)
	return status
}

func returnBuiltin(s *Shell, args []string) int {
	status := s.status
	if len(args) > 1 {
		n, err := strconv.Atoi(args[1])
		if err != nil {
			return s.usage("return", fmt.Sprintf("%q is not a number", args[1]))
		}
		status = n & 0xff
	}
	if s.calls == 0 && s.sourced == 0 {
		s.errorf("return: not in a function")
		return 1
	}
	s.flow = flowOf(flowReturn)
	return status
}

func eval(s *Shell, args []string) int {
	if len(args) > 1 && args[1] == "--" {
		args = args[1:]
	}
	list, err := s.parse(strings.Join(args[1:], " "))
	if err != nil {
		s.errorf("eval: %s", syntaxError(err))
		return 2
	}
	s.status = 0
	s.stmts(list)
	return s.status
}

func source(s *Shell, args []string) int {
	if len(args) < 2 {
		return s.usage(args[0], "a file is needed")
	}
	name := args[1]
	path := s.path(name)
	if !strings.Contains(name, "/") {
		for dir := range strings.SplitSeq(s.get("PATH"), ":") {
			if fi, err := os.Stat(s.path(filepath.Join(dir, name))); err == nil && fi.Mode().IsRegular() {
				path = s.path(filepath.Join(dir, name))
				break
			}
		}
	}
	f, err := s.open(syntax.RdrIn, path)
	if err != nil {
		s.errorf("%s: %s", name, reason(err))
		return 1
	}
	defer f.Close()
	if len(args) > 2 {
		params := s.params
		s.params = args[2:]
		defer func() { s.params = params }()
	}
	s.sourced++
	s.status = 0
	s.script(f)
	s.sourced--
	if s.flow.kind == flowReturn {
		s.flow = flow{}
	}
	return s.status
}

// execBuiltin replaces the shell by a program. Without one, its redirections stay. In a subshell, which
// is no process, the program is run and the subshell then ends.
func execBuiltin(s *Shell, args []string) int {
	args = args[1:]
	argv0 := ""
	for len(args) > 1 && (args[0] == "-a" || args[0] == "-l" || args[0] == "-c") {
		switch args[0] {
		case "-a":
			argv0, args = args[1], args[2:]
		case "-l":
			args = args[1:]
			argv0 = "-" + args[0]
		default:
			args = args[1:]
		}
	}
	if len(args) > 0 && args[0] == "--" {
		args = args[1:]
	}
	if len(args) == 0 {
		s.keepRedirs = true
		return 0
	}
	t, err := s.resolve(args[0])
	if err != nil {
		s.notRun(args[0], err)
		if !s.interactive {
			s.flow = flowOf(flowExit)
		}
		return s.status
	}
	if argv0 != "" {
		args = append([]string{argv0}, args[1:]...)
	}
	if !s.main {
		status := s.process(t.path, args)
		s.flow = flowOf(flowExit)
		return status
	}
	s.replace(t.path, args)
	return s.status
}

func cd(s *Shell, args []string) int {
	args = args[1:]
	physical := false
	for len(args) > 0 && (args[0] == "-P" || args[0] == "-L" || args[0] == "--") {
		physical = args[0] == "-P"
		args = args[1:]
	}
	if len(args) > 1 {
		return s.usage("cd", "too many arguments")
	}
	dir, show := s.get("HOME"), false
	if len(args) == 1 {
		dir = args[0]
	}
	switch {
	case dir == "-":
		if dir = s.get("OLDPWD"); dir == "" {
			s.errorf("cd: OLDPWD is not set")
			return 1
		}
		show = true
	case dir == "" && len(args) == 0:
		s.errorf("cd: HOME is not set")
		return 1
	case dir == "":
		dir = "."
	}
	full := dir
	if !filepath.IsAbs(full) {
		full = filepath.Join(s.dir, dir)
		for prefix := range strings.SplitSeq(s.get("CDPATH"), ":") {
			if prefix == "" || strings.HasPrefix(dir, ".") {
				continue
			}
			if try := filepath.Join(prefix, dir); isDir(s.path(try)) {
				full, show = try, true
				break
			}
		}
	}
	full = filepath.Clean(full)
	if physical {
		if real, err := filepath.EvalSymlinks(full); err == nil {
			full = real
		}
	}
	if err := s.enter(full); err != nil {
		s.errorf("cd: %s: %s", dir, reason(err))
		return 1
	}
	old := s.dir
	s.dir = full
	if show {
		s.write(1, full+"\n")
	}
	if !s.set("OLDPWD", old) || !s.set("PWD", full) {
		return 1
	}
	return 0
}

func isDir(path string) bool {
	fi, err := os.Stat(path)
	return err == nil && fi.IsDir()
}

// enter changes the directory: that of the process, if this is the process's own environment.
func (s *Shell) enter(dir string) error {
	if s.main {
		return os.Chdir(dir)
	}
	f, err := os.Stat(dir)
	if err != nil {
		return err
	}
	if !f.IsDir() {
		return syscall.ENOTDIR
	}
	if err := syscall.Access(dir, 1); err != nil {
		return err
	}
	s.virtual = true
	return nil
}

func pwd(s *Shell, args []string) int {
	dir := s.dir
	if slices.Contains(args, "-P") {
		if real, err := filepath.EvalSymlinks(dir); err == nil {
			dir = real
		}
	}
	return btoi(!s.write(1, dir+"\n"))
}

func shift(s *Shell, args []string) int {
	n := 1
	if len(args) > 1 {
		var err error
		if n, err = strconv.Atoi(args[1]); err != nil || n < 0 {
			return s.usage("shift", fmt.Sprintf("%q is not a number", args[1]))
		}
	}
	if n > len(s.params) {
		return 1
	}
	s.params = s.params[n:]
	return 0
}

func unset(s *Shell, args []string) int {
	kind := byte(0)
	status := 0
	for _, name := range args[1:] {
		if name == "-f" || name == "-v" {
			kind = name[1]
			continue
		}
		if base, index, ok := strings.Cut(name, "["); ok && kind != 'f' && strings.HasSuffix(index, "]") {
			s.unsetElement(base, strings.TrimSuffix(index, "]"))
			continue
		}
		_, isFunc := s.funcs[name]
		if kind == 'f' || kind == 0 && isFunc && !s.lookup(name).Declared() {
			s.own()
			delete(s.funcs, name)
			continue
		}
		if err := s.assign(name, expand.Variable{}); err != nil {
			s.errorf("unset: %s", err)
			status = 1
		}
	}
	return status
}

func (s *Shell) unsetElement(name, index string) {
	v := s.lookup(name)
	if v.Kind == expand.Associative {
		m := map[string]string{}
		for k, e := range v.Map {
			if k != strings.Trim(index, `"'`) {
				m[k] = e
			}
		}
		v.Map = m
	} else {
		elems := elements(v)
		i, err := strconv.Atoi(index)
		if err != nil {
			i, _ = strconv.Atoi(s.get(index))
		}
		delete(elems, i)
		v = indexed(v, elems)
	}
	s.replaceVar(name, v)
}

func alias(s *Shell, args []string) int {
	if len(args) == 1 {
		for _, name := range sortedKeys(s.aliases) {
			s.write(1, "alias "+name+"="+text.Quote(s.aliases[name])+"\n")
		}
		return 0
	}
	status := 0
	for _, arg := range args[1:] {
		name, value, has := strings.Cut(arg, "=")
		if has {
			s.own()
			s.aliases[name] = value
			continue
		}
		value, ok := s.aliases[name]
		if !ok {
			s.errorf("alias: %s: not found", name)
			status = 1
			continue
		}
		s.write(1, "alias "+name+"="+text.Quote(value)+"\n")
	}
	return status
}

func sortedKeys(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func unalias(s *Shell, args []string) int {
	s.own()
	status := 0
	for _, name := range args[1:] {
		if name == "-a" {
			clear(s.aliases)
			continue
		}
		if _, ok := s.aliases[name]; !ok {
			s.errorf("unalias: %s: not found", name)
			status = 1
		}
		delete(s.aliases, name)
	}
	return status
}

// killBuiltin is kill, with jobs as targets. A signal with a trap that the shell sends to itself arrives
// at once: the next command must see what the trap did.
func killBuiltin(s *Shell, args []string) int {
	a, ok := s.find("kill")
	if !ok {
		s.notRun("kill", applet.ErrNotFound)
		return s.status
	}
	argv := slices.Clone(args[1:])
	sig, targets, err := process.TakeSignal(argv)
	if err == nil && s.main && s.signals.trapped.Load()>>uint(sig)&1 != 0 && slices.Equal(targets, []string{strconv.Itoa(s.pid)}) {
		s.signals.take(sig)
		return 0
	}
	for i, arg := range argv {
		if strings.HasPrefix(arg, "%") {
			j := s.jobs.find(arg)
			if j == nil {
				s.errorf("kill: %s: no such job", arg)
				return 1
			}
			argv[i] = strconv.Itoa(-j.pid) // a job is the leader of a group
		}
	}
	if len(targets) == len(argv) && len(argv) > 0 && argv[0] != args[1] {
		argv = append([]string{"--"}, argv...) // a group is no option
	}
	p := &applet.Proc{Args: argv, Stdout: output{s.file(1)}.writer(), Stderr: output{s.file(2)}.writer(), Inside: true}
	return a.Exec(s.ctx, p)
}

func times(s *Shell, _ []string) int {
	var self, children syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &self)
	syscall.Getrusage(syscall.RUSAGE_CHILDREN, &children)
	text := func(tv syscall.Timeval) string {
		sec := float64(tv.Nano()) / 1e9
		return fmt.Sprintf("%dm%.3fs", int(sec)/60, sec-float64(int(sec)/60*60))
	}
	s.write(1, text(self.Utime)+" "+text(self.Stime)+"\n"+text(children.Utime)+" "+text(children.Stime)+"\n")
	return 0
}

func help(s *Shell, args []string) int {
	if len(args) > 1 {
		s.external([]string{args[1], "--help"}, false)
		return s.status
	}
	s.write(1, "Commands of the shell itself:\n  "+strings.Join(fold(builtinNames, 76), "\n  ")+
		"\n\nKeywords: if for while until case select function time { } ( ) [[ ]] (( )) !\n"+
		"The utilities are listed by `userland --list`; each knows --help.\n")
	return 0
}

// fold breaks words into lines.
func fold(words string, width int) []string {
	var lines []string
	line := ""
	for w := range strings.FieldsSeq(words) {
		if line != "" && len(line)+1+len(w) > width {
			lines = append(lines, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += w
	}
	return append(lines, line)
}
