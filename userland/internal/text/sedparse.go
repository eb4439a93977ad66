package text

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// sedAddress selects a line: a number, the last line, a pattern, or every step-th line.
type sedAddress struct {
	line int // 0,/re/ has line 0
	last bool
	re   *regexp.Regexp
	none bool // an empty pattern: the one used last
	step int  // first~step
	plus int  // ,+N
	mult int  // ,~N
}

// sedCommand is one command of a script. Blocks are flattened: a { that does not match jumps behind its }.
type sedCommand struct {
	from, to *sedAddress
	negate   bool
	name     byte
	text     string // text of a i c, label of b t T, file of r w
	jump     int    // where b t T { go
	number   int    // status of q Q
	sub      *substitution
	runes    map[rune]rune // y

	active  bool // inside a range
	endLine int
}

type substitution struct {
	re     *regexp.Regexp // nil: the pattern used last
	parts  []replacePart
	global bool
	print  bool
	nth    int
	file   string
}

// replacePart is a literal, a group, or a change of case in a replacement.
type replacePart struct {
	text  string
	group int // -1 for a literal
	fold  byte
}

// sedParser reads a script.
type sedParser struct {
	src      string
	extended bool
	commands []sedCommand
	blocks   []int
	labels   map[string]int
	files    []string // of w
}

func parseSed(src string, extended bool) (*sedParser, error) {
	s := &sedParser{src: src, extended: extended, labels: map[string]int{}}
	for {
		s.src = strings.TrimLeft(s.src, " \t\n;")
		if s.src == "" {
			break
		}
		if err := s.command(); err != nil {
			return nil, err
		}
	}
	if len(s.blocks) > 0 {
		return nil, errors.New("a } is missing")
	}
	for i := range s.commands {
		c := &s.commands[i]
		if strings.IndexByte("btT", c.name) < 0 {
			continue
		}
		c.jump = len(s.commands)
		if c.text != "" {
			at, ok := s.labels[c.text]
			if !ok {
				return nil, fmt.Errorf("label %q is not defined", c.text)
			}
			c.jump = at
		}
	}
	return s, nil
}

func (s *sedParser) blanks() { s.src = strings.TrimLeft(s.src, " \t") }

func (s *sedParser) command() error {
	var c sedCommand
	var err error
	if c.from, err = s.address(); err != nil {
		return err
	}
	s.blanks()
	if c.from != nil && strings.HasPrefix(s.src, ",") {
		s.src = strings.TrimLeft(s.src[1:], " \t")
		if c.to, err = s.address(); err == nil && c.to == nil {
			err = errors.New("the second address is missing")
		}
		if err != nil {
			return err
		}
	}
	s.blanks()
	for strings.HasPrefix(s.src, "!") {
		c.negate = true
		s.src = strings.TrimLeft(s.src[1:], " \t")
	}
	if s.src == "" {
		return errors.New("a command is missing")
	}
	c.name = s.src[0]
	s.src = s.src[1:]
	switch c.name {
	case '#':
		s.restOfLine()
		return nil
	case '{':
		s.blocks = append(s.blocks, len(s.commands))
	case '}':
		if len(s.blocks) == 0 {
			return errors.New("unexpected }")
		}
		open := s.blocks[len(s.blocks)-1]
		s.blocks = s.blocks[:len(s.blocks)-1]
		s.commands[open].jump = len(s.commands) + 1
		err = s.end(c.name)
	case ':':
		s.labels[s.word(";\n")] = len(s.commands)
		return nil
	case 'b', 't', 'T':
		c.text = s.word(";\n}")
	case 'a', 'i', 'c':
		c.text, err = s.textBlock()
	case 'r', 'w':
		s.blanks()
		if c.text = s.restOfLine(); c.text == "" {
			err = fmt.Errorf("%c needs a file", c.name)
		}
		if c.name == 'w' {
			s.files = append(s.files, c.text)
		}
	case 's':
		c.sub, err = s.substitution()
	case 'y':
		c.runes, err = s.transliteration()
	case 'q', 'Q', 'l':
		s.blanks()
		digits := leadingDigits(s.src)
		c.number, _ = strconv.Atoi(s.src[:digits])
		s.src = s.src[digits:]
		err = s.end(c.name)
	case '=', 'd', 'D', 'g', 'G', 'h', 'H', 'n', 'N', 'p', 'P', 'x', 'z':
		err = s.end(c.name)
	default:
		err = fmt.Errorf("unknown command: %c", c.name)
	}
	s.commands = append(s.commands, c)
	return err
}

// end checks that nothing follows a command but its separator.
func (s *sedParser) end(name byte) error {
	s.blanks()
	if s.src != "" && strings.IndexByte(";\n}#", s.src[0]) < 0 {
		return fmt.Errorf("extra characters after %c: %q", name, s.restOfLine())
	}
	return nil
}

func (s *sedParser) restOfLine() string {
	line, rest, _ := strings.Cut(s.src, "\n")
	s.src = rest
	return line
}

func (s *sedParser) word(ends string) string {
	s.blanks()
	end := strings.IndexAny(s.src, ends)
	if end < 0 {
		end = len(s.src)
	}
	word := strings.TrimSpace(s.src[:end])
	s.src = s.src[end:]
	return word
}

// textBlock reads the text of a, i and c: on the same line, or on the next ones after a backslash.
func (s *sedParser) textBlock() (string, error) {
	s.blanks()
	if strings.HasPrefix(s.src, "\\") {
		rest := strings.TrimLeft(s.src[1:], " \t")
		if strings.HasPrefix(rest, "\n") {
			s.src = rest[1:]
		} else {
			s.src = s.src[1:]
		}
	}
	var b strings.Builder
	for s.src != "" {
		c := s.src[0]
		s.src = s.src[1:]
		if c == '\\' && s.src != "" {
			c = s.src[0]
			s.src = s.src[1:]
			if c == 't' {
				c = '\t'
			}
		} else if c == '\n' {
			break
		}
		b.WriteByte(c)
	}
	if b.Len() == 0 {
		return "", errors.New("a text is missing")
	}
	return b.String() + "\n", nil
}

func (s *sedParser) address() (*sedAddress, error) {
	if s.src == "" {
		return nil, nil
	}
	number := func() int {
		n := leadingDigits(s.src)
		v, _ := strconv.Atoi(s.src[:n])
		s.src = s.src[n:]
		return v
	}
	switch c := s.src[0]; {
	case c >= '0' && c <= '9':
		a := &sedAddress{line: number()}
		if strings.HasPrefix(s.src, "~") {
			s.src = s.src[1:]
			a.step = number()
		}
		return a, nil
	case c == '+' || c == '~':
		s.src = s.src[1:]
		if c == '+' {
			return &sedAddress{plus: number() + 1}, nil
		}
		return &sedAddress{mult: max(1, number())}, nil
	case c == '$':
		s.src = s.src[1:]
		return &sedAddress{last: true}, nil
	case c == '/' || c == '\\' && len(s.src) > 1:
		if c == '\\' {
			s.src = s.src[1:]
		}
		pattern, err := s.delimited(true)
		if err != nil {
			return nil, err
		}
		fold := false
		for s.src != "" && (s.src[0] == 'I' || s.src[0] == 'M') {
			fold = fold || s.src[0] == 'I'
			s.src = s.src[1:]
		}
		if pattern == "" {
			return &sedAddress{none: true}, nil
		}
		re, err := compile(pattern, s.extended, fold)
		return &sedAddress{re: re}, err
	}
	return nil, nil
}

// delimited reads up to the delimiter that src begins with, and leaves src behind the closing one with
// the opening one gone. An escaped delimiter stands for itself.
func (s *sedParser) delimited(pattern bool) (string, error) {
	delim := s.src[0]
	text, rest, err := cutDelimited(s.src[1:], delim, pattern)
	s.src = rest
	return text, err
}

func cutDelimited(src string, delim byte, pattern bool) (text, rest string, err error) {
	var b strings.Builder
	inBracket := false
	for i := 0; i < len(src); i++ {
		c := src[i]
		switch {
		case c == '\\' && i+1 < len(src) && !inBracket:
			i++
			if src[i] == delim {
				b.WriteByte(delim)
				continue
			}
			b.WriteByte('\\')
			b.WriteByte(src[i])
			continue
		case pattern && c == '[' && !inBracket:
			inBracket = true
			b.WriteByte(c)
			// A ] that comes first, or after ^, is a member and not the end.
			if strings.HasPrefix(src[i+1:], "^") {
				i++
				b.WriteByte('^')
			}
			if strings.HasPrefix(src[i+1:], "]") {
				i++
				b.WriteByte(']')
			}
			continue
		case inBracket && c == '[' && i+1 < len(src) && src[i+1] == ':':
			if end := strings.Index(src[i:], ":]"); end > 0 {
				b.WriteString(src[i : i+end+2])
				i += end + 1
				continue
			}
		case inBracket && c == ']':
			inBracket = false
		case c == delim && !inBracket:
			return b.String(), src[i+1:], nil
		case c == '\n' && pattern && !inBracket:
			return "", "", errors.New("unterminated pattern")
		}
		b.WriteByte(c)
	}
	if inBracket {
		// Not a bracket expression after all: an escaped or a lone [ in a pattern.
		return "", "", errors.New("unterminated [ in a pattern")
	}
	return "", "", fmt.Errorf("a closing %c is missing", delim)
}

func (s *sedParser) substitution() (*substitution, error) {
	if s.src == "" || s.src[0] == '\n' || s.src[0] == '\\' {
		return nil, errors.New("s needs a delimiter")
	}
	delim := s.src[0]
	pattern, err := s.delimited(true)
	if err != nil {
		return nil, err
	}
	replacement, rest, err := cutDelimited(s.src, delim, false)
	if err != nil {
		return nil, err
	}
	s.src = rest
	sub := &substitution{parts: parseReplacement(replacement)}
	fold, multi := false, false
	for done := false; !done && s.src != ""; {
		c := s.src[0]
		switch {
		case c == 'g':
			sub.global = true
		case c == 'p':
			sub.print = true
		case c == 'i' || c == 'I':
			fold = true
		case c == 'm' || c == 'M':
			multi = true
		case c >= '1' && c <= '9':
			n := leadingDigits(s.src)
			sub.nth, _ = strconv.Atoi(s.src[:n])
			s.src = s.src[n:]
			continue
		case c == 'w':
			s.src = strings.TrimLeft(s.src[1:], " \t")
			sub.file = s.restOfLine()
			s.files = append(s.files, sub.file)
			done = true
			continue
		default:
			done = true
			continue
		}
		s.src = s.src[1:]
	}
	if sub.file == "" {
		if err := s.end('s'); err != nil {
			return nil, err
		}
	}
	if pattern == "" {
		return sub, nil
	}
	sub.re, err = compile(pattern, s.extended, fold)
	if err == nil && multi {
		sub.re, err = regexp.Compile("(?m)" + sub.re.String())
	}
	if err != nil {
		return nil, err
	}
	for _, part := range sub.parts {
		if part.group > sub.re.NumSubexp() {
			return nil, fmt.Errorf("\\%d refers to a group that the pattern does not have", part.group)
		}
	}
	return sub, nil
}

func parseReplacement(s string) []replacePart {
	var parts []replacePart
	literal := func(text string) {
		if n := len(parts); n > 0 && parts[n-1].group == -1 && parts[n-1].fold == 0 {
			parts[n-1].text += text
			return
		}
		parts = append(parts, replacePart{text: text, group: -1})
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '&' {
			parts = append(parts, replacePart{group: 0})
			continue
		}
		if c != '\\' || i+1 == len(s) {
			literal(s[i : i+1])
			continue
		}
		i++
		switch c := s[i]; {
		case c >= '0' && c <= '9':
			parts = append(parts, replacePart{group: int(c - '0')})
		case strings.IndexByte("ULulE", c) >= 0:
			parts = append(parts, replacePart{group: -1, fold: c})
		case c == 'n':
			literal("\n")
		case c == 't':
			literal("\t")
		case c == 'r':
			literal("\r")
		default:
			literal(s[i : i+1])
		}
	}
	return parts
}

func (s *sedParser) transliteration() (map[rune]rune, error) {
	if s.src == "" {
		return nil, errors.New("y needs a delimiter")
	}
	delim := s.src[0]
	from, err := s.delimited(false)
	if err != nil {
		return nil, err
	}
	to, rest, err := cutDelimited(s.src, delim, false)
	if err != nil {
		return nil, err
	}
	s.src = rest
	a, b := []rune(unescape(from)), []rune(unescape(to))
	if len(a) != len(b) {
		return nil, errors.New("the strings of y have different lengths")
	}
	m := map[rune]rune{}
	for i, r := range a {
		if _, ok := m[r]; !ok {
			m[r] = b[i]
		}
	}
	return m, s.end('y')
}
