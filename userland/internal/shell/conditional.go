//go:build linux

package shell

import (
	"regexp"

	"github.com/libioc/ioc/userland/internal/files"
	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/pattern"
	"mvdan.cc/sh/v3/syntax"
)

// match reports whether a pattern of the shell matches a whole string.
func (s *Shell) match(pat, text string) bool {
	if !pattern.HasMeta(pat, 0) && !hasEscape(pat) {
		return pat == text
	}
	src, err := pattern.Regexp(pat, pattern.EntireString|pattern.ExtendedOperators)
	if err != nil {
		return pat == text
	}
	re, err := regexp.Compile(src)
	return err == nil && re.MatchString(text)
}

func hasEscape(pat string) bool {
	for i := range len(pat) {
		switch pat[i] {
		case '\\', '(':
			return true
		}
	}
	return false
}

func (s *Shell) testClause(c *syntax.TestClause) {
	ok, good := s.test(c.X)
	if good {
		s.status = btoi(!ok)
	} else if s.status == 0 {
		s.status = 2
	}
}

// test evaluates an expression of [[ ]]; good is false after an error, which was reported.
func (s *Shell) test(x syntax.TestExpr) (ok, good bool) {
	switch x := x.(type) {
	case *syntax.Word:
		text, good := s.literal(x)
		return text != "", good
	case *syntax.ParenTest:
		return s.test(x.X)
	case *syntax.UnaryTest:
		return s.unaryTest(x)
	case *syntax.BinaryTest:
		return s.binaryTest(x)
	}
	return false, false
}

func (s *Shell) unaryTest(x *syntax.UnaryTest) (ok, good bool) {
	op := x.Op.String()
	if op == "!" {
		ok, good = s.test(x.X)
		return !ok, good
	}
	w, isWord := x.X.(*syntax.Word)
	if !isWord {
		return false, false
	}
	text, good := s.literal(w)
	if !good {
		return false, false
	}
	switch op {
	case "-n":
		return text != "", true
	case "-z":
		return text == "", true
	case "-v":
		return environ{s}.Get(text).IsSet(), true
	case "-o":
		for _, o := range setOptions() {
			if o.name == text {
				return *o.value(&s.opt), true
			}
		}
		return false, true
	case "-t":
		n := 0
		for _, c := range text {
			n = n*10 + int(c-'0')
		}
		return terminal(s.file(n)), true
	}
	return files.FileTest(op[len(op)-1], s.path(text)), true
}

func (s *Shell) binaryTest(x *syntax.BinaryTest) (ok, good bool) {
	op := x.Op.String()
	switch op {
	case "&&", "||":
		ok, good = s.test(x.X)
		if !good || ok == (op == "||") {
			return ok, good
		}
		return s.test(x.Y)
	}
	left, ok1 := x.X.(*syntax.Word)
	right, ok2 := x.Y.(*syntax.Word)
	if !ok1 || !ok2 {
		return false, false
	}
	a, good := s.literal(left)
	if !good {
		return false, false
	}
	switch op {
	case "=", "==", "!=":
		p, good := s.pattern(right)
		return s.match(p, a) == (op != "!="), good
	case "=~":
		return s.matchRegexp(a, right)
	}
	switch op {
	case "-eq", "-ne", "-lt", "-le", "-gt", "-ge":
		return s.compareNumbers(op, left, right)
	}
	b, good := s.literal(right)
	if !good {
		return false, false
	}
	switch op {
	case "<":
		return a < b, true
	case ">":
		return a > b, true
	}
	return files.CompareFiles(op, s.path(a), s.path(b)), true
}

// compareNumbers takes its operands as arithmetic, as [[ ]] does.
func (s *Shell) compareNumbers(op string, left, right *syntax.Word) (ok, good bool) {
	a, good1 := s.arithmetic(left)
	b, good2 := s.arithmetic(right)
	if !good1 || !good2 {
		return false, false
	}
	switch op {
	case "-eq":
		return a == b, true
	case "-ne":
		return a != b, true
	case "-lt":
		return a < b, true
	case "-le":
		return a <= b, true
	case "-gt":
		return a > b, true
	}
	return a >= b, true
}

// matchRegexp is =~: quoted parts are literal, and BASH_REMATCH gets the groups.
func (s *Shell) matchRegexp(text string, w *syntax.Word) (ok, good bool) {
	src := ""
	for _, part := range w.Parts {
		piece, good := s.literal(&syntax.Word{Parts: []syntax.WordPart{part}})
		if !good {
			return false, false
		}
		switch p := part.(type) {
		case *syntax.SglQuoted, *syntax.DblQuoted:
			piece = regexp.QuoteMeta(piece)
		case *syntax.Lit:
			piece = p.Value // with its backslashes
		}
		src += piece
	}
	re, err := regexp.Compile(src)
	if err != nil {
		s.errorf("bad pattern %q", src)
		s.status = 2
		return false, false
	}
	m := re.FindStringSubmatch(text)
	s.assign("BASH_REMATCH", expand.Variable{Set: true, Kind: expand.Indexed, List: append([]string{}, m...)})
	return m != nil, true
}
