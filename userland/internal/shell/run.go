//go:build linux

package shell

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/syntax"
)

func (s *Shell) stmts(list []*syntax.Stmt) {
	for _, st := range list {
		s.stmt(st)
		if s.halted() {
			return
		}
	}
}

// stmt runs a statement, in the background if it says so.
func (s *Shell) stmt(st *syntax.Stmt) {
	s.line = s.lineBase + st.Pos().Line()
	if s.opt.NoExec && !s.interactive {
		return
	}
	if st.Coprocess {
		s.errorf("coprocesses are not supported")
		s.status = 2
		return
	}
	if st.Background || st.Disown {
		s.background(st)
		return
	}
	s.foreground(st)
}

// foreground runs a statement with its redirections, and then sees whether set -e ends the shell.
func (s *Shell) foreground(st *syntax.Stmt) {
	pipes, waits := s.pipes, s.waits
	if st.Negated {
		s.conditions++
	}
	if len(st.Redirs) == 0 {
		s.command(st.Cmd)
	} else if undo, ok := s.redirect(st.Redirs); ok {
		if st.Cmd == nil {
			s.status = 0
		} else {
			s.command(st.Cmd)
		}
		if s.keepRedirs {
			s.keepRedirs = false
			undo.keep()
		} else {
			undo.undo()
		}
	} else {
		undo.undo()
	}
	if len(s.pipes) > len(pipes) || len(s.waits) > len(waits) {
		s.endSubstitutions(pipes, waits)
	}
	if st.Negated {
		s.conditions--
		if s.flow.kind != flowExit && s.flow.kind != flowInterrupt {
			s.status = btoi(s.status == 0)
		}
		return
	}
	if s.status != 0 && s.conditions == 0 && s.flow.kind == flowNone && failsShell(st.Cmd) {
		s.errTrap()
		if s.opt.ErrExit {
			s.exit(s.status)
		}
	}
}

// failsShell tells the commands whose failure set -e looks at: those that have no parts of their own
// which it has looked at already.
func failsShell(cm syntax.Command) bool {
	switch cm := cm.(type) {
	case nil, *syntax.CallExpr, *syntax.Subshell, *syntax.TestClause, *syntax.ArithmCmd, *syntax.LetClause, *syntax.DeclClause:
		return true
	case *syntax.BinaryCmd:
		return cm.Op == syntax.Pipe || cm.Op == syntax.PipeAll
	}
	return false
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// condition runs statements whose failure decides something and ends nothing.
func (s *Shell) condition(list []*syntax.Stmt) bool {
	s.conditions++
	s.stmts(list)
	s.conditions--
	return s.status == 0
}

func (s *Shell) command(cm syntax.Command) {
	switch cm := cm.(type) {
	case *syntax.CallExpr:
		s.simple(cm)
	case *syntax.Block:
		s.stmts(cm.Stmts)
	case *syntax.Subshell:
		sub := s.subshell()
		sub.stmts(cm.Stmts)
		s.status = sub.finish()
		s.adoptInterrupt(sub)
	case *syntax.BinaryCmd:
		s.binary(cm)
	case *syntax.IfClause:
		s.ifClause(cm)
	case *syntax.WhileClause:
		s.while(cm)
	case *syntax.ForClause:
		s.forClause(cm)
	case *syntax.CaseClause:
		s.caseClause(cm)
	case *syntax.FuncDecl:
		s.own()
		s.status = 0
		if cm.Name != nil {
			s.funcs[cm.Name.Value] = cm.Body
		}
	case *syntax.ArithmCmd:
		if n, ok := s.arithmetic(cm.X); ok {
			s.status = btoi(n == 0)
		}
	case *syntax.LetClause:
		for _, x := range cm.Exprs {
			n, ok := s.arithmetic(x)
			if !ok {
				return
			}
			s.status = btoi(n == 0)
		}
	case *syntax.TestClause:
		s.testClause(cm)
	case *syntax.DeclClause:
		s.declare(cm)
	case *syntax.TimeClause:
		s.timed(cm)
	default:
		s.errorf("%T is not supported", cm)
		s.status = 2
	}
}

// adoptInterrupt lets an interrupt of a subshell count for its parent, as the same key hit both.
func (s *Shell) adoptInterrupt(sub *Shell) {
	switch {
	case sub.flow.kind != flowInterrupt:
	case s.interactive:
		s.flow.kind = flowInterrupt
	default:
		s.halted()
	}
}

func (s *Shell) binary(b *syntax.BinaryCmd) {
	switch b.Op {
	case syntax.AndStmt, syntax.OrStmt:
		s.conditions++
		s.stmt(b.X)
		s.conditions--
		if !s.halted() && (s.status == 0) == (b.Op == syntax.AndStmt) {
			s.stmt(b.Y)
		}
	default:
		s.pipeline(b)
	}
}

func (s *Shell) ifClause(c *syntax.IfClause) {
	for ; c != nil; c = c.Else {
		if len(c.Cond) == 0 { // else
			s.stmts(c.Then)
			return
		}
		yes := s.condition(c.Cond)
		if s.flow.kind != flowNone || s.halted() {
			return
		}
		if yes {
			s.stmts(c.Then)
			return
		}
	}
	s.status = 0
}

// loop runs the body of a loop once. It returns false if the loop is over.
func (s *Shell) loop(body []*syntax.Stmt) bool {
	s.loops++
	s.stmts(body)
	s.loops--
	switch s.flow.kind {
	case flowNone:
		return true
	case flowBreak, flowContinue:
		next := s.flow.kind == flowContinue && s.flow.depth == 1
		if s.flow.depth--; s.flow.depth == 0 {
			s.flow = flow{}
		}
		return next
	}
	return false
}

func (s *Shell) while(c *syntax.WhileClause) {
	status := 0
	for {
		s.loops++
		yes := s.condition(c.Cond) != c.Until
		s.loops--
		if s.flow.kind != flowNone {
			if s.flow.kind == flowBreak || s.flow.kind == flowContinue {
				next := s.flow.kind == flowContinue && s.flow.depth == 1
				if s.flow.depth--; s.flow.depth == 0 {
					s.flow = flow{}
				}
				if next {
					continue
				}
			}
			return
		}
		if !yes {
			break
		}
		more := s.loop(c.Do)
		status = s.status
		if !more || s.halted() {
			return
		}
	}
	s.status = status
}

func (s *Shell) forClause(c *syntax.ForClause) {
	switch l := c.Loop.(type) {
	case *syntax.CStyleLoop:
		s.cStyle(c, l)
	case *syntax.WordIter:
		items := s.params
		if l.InPos.IsValid() {
			var ok bool
			if items, ok = s.fields(l.Items); !ok {
				return
			}
		}
		s.status = 0
		if c.Select {
			s.menu(l.Name.Value, items, c.Do)
			return
		}
		for _, item := range items {
			if !s.set(l.Name.Value, item) || !s.loop(c.Do) || s.halted() {
				return
			}
		}
	}
}

func (s *Shell) cStyle(c *syntax.ForClause, l *syntax.CStyleLoop) {
	if l.Init != nil {
		if _, ok := s.arithmetic(l.Init); !ok {
			return
		}
	}
	s.status = 0
	for {
		if l.Cond != nil {
			n, ok := s.arithmetic(l.Cond)
			if !ok || n == 0 {
				return
			}
		}
		if !s.loop(c.Do) || s.halted() {
			return
		}
		if l.Post != nil {
			if _, ok := s.arithmetic(l.Post); !ok {
				return
			}
		}
	}
}

// menu is select: it asks until the loop is left or the input ends.
func (s *Shell) menu(name string, items []string, body []*syntax.Stmt) {
	show := true
	for {
		if show {
			for i, item := range items {
				s.write(2, fmt.Sprintf("%d) %s\n", i+1, item))
			}
		}
		prompt := s.get("PS3")
		if prompt == "" {
			prompt = "#? "
		}
		s.write(2, prompt)
		line, err := s.readLine(lineOptions{raw: true, delim: '\n', fd: 0})
		if err != nil {
			s.write(2, "\n")
			s.status = 1
			return
		}
		if show = line == ""; show {
			continue
		}
		s.set("REPLY", line)
		choice := ""
		if n, err := strconv.Atoi(strings.TrimSpace(line)); err == nil && n > 0 && n <= len(items) {
			choice = items[n-1]
		}
		if !s.set(name, choice) || !s.loop(body) || s.halted() {
			return
		}
	}
}

func (s *Shell) caseClause(c *syntax.CaseClause) {
	word, ok := s.literal(c.Word)
	if !ok {
		return
	}
	s.status = 0
	through := false
	for _, item := range c.Items {
		if !through {
			hit := false
			for _, w := range item.Patterns {
				p, ok := s.pattern(w)
				if !ok {
					return
				}
				if s.match(p, word) {
					hit = true
					break
				}
			}
			if !hit {
				continue
			}
		}
		s.stmts(item.Stmts)
		if s.halted() {
			return
		}
		switch item.Op {
		case syntax.Fallthrough:
			through = true
		case syntax.Resume, syntax.ResumeKorn:
			through = false
		default:
			return
		}
	}
}

func (s *Shell) timed(c *syntax.TimeClause) {
	used := func() (user, sys time.Duration) {
		for _, who := range []int{unix.RUSAGE_SELF, unix.RUSAGE_CHILDREN} {
			var ru unix.Rusage
			if unix.Getrusage(who, &ru) == nil {
				user += time.Duration(ru.Utime.Nano())
				sys += time.Duration(ru.Stime.Nano())
			}
		}
		return user, sys
	}
	start := time.Now()
	user, sys := used()
	s.status = 0
	if c.Stmt != nil {
		s.stmt(c.Stmt)
	}
	real := time.Since(start)
	user2, sys2 := used()
	if c.PosixFormat {
		s.write(2, fmt.Sprintf("real %.2f\nuser %.2f\nsys %.2f\n", real.Seconds(), (user2-user).Seconds(), (sys2-sys).Seconds()))
		return
	}
	line := func(name string, d time.Duration) string {
		return fmt.Sprintf("%s\t%dm%.3fs\n", name, int(d.Minutes()), d.Seconds()-60*float64(int(d.Minutes())))
	}
	s.write(2, "\n"+line("real", real)+line("user", user2-user)+line("sys", sys2-sys))
}

// declare is export, readonly, local and declare.
func (s *Shell) declare(c *syntax.DeclClause) {
	s.status = 0
	kind := c.Variant.Value
	attr := expand.Variable{Exported: kind == "export", ReadOnly: kind == "readonly", Local: kind == "local" || (kind == "declare" || kind == "typeset") && s.calls > 0}
	if kind == "local" && s.calls == 0 {
		s.errorf("local: only in a function")
		s.status = 1
		return
	}
	d := declaration{kind: kind, attr: attr}
	for _, as := range c.Args {
		if as.Name != nil && !strings.HasPrefix(as.Name.Value, "-") && !strings.HasPrefix(as.Name.Value, "+") {
			s.declareOne(&d, as)
			continue
		}
		// An option, or a word that expands to options and assignments.
		words := []string{}
		if as.Name != nil {
			words = []string{as.Name.Value}
		} else if as.Value != nil {
			var ok bool
			if words, ok = s.fields([]*syntax.Word{as.Value}); !ok {
				return
			}
		}
		for _, w := range words {
			if len(w) > 1 && (w[0] == '-' || w[0] == '+') {
				d.option(w)
				continue
			}
			name, value, has := strings.Cut(w, "=")
			one := &syntax.Assign{Name: &syntax.Lit{Value: name}, Naked: !has}
			if has {
				one.Value = &syntax.Word{Parts: []syntax.WordPart{&syntax.SglQuoted{Value: value}}}
			}
			s.declareOne(&d, one)
		}
		if s.flow.kind != flowNone {
			return
		}
	}
	if !d.named {
		s.printDeclared(&d)
	}
}

// declaration is what the options of declare and its like have said so far.
type declaration struct {
	kind                    string
	attr                    expand.Variable
	indexed, assoc, nameref bool
	print, functions        bool
	unset                   bool // export -n
	named                   bool
}

func (d *declaration) option(w string) {
	on := w[0] == '-'
	for _, c := range w[1:] {
		switch c {
		case 'x':
			d.attr.Exported = on
		case 'r':
			d.attr.ReadOnly = on
		case 'a':
			d.indexed = on
		case 'A':
			d.assoc = on
		case 'n':
			if d.kind == "export" {
				d.unset = true
			} else {
				d.nameref = on
			}
		case 'p':
			d.print = true
		case 'f', 'F':
			d.functions = true
		case 'g':
			d.attr.Local = false
		}
	}
}

func (s *Shell) declareOne(d *declaration, as *syntax.Assign) {
	d.named = true
	name := as.Name.Value
	if !syntax.ValidName(name) {
		s.errorf("%s: %q is not a name", d.kind, name)
		s.status = 1
		return
	}
	switch {
	case d.functions:
		if body, ok := s.funcs[name]; ok {
			s.write(1, functionText(name, body)+"\n")
		} else {
			s.status = 1
		}
		return
	case d.print:
		v := s.lookup(name)
		if !v.Declared() {
			s.errorf("%s: %s: not found", d.kind, name)
			s.status = 1
			return
		}
		s.write(1, declarationText(name, v)+"\n")
		return
	case d.unset:
		v := s.lookup(name)
		v.Exported = false
		s.replaceVar(name, v)
		return
	}
	v := expand.Variable{Kind: expand.KeepValue}
	if as.Naked && d.attr.Local {
		v = expand.Variable{Kind: expand.Unknown}
		if own, ok := s.vars.vars[name]; ok && s.vars.kind == scopeLocal {
			v = own
		}
	}
	switch {
	case as.Naked && d.assoc:
		v.Kind = expand.Associative
	case as.Naked && d.indexed:
		v.Kind = expand.Indexed
	case !as.Naked:
		var ok bool
		if v, ok = s.value(as, d.assoc, d.nameref, d.attr.Local); !ok {
			return
		}
	}
	v.Exported = v.Exported || d.attr.Exported
	v.Local = d.attr.Local
	readOnly := d.attr.ReadOnly
	v.ReadOnly = v.ReadOnly || readOnly
	if v.Kind == expand.Unknown && v.Local {
		s.replaceLocal(name, v)
		return
	}
	if err := s.assign(name, v); err != nil {
		s.errorf("%s: %s", d.kind, err)
		s.status = 1
	}
}

// replaceVar puts a variable in the place where it is, whatever it was.
func (s *Shell) replaceVar(name string, v expand.Variable) {
	for sc := s.vars; sc != nil; sc = sc.parent {
		if _, has := sc.vars[name]; has || sc.kind == scopeBase {
			sc.vars[name] = v
			return
		}
	}
}

// replaceLocal makes a variable local without a value.
func (s *Shell) replaceLocal(name string, v expand.Variable) {
	for sc := s.vars; sc != nil; sc = sc.parent {
		if sc.kind == scopeLocal {
			sc.vars[name] = v
			return
		}
	}
}

// write writes to a descriptor. A reader that is gone ends the environment, as SIGPIPE would.
func (s *Shell) write(fd int, text string) bool {
	f := s.file(fd)
	if f == nil {
		return false
	}
	_, err := f.WriteString(text)
	if err == nil {
		return true
	}
	if isPipe(err) {
		s.exit(statusPipe)
	} else if fd != 2 {
		s.errorf("write: %s", reason(err))
	}
	return false
}

// errorf reports something on the shell's standard error, with the place if it is in a script.
func (s *Shell) errorf(format string, args ...any) {
	f := s.file(2)
	if f == nil {
		return
	}
	where := s.name
	if !s.interactive && s.line > 0 {
		where += ": line " + strconv.Itoa(int(s.line))
	}
	fmt.Fprintf(f, "%s: %s\n", strings.TrimPrefix(where, "-"), fmt.Sprintf(format, args...))
}
