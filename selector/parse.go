package selector

import (
	"fmt"
	"slices"
	"strings"
)

// char is a character of a term.
type char struct {
	rune
	escaped bool
	column  int // from 1
}

// is tells whether it is r and means what r means in a term.
func (c char) is(r rune) bool { return c.rune == r && !c.escaped }

// parse reads one term.
func parse(text string, schema Schema) (term, error) {
	fail := func(column int, remedy, format string, a ...any) (term, error) {
		return term{}, &Error{Term: text, Column: column, Reason: fmt.Sprintf(format, a...), Remedy: remedy}
	}
	chars, err := scan(text)
	if err != nil {
		return term{}, err
	}
	if len(chars) == 0 {
		return fail(1, "", "the term is empty")
	}
	at, op := findOperator(chars)
	if op == "" {
		return parseName(text, chars)
	}
	key := written(chars[:at])
	switch bad := slices.IndexFunc(chars[:at], func(c char) bool { return !isKey(c.rune) }); {
	case at == 0:
		return fail(1, "write KEY"+string(op)+"VALUE", "there is no key before %s", op)
	case chars[0].is('!'):
		return fail(1, "write KEY!=VALUE", "what is excluded by ! is a name")
	case bad >= 0:
		return fail(chars[bad].column, "put a backslash before the "+string(op[0])+" if it is part of a name", "%q is not part of a key", chars[bad].rune)
	}
	value := chars[at+len(op):]
	if len(value) > 0 && value[0].is('=') {
		return fail(value[0].column, "write "+key+string(op)+"VALUE", "there is one = too many")
	}
	t := term{key: key, op: op}
	if t.kind, err = schema(key); err != nil {
		return term{}, &Error{Term: text, Column: 1, Cause: err}
	}
	if t.isName() {
		if op != "=" && op != "!=" {
			return fail(chars[at].column, "", "names have no order: use = or !=")
		}
		t.choices, err = nameChoices(text, value, len([]rune(text))+1)
		return t, err
	}
	return parseValue(text, t, value, chars[at].column)
}

// scan resolves the backslashes of a term.
func scan(text string) ([]char, error) {
	var chars []char
	escaped, column := false, 0
	for _, r := range text {
		column++
		if r == '\\' && !escaped {
			escaped = true
			continue
		}
		chars = append(chars, char{r, escaped, column})
		escaped = false
	}
	if escaped {
		return nil, &Error{Term: text, Column: column, Reason: "nothing follows the backslash", Remedy: `write \\ for a backslash`}
	}
	return chars, nil
}

// findOperator finds the first operator that is not escaped.
func findOperator(chars []char) (at int, op operator) {
	for i, c := range chars {
		followed := i+1 < len(chars) && chars[i+1].is('=')
		switch {
		case c.is('='):
			return i, "="
		case c.is('!') && followed:
			return i, "!="
		case c.is('<') && followed, c.is('>') && followed:
			return i, operator(c.rune) + "="
		case c.is('<'), c.is('>'):
			return i, operator(c.rune)
		}
	}
	return 0, ""
}

func isKey(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("._-", r)
}

// written is what the characters say.
func written(chars []char) string {
	var b strings.Builder
	for _, c := range chars {
		b.WriteRune(c.rune)
	}
	return b.String()
}

// split separates at a character that is not escaped. There is at least one part.
func split(chars []char, at rune) [][]char {
	var parts [][]char
	for {
		i := slices.IndexFunc(chars, func(c char) bool { return c.is(at) })
		if i < 0 {
			return append(parts, chars)
		}
		parts, chars = append(parts, chars[:i]), chars[i+1:]
	}
}

// compile makes a pattern.
func compile(chars []char) pattern {
	p := make(pattern, 0, len(chars))
	for _, c := range chars {
		switch {
		case c.is('*'):
			p = append(p, element{kind: '*'})
		case c.is('+'):
			p = append(p, element{kind: '1'}, element{kind: '*'})
		default:
			p = append(p, element{'c', c.rune})
		}
	}
	return p
}

// parseName reads a term that is a name, or excludes one.
func parseName(text string, chars []char) (t term, err error) {
	t.op = "="
	if chars[0].is('!') {
		t.op, chars = "!=", chars[1:]
	}
	t.choices, err = nameChoices(text, chars, len([]rune(text))+1)
	return t, err
}

// nameChoices reads names; end is the column after the last character.
func nameChoices(text string, chars []char, end int) ([]choice, error) {
	var all []choice
	for _, part := range split(chars, ',') {
		column := end
		if len(part) > 0 {
			column = part[0].column
		}
		fail := func(reason string) error {
			return &Error{Term: text, Column: column, Reason: reason, Remedy: "write NAME or SOURCE/NAME"}
		}
		halves := split(part, '/')
		name := halves[len(halves)-1]
		switch {
		case len(part) == 0, len(part) == 1 && part[0].is('-'):
			return nil, fail("there is no name")
		case len(halves) > 2:
			return nil, fail("there is more than one /")
		case len(name) == 0 || len(halves[0]) == 0:
			return nil, fail("the name or its source is empty")
		}
		c := choice{value: compile(name)}
		if written(name) == "ALL" && !name[0].escaped {
			c.value = pattern{{kind: '*'}}
		}
		if len(halves) == 2 {
			c.source = compile(halves[0])
		}
		all = append(all, c)
	}
	return all, nil
}

// parseValue reads what a key is compared with.
func parseValue(text string, t term, chars []char, column int) (term, error) {
	fail := func(remedy, format string, a ...any) (term, error) {
		return term{}, &Error{Term: text, Column: column, Reason: fmt.Sprintf(format, a...), Remedy: remedy}
	}
	order := t.op != "=" && t.op != "!="
	if order && !t.kind.ordered() {
		return fail("use = or !=", "%s is %s, which has no order", t.key, t.kind)
	}
	parts := split(chars, ',')
	if order && len(parts) > 1 {
		return fail("", "%s compares with one value", t.op)
	}
	for _, part := range parts {
		if len(part) > 0 {
			column = part[0].column
		}
		c := choice{value: compile(part)}
		plain := c.value.plain()
		c.unset = plain && unset(c.value.text())
		if t.kind == Bool && plain {
			c.value = compile(literal(truth(c.value.text())))
		}
		switch word := c.value.text(); {
		case order && (c.unset || !plain):
			return fail("", "%s compares with a value", t.op)
		case !plain || c.unset:
		case t.kind == Bool && word != "yes" && word != "no":
			return fail("write yes or no", "%s is neither yes nor no", word)
		case (order || t.kind > Free) && !t.kind.valid(word):
			return fail(t.kind.example(), "%s is not %s", word, t.kind)
		}
		t.choices = append(t.choices, c)
	}
	return t, nil
}

// example says how a value is written.
func (k Kind) example() string {
	switch k {
	case Size:
		return "write it as 512M or 1G"
	case Seconds:
		return "write it as 90, 5m or 2h"
	case Date:
		return "write it as 2026-11-28 or 2026-11-28T15:04"
	default:
		return "write a whole number"
	}
}

func literal(s string) []char {
	var chars []char
	for _, r := range s {
		chars = append(chars, char{rune: r, escaped: true})
	}
	return chars
}

// Fields separates the terms of one text at blanks that are not escaped; that is how a list of them is
// written down where there are no arguments. The terms keep their backslashes.
func Fields(text string) []string {
	var all []string
	var b strings.Builder
	end := func() {
		if b.Len() > 0 {
			all = append(all, b.String())
		}
		b.Reset()
	}
	escaped := false
	for _, r := range text {
		if !escaped && (r == ' ' || r == '\t' || r == '\n') {
			end()
			continue
		}
		escaped = r == '\\' && !escaped
		b.WriteRune(r)
	}
	end()
	return all
}
