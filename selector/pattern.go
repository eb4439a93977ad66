package selector

import "strings"

// pattern is text with wildcards.
type pattern []element

// element is one character, or a wildcard: exactly one character, or any number of them.
type element struct {
	kind byte // 'c', '1' or '*'
	char rune
}

// plain tells whether there are no wildcards.
func (p pattern) plain() bool {
	for _, e := range p {
		if e.kind != 'c' {
			return false
		}
	}
	return true
}

// text is what a plain pattern says.
func (p pattern) text() string {
	var b strings.Builder
	for _, e := range p {
		b.WriteRune(e.char)
	}
	return b.String()
}

// match takes at most len(p) times len(s) steps: it only ever returns to the last "*".
func (p pattern) match(s string) bool {
	chars := []rune(s)
	i, star, from := 0, -1, 0
	for at := 0; at < len(chars); {
		switch {
		case i < len(p) && p[i].kind == '*':
			star, from = i, at
			i++
		case i < len(p) && (p[i].kind == '1' || p[i].char == chars[at]):
			i++
			at++
		case star >= 0:
			from++
			i, at = star+1, from
		default:
			return false
		}
	}
	for i < len(p) && p[i].kind == '*' {
		i++
	}
	return i == len(p)
}
