package text

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// errBackReference: Go's regular expressions run in linear time and cannot look back.
var errBackReference = errors.New("back-references in a pattern are not supported")

// compile compiles a POSIX regular expression, basic or extended, with GNU's additions (\+ \? \| \w \s
// \b \< \>). The leftmost longest match wins, as POSIX wants it.
func compile(pattern string, extended, fold bool) (*regexp.Regexp, error) {
	src, err := translate(pattern, extended)
	if err != nil {
		return nil, err
	}
	flags := "(?s)"
	if fold {
		flags = "(?si)"
	}
	re, err := regexp.Compile(flags + src)
	if err != nil {
		text := err.Error()
		if _, cause, ok := strings.Cut(text, "error parsing regexp: "); ok {
			text = cause
		}
		return nil, fmt.Errorf("bad pattern %q: %s", pattern, text)
	}
	re.Longest()
	return re, nil
}

// translate writes a POSIX pattern in Go's syntax.
func translate(pattern string, extended bool) (string, error) {
	var b strings.Builder
	start := true // at the beginning of a branch, where * is a character and ^ an anchor
	depth := 0
	for i := 0; i < len(pattern); i++ {
		c := pattern[i]
		special := extended
		if c == '\\' {
			i++
			if i == len(pattern) {
				return "", errors.New("bad pattern: trailing backslash")
			}
			c = pattern[i]
			if strings.IndexByte("(){}|+?", c) < 0 {
				text, err := escaped(c)
				if err != nil {
					return "", err
				}
				b.WriteString(text)
				start = false
				continue
			}
			special = !extended
		} else if strings.IndexByte("(){}|+?", c) < 0 {
			special = true
		}
		wasStart := start
		start = false
		if !special {
			b.WriteString(regexp.QuoteMeta(string(c)))
			continue
		}
		switch c {
		case '[':
			text, n, err := bracket(pattern[i:])
			if err != nil {
				return "", err
			}
			b.WriteString(text)
			i += n - 1
		case '(':
			depth++
			b.WriteByte('(')
			start = true
		case ')':
			if depth == 0 && extended {
				b.WriteString(`\)`)
				break
			}
			depth--
			b.WriteByte(')')
		case '|':
			b.WriteByte('|')
			start = true
		case '^':
			if !wasStart && !extended {
				b.WriteString(`\^`)
				break
			}
			b.WriteByte('^')
			start = true
		case '$':
			if !extended && !endsBranch(pattern[i+1:]) {
				b.WriteString(`\$`)
				break
			}
			b.WriteByte('$')
		case '*', '+', '?':
			if wasStart {
				b.WriteString(`\` + string(c))
				break
			}
			if text := b.String(); strings.IndexByte("*+?", text[len(text)-1]) >= 0 && !strings.HasSuffix(text, `\`+text[len(text)-1:]) {
				// a** is a*, while Go's a*? would mean something else.
				break
			}
			b.WriteByte(c)
		case '{':
			text, n, ok := interval(pattern[i:], extended)
			if !ok || wasStart {
				b.WriteString(`\{`)
				break
			}
			b.WriteString(text)
			i += n - 1
		case '}':
			b.WriteString(`\}`)
		case '.':
			b.WriteByte('.')
		default:
			if c >= 0x80 {
				b.WriteByte(c) // a part of a character
			} else {
				b.WriteString(regexp.QuoteMeta(string(c)))
			}
		}
	}
	return b.String(), nil
}

func endsBranch(rest string) bool {
	return rest == "" || strings.HasPrefix(rest, `\)`) || strings.HasPrefix(rest, `\|`)
}

func escaped(c byte) (string, error) {
	switch {
	case c >= '1' && c <= '9':
		return "", errBackReference
	case c == '<', c == '>':
		return `\b`, nil
	case c == '`':
		return `\A`, nil
	case c == '\'':
		return `\z`, nil
	case strings.IndexByte("wWsSbB", c) >= 0:
		return `\` + string(c), nil
	case c == 'n':
		return `\n`, nil
	case c == 't':
		return `\t`, nil
	}
	if c >= 0x80 {
		return string([]byte{c}), nil
	}
	return regexp.QuoteMeta(string(c)), nil
}

// bracket reads a bracket expression. In POSIX a backslash in it is a character like any other; as in
// GNU's sed, \n and \t are taken as what people mean by them.
func bracket(s string) (string, int, error) {
	i := 1
	out := "["
	if i < len(s) && s[i] == '^' {
		out += "^"
		i++
	}
	for first := true; ; first = false {
		if i >= len(s) {
			return "", 0, fmt.Errorf("bad pattern: unmatched [")
		}
		c := s[i]
		switch {
		case c == ']' && !first:
			return out + "]", i + 1, nil
		case c == '[' && i+1 < len(s) && s[i+1] == ':':
			end := strings.Index(s[i:], ":]")
			if end < 0 {
				return "", 0, errors.New("bad pattern: unmatched class")
			}
			out += s[i : i+end+2]
			i += end + 2
			continue
		case c == '[' && i+1 < len(s) && (s[i+1] == '.' || s[i+1] == '='):
			end := strings.Index(s[i:], s[i+1:i+2]+"]")
			if end < 3 {
				return "", 0, fmt.Errorf("bad pattern: unmatched [%c", s[i+1])
			}
			out += regexp.QuoteMeta(s[i+2 : i+end])
			i += end + 2
			continue
		case c == '\\' && i+1 < len(s) && (s[i+1] == 'n' || s[i+1] == 't'):
			out += s[i : i+2]
			i++
		case c == '\\', c == '[', c == ']', c == '&', c == '~':
			out += `\` + string(c)
		default:
			out += s[i : i+1]
		}
		i++
	}
}

// interval reads {n}, {n,} or {n,m}.
func interval(s string, extended bool) (string, int, bool) {
	end := "}"
	if !extended {
		end = `\}`
	}
	body, _, ok := strings.Cut(s[1:], end)
	if !ok || strings.Trim(body, "0123456789,") != "" || body == "" || strings.Count(body, ",") > 1 {
		return "", 0, false
	}
	n := 1 + len(body) + len(end)
	if body[0] == ',' {
		body = "0" + body
	}
	return "{" + body + "}", n, true
}
