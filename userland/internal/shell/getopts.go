//go:build linux

package shell

import (
	"strconv"
	"strings"

	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/syntax"
)

// getopts reads the next option of a script's or function's arguments.
func getopts(s *Shell, args []string) int {
	if len(args) < 3 || !syntax.ValidName(args[2]) {
		return s.usage("getopts", "options and a variable's name are needed")
	}
	spec, name, list := args[1], args[2], args[3:]
	if len(args) == 3 {
		list = s.params
	}
	silent := strings.HasPrefix(spec, ":")
	spec = strings.TrimPrefix(spec, ":")
	g := &s.getopt
	finish := func(opt string, arg *string, status int) int {
		index, char := g.index, g.char
		s.set(name, opt)
		if arg == nil {
			s.assign("OPTARG", expand.Variable{})
		} else {
			s.set("OPTARG", *arg)
		}
		s.set("OPTIND", strconv.Itoa(index))
		g.index, g.char = index, char // assigning OPTIND starts anew
		return status
	}
	at := g.index - 1
	if at >= len(list) || len(list[at]) < 2 || list[at][0] != '-' {
		return finish("?", nil, 1)
	}
	word := list[at]
	if word == "--" {
		g.index++
		return finish("?", nil, 1)
	}
	if g.char == 0 {
		g.char = 1
	}
	c := word[g.char : g.char+1]
	next := func() {
		if g.char++; g.char >= len(word) {
			g.char = 0
			g.index++
		}
	}
	i := strings.Index(spec, c)
	if i < 0 || c == ":" {
		next()
		if silent {
			return finish("?", &c, 0)
		}
		s.errorf("unknown option -%s", c)
		return finish("?", nil, 0)
	}
	if i+1 == len(spec) || spec[i+1] != ':' {
		next()
		return finish(c, nil, 0)
	}
	value := word[g.char+1:]
	g.char = 0
	g.index++
	if value == "" {
		if at+1 >= len(list) {
			if silent {
				return finish(":", &c, 0)
			}
			s.errorf("option -%s needs a value", c)
			return finish("?", nil, 0)
		}
		value = list[at+1]
		g.index++
	}
	return finish(c, &value, 0)
}
