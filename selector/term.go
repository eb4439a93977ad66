package selector

import "strings"

// operator is what stands between a key and its value.
type operator string

// term is one condition. One about names has no key.
type term struct {
	key     string
	kind    Kind
	op      operator // "=", "!=", "<", "<=", ">", ">="
	choices []choice // one of them has to be so
}

// choice is one alternative of a term.
type choice struct {
	source pattern // of a name; nil: any
	value  pattern
	unset  bool
}

// isName tells whether the term is about names: they are looked for also when written as a property.
func (t *term) isName() bool { return t.key == "" || t.key == nameKey }

// nameKey is the key that names have as a property.
const nameKey = "name"

func (t *term) match(s Subject) bool {
	switch t.op {
	case "=":
		return t.any(s)
	case "!=":
		return !t.any(s)
	}
	value := s.Value(t.key)
	if unset(value) {
		return false
	}
	order, ok := t.kind.compare(value, t.choices[0].value.text())
	if !ok {
		return false
	}
	switch t.op {
	case "<":
		return order < 0
	case "<=":
		return order <= 0
	case ">":
		return order > 0
	default:
		return order >= 0
	}
}

// any tells whether one of the choices is so.
func (t *term) any(s Subject) bool {
	for _, c := range t.choices {
		if t.isName() && c.named(s) || !t.isName() && t.holds(c, s.Value(t.key)) {
			return true
		}
	}
	return false
}

// named tells whether s has the name.
func (c choice) named(s Subject) bool {
	source, name := s.Identity()
	if c.source != nil && !c.source.match(source) {
		return false
	}
	return c.value.match(name) || c.shortens(name)
}

// shortened tells whether the choice may be the first part of a UUID, by which libioc's users call a
// jail that has no other name.
func (c choice) shortened() bool {
	return len(c.value) == shortLen && c.value.plain() && isHex(c.value.text())
}

// shortens tells whether it is that of this name.
func (c choice) shortens(name string) bool {
	return c.shortened() && len(name) == uuidLen && strings.HasPrefix(name, c.value.text()+"-") && isHex(strings.ReplaceAll(name, "-", ""))
}

// The lengths of a UUID and of its first part.
const (
	shortLen = 8
	uuidLen  = 36
)

func isHex(s string) bool { return strings.Trim(s, "0123456789abcdefABCDEF") == "" }

// holds compares a value with the choice.
func (t *term) holds(c choice, value string) bool {
	if unset(value) || c.unset {
		return unset(value) && c.unset
	}
	switch {
	case t.kind == Bool:
		return c.value.match(truth(value))
	case t.kind == List:
		for word := range strings.SplitSeq(value, ",") {
			if c.value.match(strings.TrimSpace(word)) {
				return true
			}
		}
		return c.value.match(value)
	case t.kind > Free && c.value.plain():
		order, ok := t.kind.compare(value, c.value.text())
		return ok && order == 0
	}
	return c.value.match(value)
}
