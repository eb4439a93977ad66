//go:build linux

package shell

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/libioc/ioc/userland/internal/account"
	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/syntax"
)

var errReadOnly = errors.New("read-only variable")

func stringVar(value string) expand.Variable {
	return expand.Variable{Set: true, Kind: expand.String, Str: value}
}

// importEnviron makes the process's environment variables of the shell.
func (s *Shell) importEnviron(environ []string) {
	for _, kv := range environ {
		name, value, ok := strings.Cut(kv, "=")
		if ok && syntax.ValidName(name) {
			v := stringVar(value)
			v.Exported = true
			s.vars.vars[name] = v
		}
	}
	s.initDir()
	set := func(name, value string) { s.vars.vars[name] = stringVar(value) }
	set("IFS", " \t\n")
	set("OPTIND", "1")
	set("PS4", "+ ")
	if !s.lookup("PATH").IsSet() {
		set("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
	}
	if !s.lookup("PS2").IsSet() {
		set("PS2", "> ")
	}
	s.getopt.index = 1
}

// initDir finds the working directory. $PWD is believed if it names the same directory, because it
// knows the links on the way.
func (s *Shell) initDir() {
	dir, err := os.Getwd()
	if err != nil {
		dir = "/"
	}
	if pwd := s.get("PWD"); strings.HasPrefix(pwd, "/") && !strings.Contains(pwd+"/", "/../") && !strings.Contains(pwd+"/", "/./") {
		a, err1 := os.Stat(pwd)
		b, err2 := os.Stat(".")
		if err1 == nil && err2 == nil && os.SameFile(a, b) {
			dir = pwd
		}
	}
	s.dir = dir
	v := stringVar(dir)
	v.Exported = s.lookup("PWD").Exported
	s.vars.vars["PWD"] = v
}

// lookup finds a variable that is no special parameter.
func (s *Shell) lookup(name string) expand.Variable {
	for sc := s.vars; sc != nil; sc = sc.parent {
		if v, ok := sc.vars[name]; ok {
			return v
		}
	}
	return expand.Variable{}
}

// get is the value of a variable as a string.
func (s *Shell) get(name string) string { return environ{s}.Get(name).String() }

// assign gives a variable its value where it lives: in the innermost scope that has it.
func (s *Shell) assign(name string, v expand.Variable) error {
	if name == "" {
		return errors.New("a variable's name is missing")
	}
	target := (*scope)(nil)
	for sc := s.vars; sc != nil && target == nil; sc = sc.parent {
		_, has := sc.vars[name]
		if has || sc.kind == scopeBase || v.Local && sc.kind == scopeLocal {
			target = sc
		}
	}
	old := s.lookup(name)
	if v.Local {
		if own, ok := target.vars[name]; ok {
			old = own
		} else {
			old = expand.Variable{}
		}
	}
	if v.Kind == expand.KeepValue {
		keep := old
		keep.Exported = old.Exported || v.Exported
		keep.ReadOnly = old.ReadOnly || v.ReadOnly
		keep.Local = v.Local
		target.vars[name] = keep
		return nil
	}
	if old.ReadOnly {
		return fmt.Errorf("%s: %w", name, errReadOnly)
	}
	if v.IsSet() {
		v.Exported = v.Exported || old.Exported || s.opt.AllExport
		v.Local = v.Local || old.Local
	}
	if !v.Declared() && target.parent == nil {
		delete(target.vars, name)
	} else {
		target.vars[name] = v
	}
	s.assigned(name)
	return nil
}

// assigned reacts to variables that steer the shell.
func (s *Shell) assigned(name string) {
	if name == "OPTIND" {
		n, _ := strconv.Atoi(s.get(name))
		s.getopt.index, s.getopt.char = max(1, n), 0
	}
}

// set assigns a string and reports a failure, which is that of the command at hand.
func (s *Shell) set(name, value string) bool {
	if err := s.assign(name, stringVar(value)); err != nil {
		s.errorf("%s", err)
		s.status = 1
		return false
	}
	return true
}

// exported is the environment of commands, sorted, so that env prints the same every time.
func (s *Shell) exported() []string {
	var list []string
	seen := make(map[string]bool, 64)
	for sc := s.vars; sc != nil; sc = sc.parent {
		for name, v := range sc.vars {
			if seen[name] {
				continue
			}
			seen[name] = true
			if v.Exported && v.IsSet() && v.Kind == expand.String {
				list = append(list, name+"="+v.Str)
			}
		}
	}
	slices.Sort(list)
	return list
}

// environ is the shell's variables as word expansion sees them.
type environ struct{ s *Shell }

func (e environ) Get(name string) expand.Variable {
	s := e.s
	switch name {
	case "?":
		return stringVar(strconv.Itoa(s.status))
	case "#":
		return stringVar(strconv.Itoa(len(s.params)))
	case "@", "*":
		list := s.params
		if list == nil {
			list = []string{}
		}
		return expand.Variable{Set: true, Kind: expand.Indexed, List: list}
	case "$":
		return stringVar(strconv.Itoa(s.pid))
	case "!":
		if s.lastBg == 0 {
			return expand.Variable{}
		}
		return stringVar(strconv.Itoa(s.lastBg))
	case "-":
		return stringVar(s.opt.letters(s.interactive))
	case "0":
		return stringVar(s.name)
	case "_":
		return stringVar(s.lastArg)
	}
	if name[0] >= '1' && name[0] <= '9' {
		n, _ := strconv.Atoi(name)
		if n > len(s.params) {
			return expand.Variable{}
		}
		return stringVar(s.params[n-1])
	}
	if v := s.lookup(name); v.Declared() {
		return v
	}
	return e.computed(name)
}

// computed are variables that the shell makes up.
func (e environ) computed(name string) expand.Variable {
	s := e.s
	switch name {
	case "PPID":
		return stringVar(strconv.Itoa(os.Getppid()))
	case "BASHPID":
		return stringVar(strconv.Itoa(os.Getpid()))
	case "UID":
		return stringVar(strconv.Itoa(os.Getuid()))
	case "EUID":
		return stringVar(strconv.Itoa(os.Geteuid()))
	case "SECONDS":
		return stringVar(strconv.Itoa(int(time.Since(s.started).Seconds())))
	case "RANDOM":
		return stringVar(strconv.Itoa(s.rand()))
	case "HOSTNAME":
		host, _ := os.Hostname()
		return stringVar(host)
	}
	if user, ok := strings.CutPrefix(name, "HOME "); ok {
		var names account.Names
		u, err := names.User(user)
		if err != nil {
			return expand.Variable{}
		}
		return stringVar(u.Home)
	}
	if name == "HOME" {
		var names account.Names
		if u, ok := names.ByUID(os.Getuid()); ok {
			return stringVar(u.Home)
		}
	}
	return expand.Variable{}
}

// rand is a number from 0 to 32767, of a small generator that starts with the time and the process.
func (h *host) rand() int {
	for {
		old := h.random.Load()
		x := old
		if x == 0 {
			x = uint32(time.Now().UnixNano()) ^ uint32(h.pid)<<16 | 1
		}
		x ^= x << 13
		x ^= x >> 17
		x ^= x << 5
		if h.random.CompareAndSwap(old, x) {
			return int(x >> 8 & 0x7fff)
		}
	}
}

func (e environ) Set(name string, v expand.Variable) error { return e.s.assign(name, v) }

func (e environ) Each(f func(name string, v expand.Variable) bool) {
	seen := map[string]bool{}
	for sc := e.s.vars; sc != nil; sc = sc.parent {
		for name, v := range sc.vars {
			if !seen[name] {
				seen[name] = true
				if v.Declared() && !f(name, v) {
					return
				}
			}
		}
	}
}

// letters are the options as $- shows them.
func (o *options) letters(interactive bool) string {
	var b strings.Builder
	for _, l := range []struct {
		on bool
		c  byte
	}{{o.AllExport, 'a'}, {o.ErrExit, 'e'}, {o.NoGlob, 'f'}, {interactive, 'i'}, {o.NoExec, 'n'}, {o.NoUnset, 'u'}, {o.Verbose, 'v'}, {o.XTrace, 'x'}, {o.NoClobber, 'C'}} {
		if l.on {
			b.WriteByte(l.c)
		}
	}
	return b.String()
}
