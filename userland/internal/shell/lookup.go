//go:build linux

package shell

import (
	"fmt"
	"strings"

	"github.com/libioc/ioc/userland/internal/applet"
	"github.com/libioc/ioc/userland/internal/text"
	"mvdan.cc/sh/v3/syntax"
)

func builtinBuiltin(s *Shell, args []string) int {
	if len(args) == 1 {
		return 0
	}
	run := builtin(args[1])
	if run == nil {
		s.errorf("builtin: %s: not a builtin", args[1])
		return 1
	}
	return run(s, args[1:])
}

// command runs a command without looking for functions, or tells what it is.
func command(s *Shell, args []string) int {
	args = args[1:]
	mode := byte(0)
	path := ""
	for len(args) > 0 && len(args[0]) > 1 && args[0][0] == '-' {
		if args[0] == "--" {
			args = args[1:]
			break
		}
		for _, c := range args[0][1:] {
			switch c {
			case 'v', 'V':
				mode = byte(c)
			case 'p':
				path = "/usr/bin:/bin:/usr/sbin:/sbin"
			default:
				return s.usage("command", fmt.Sprintf("unknown option -%c", c))
			}
		}
		args = args[1:]
	}
	if len(args) == 0 {
		return 0
	}
	if mode != 0 {
		status := 0
		for _, name := range args {
			if !s.describe(name, mode == 'V', "command") {
				status = 1
			}
		}
		return status
	}
	if path != "" {
		old := s.lookup("PATH")
		s.replaceVar("PATH", stringVar(path))
		defer s.replaceVar("PATH", old)
	}
	if run := builtin(args[0]); run != nil {
		return run(s, args)
	}
	s.external(args, false)
	return s.status
}

// describe tells what a name stands for, in a sentence or, for scripts, in a word.
func (s *Shell) describe(name string, long bool, who string) bool {
	say := func(short, full string) bool {
		if long {
			short = full
		}
		s.write(1, short+"\n")
		return true
	}
	if value, ok := s.aliases[name]; ok && s.opt.Aliases {
		return say("alias "+name+"="+text.Quote(value), name+" is an alias for "+value)
	}
	if syntax.IsKeyword(name) {
		return say(name, name+" is a shell keyword")
	}
	if body, ok := s.funcs[name]; ok {
		return say(name, name+" is a function\n"+functionText(name, body))
	}
	if builtin(name) != nil {
		return say(name, name+" is a shell builtin")
	}
	switch name {
	case "export", "readonly", "local", "declare", "typeset", "let":
		return say(name, name+" is a shell builtin")
	}
	path, err := applet.LookPath(name, s.get("PATH"), s.path)
	switch {
	case err == nil:
		return say(path, name+" is "+path)
	case !strings.Contains(name, "/"):
		if _, ok := s.find(name); ok {
			return say(name, name+" is an applet of the shell's program")
		}
	}
	if long {
		s.errorf("%s: %s: not found", who, name)
	}
	return false
}

func typeBuiltin(s *Shell, args []string) int {
	args = args[1:]
	kind, path := false, false
	for len(args) > 0 && strings.HasPrefix(args[0], "-") && len(args[0]) > 1 {
		kind = kind || strings.Contains(args[0], "t")
		path = path || strings.ContainsAny(args[0], "pP")
		args = args[1:]
	}
	status := 0
	for _, name := range args {
		ok := true
		switch {
		case kind:
			word := s.kindOf(name)
			if ok = word != ""; ok {
				s.write(1, word+"\n")
			}
		case path:
			file, err := applet.LookPath(name, s.get("PATH"), s.path)
			if ok = err == nil; ok {
				s.write(1, file+"\n")
			}
		default:
			ok = s.describe(name, true, "type")
		}
		if !ok {
			status = 1
		}
	}
	return status
}

func (s *Shell) kindOf(name string) string {
	_, isAlias := s.aliases[name]
	_, isFunc := s.funcs[name]
	_, isApplet := s.find(name)
	switch {
	case isAlias && s.opt.Aliases:
		return "alias"
	case syntax.IsKeyword(name):
		return "keyword"
	case isFunc:
		return "function"
	case builtin(name) != nil || strings.Contains(" export readonly local declare typeset let ", " "+name+" "):
		return "builtin"
	}
	if _, err := applet.LookPath(name, s.get("PATH"), s.path); err == nil || isApplet {
		return "file"
	}
	return ""
}
