package text

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"unicode/utf8"

	"github.com/libioc/ioc/userland/internal/applet"
)

func expr(_ context.Context, p *applet.Proc) error {
	if p.Help("Operators, from the weakest: A | B, A & B, A = B (also != < <= > >=), A + B, A - B,\nA * B, A / B, A % B, STRING : REGEX, match S R, substr S POS LEN, index S CHARS, length S, ( A ).\nThe status is 0 if the result is neither empty nor 0, 1 if it is, 2 on a bad expression.") {
		return nil
	}
	args := p.Args
	if len(args) > 0 && args[0] == "--" {
		args = args[1:]
	}
	e := &exprParser{args: args}
	v, err := e.binary(0)
	if err == nil && len(e.args) > 0 {
		err = fmt.Errorf("unexpected %q", e.args[0])
	}
	if err != nil {
		p.Errorf("%s", err)
		return applet.Exit(2)
	}
	p.Println(v)
	if v == "" || v == "0" {
		return applet.Exit(1)
	}
	return nil
}

type exprParser struct{ args []string }

func (e *exprParser) peek() string {
	if len(e.args) > 0 {
		return e.args[0]
	}
	return ""
}

func (e *exprParser) pop() (string, error) {
	if len(e.args) == 0 {
		return "", errors.New("an argument is missing")
	}
	s := e.args[0]
	e.args = e.args[1:]
	return s, nil
}

// binary parses operators of the given level and tighter ones.
func (e *exprParser) binary(level int) (string, error) {
	levels := [][]string{{"|"}, {"&"}, {"=", "==", "!=", "<", "<=", ">", ">="}, {"+", "-"}, {"*", "/", "%"}, {":"}}
	if level == len(levels) {
		return e.primary()
	}
	a, err := e.binary(level + 1)
	for err == nil {
		op := e.peek()
		found := false
		for _, name := range levels[level] {
			found = found || name == op
		}
		if !found || len(e.args) == 0 {
			return a, nil
		}
		e.args = e.args[1:]
		var b string
		if b, err = e.binary(level + 1); err == nil {
			a, err = operate(op, a, b)
		}
	}
	return "", err
}

func operate(op, a, b string) (string, error) {
	truth := func(ok bool) (string, error) { return strconv.Itoa(btoi(ok)), nil }
	null := func(s string) bool { return s == "" || s == "0" }
	switch op {
	case "|":
		if !null(a) {
			return a, nil
		}
		if null(b) {
			return "0", nil
		}
		return b, nil
	case "&":
		if null(a) || null(b) {
			return "0", nil
		}
		return a, nil
	case ":":
		return matchAnchored(a, b)
	}
	x, xerr := strconv.ParseInt(a, 10, 64)
	y, yerr := strconv.ParseInt(b, 10, 64)
	numeric := xerr == nil && yerr == nil
	less, equal := a < b, a == b
	if numeric {
		less, equal = x < y, x == y
	}
	switch op {
	case "=", "==":
		return truth(equal)
	case "!=":
		return truth(!equal)
	case "<":
		return truth(less)
	case "<=":
		return truth(less || equal)
	case ">":
		return truth(!less && !equal)
	case ">=":
		return truth(!less)
	}
	if !numeric {
		return "", errors.New("not a number")
	}
	switch op {
	case "+":
		x += y
	case "-":
		x -= y
	case "*":
		x *= y
	default:
		if y == 0 {
			return "", errors.New("division by zero")
		}
		if op == "/" {
			x /= y
		} else {
			x %= y
		}
	}
	return strconv.FormatInt(x, 10), nil
}

func matchAnchored(s, pattern string) (string, error) {
	re, err := compile("^"+pattern, false, false)
	if err != nil {
		return "", err
	}
	m := re.FindStringSubmatch(s)
	switch {
	case re.NumSubexp() > 0 && m == nil:
		return "", nil
	case re.NumSubexp() > 0:
		return m[1], nil
	case m == nil:
		return "0", nil
	}
	return strconv.Itoa(utf8.RuneCountInString(m[0])), nil
}

func (e *exprParser) primary() (string, error) {
	word, err := e.pop()
	if err != nil {
		return "", err
	}
	operands := func(n int) ([]string, error) {
		vs := make([]string, n)
		for i := range vs {
			if vs[i], err = e.primary(); err != nil {
				return nil, err
			}
		}
		return vs, nil
	}
	switch {
	case word == "(":
		v, err := e.binary(0)
		if err != nil {
			return "", err
		}
		if end, err := e.pop(); err != nil || end != ")" {
			return "", errors.New("a ) is missing")
		}
		return v, nil
	case word == "match" && len(e.args) > 1:
		v, err := operands(2)
		if err != nil {
			return "", err
		}
		return matchAnchored(v[0], v[1])
	case word == "length" && len(e.args) > 0:
		v, err := operands(1)
		if err != nil {
			return "", err
		}
		return strconv.Itoa(utf8.RuneCountInString(v[0])), nil
	case word == "index" && len(e.args) > 1:
		v, err := operands(2)
		if err != nil {
			return "", err
		}
		for i, r := range []rune(v[0]) {
			for _, c := range v[1] {
				if r == c {
					return strconv.Itoa(i + 1), nil
				}
			}
		}
		return "0", nil
	case word == "substr" && len(e.args) > 2:
		v, err := operands(3)
		if err != nil {
			return "", err
		}
		rs := []rune(v[0])
		pos, err1 := strconv.Atoi(v[1])
		n, err2 := strconv.Atoi(v[2])
		if err1 != nil || err2 != nil || pos < 1 || pos > len(rs) || n < 1 {
			return "", nil
		}
		return string(rs[pos-1 : min(len(rs), pos-1+n)]), nil
	}
	return word, nil
}
