package text

import (
	"bytes"
	"errors"
	"os"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// selects reports whether a command applies to the current line, and keeps track of its range.
func (e *sedRun) selects(c *sedCommand) (bool, error) {
	hit := true
	var err error
	switch {
	case c.from != nil && c.to != nil:
		hit, err = e.inRange(c)
	case c.from != nil:
		hit, err = e.matches(c.from)
	}
	return hit != c.negate, err
}

func (e *sedRun) inRange(c *sedCommand) (bool, error) {
	if !c.active {
		zero := c.from.line == 0 && c.from.re == nil && !c.from.last && !c.from.none && c.from.step == 0
		if zero && e.line == 1 {
			c.active = true // 0,/re/ may end on the first line
			return true, e.endRange(c)
		}
		start, err := e.matches(c.from)
		if !start || err != nil {
			return false, err
		}
		c.active = true
		switch {
		case c.to.plus > 0:
			c.endLine = e.line + c.to.plus - 1
		case c.to.mult > 0:
			c.endLine = (e.line + c.to.mult - 1) / c.to.mult * c.to.mult
		case c.to.re == nil && !c.to.last && !c.to.none:
			c.endLine = c.to.line
		default:
			c.endLine = 0
			if c.to.last && e.in.last() {
				c.active = false
			}
			return true, nil
		}
		if c.endLine <= e.line {
			c.active = false
		}
		return true, nil
	}
	return true, e.endRange(c)
}

// endRange closes the range if the current line is its last.
func (e *sedRun) endRange(c *sedCommand) error {
	if c.endLine > 0 {
		if e.line >= c.endLine {
			c.active = false
		}
		return nil
	}
	end, err := e.matches(c.to)
	if end {
		c.active = false
	}
	return err
}

func (e *sedRun) matches(a *sedAddress) (bool, error) {
	switch {
	case a.last:
		return e.in.last(), nil
	case a.re != nil || a.none:
		re, err := e.pattern(a.re)
		if err != nil {
			return false, err
		}
		return re.Match(e.space), nil
	case a.step > 0:
		return e.line >= a.line && (e.line-a.line)%a.step == 0, nil
	}
	return e.line == a.line, nil
}

// pattern is re, or the one used last if re is nil.
func (e *sedRun) pattern(re *regexp.Regexp) (*regexp.Regexp, error) {
	if re == nil {
		re = e.lastRE
	}
	if re == nil {
		return nil, errors.New("no pattern was used before")
	}
	e.lastRE = re
	return re, nil
}

func (e *sedRun) substitute(s *substitution) error {
	re, err := e.pattern(s.re)
	if err != nil {
		return err
	}
	var out []byte
	at, count, done := 0, 0, false
	for _, m := range re.FindAllSubmatchIndex(e.space, -1) {
		if count++; count < s.nth || done {
			continue
		}
		out = append(out, e.space[at:m[0]]...)
		out = s.expand(out, e.space, m)
		at = m[1]
		done = !s.global
		e.replaced = true
		if done {
			break
		}
	}
	if at == 0 && out == nil {
		return nil
	}
	e.space = append(out, e.space[at:]...)
	if s.print {
		e.out.Write(e.space)
		e.out.WriteByte('\n')
	}
	if s.file != "" {
		e.files[s.file].Write(append(bytes.Clone(e.space), '\n'))
	}
	return nil
}

// expand appends the replacement for one match, with \U and its like applied.
func (s *substitution) expand(out, src []byte, m []int) []byte {
	if out == nil {
		out = []byte{}
	}
	var all, one byte
	for _, part := range s.parts {
		switch part.fold {
		case 'U', 'L':
			all = part.fold
			continue
		case 'E':
			all = 0
			continue
		case 'u', 'l':
			one = part.fold
			continue
		}
		text := part.text
		if part.group >= 0 {
			text = ""
			if i := 2 * part.group; i < len(m) && m[i] >= 0 {
				text = string(src[m[i]:m[i+1]])
			}
		}
		switch all {
		case 'U':
			text = strings.ToUpper(text)
		case 'L':
			text = strings.ToLower(text)
		}
		if one != 0 && text != "" {
			r, n := utf8.DecodeRuneInString(text)
			if one == 'u' {
				r = unicode.ToUpper(r)
			} else {
				r = unicode.ToLower(r)
			}
			text = string(r) + text[n:]
			one = 0
		}
		out = append(out, text...)
	}
	return out
}

// keepOwner gives a new file the permissions of the old one, and its owner as far as allowed.
func keepOwner(f *os.File, old os.FileInfo) error {
	if uid, gid, ok := owner(old); ok {
		f.Chown(uid, gid)
	}
	return f.Chmod(old.Mode().Perm())
}
