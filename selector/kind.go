package selector

import (
	"cmp"
	"math"
	"strconv"
	"strings"
)

// Kind says how values of a key are compared.
type Kind uint8

// The kinds. Text, Bool and List have no order.
const (
	Text    Kind = iota
	Bool         // yes and no, in all spellings of JSON, UCL and ZFS
	List         // of words, separated by commas; a term is about any of them
	Free         // text for =, and an integer for < and >
	Integer      // in decimal
	Size         // bytes, with K, M, G, T for powers of 1024
	Seconds      // with s, m, h, d
	Date         // in UTC, as RFC 3339 or the beginning of it: 2026, 2026-11-28, 2026-11-28T15:04
)

// String completes "it is ...": "text", "a size".
func (k Kind) String() string {
	return [...]string{"text", "yes or no", "a list", "a whole number", "a whole number", "a size", "a number of seconds", "a date"}[k]
}

// ordered tells whether values can be less and more.
func (k Kind) ordered() bool { return k >= Free }

// number reads a value of a kind that counts something.
func (k Kind) number(s string) (int64, bool) {
	unit := int64(1)
	switch k {
	case Size:
		s, unit = cutUnit(s, map[byte]int64{'k': 1 << 10, 'm': 1 << 20, 'g': 1 << 30, 't': 1 << 40})
	case Seconds:
		s, unit = cutUnit(s, map[byte]int64{'s': 1, 'm': 60, 'h': 60 * 60, 'd': 24 * 60 * 60})
	case Integer, Free:
	default:
		return 0, false
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n > math.MaxInt64/unit || n < math.MinInt64/unit {
		return 0, false
	}
	return n * unit, true
}

// cutUnit takes the unit off the end of an amount.
func cutUnit(s string, units map[byte]int64) (amount string, unit int64) {
	if s == "" {
		return s, 1
	}
	last := s[len(s)-1]
	if n, ok := units[last|0x20]; ok { // in lower case
		return s[:len(s)-1], n
	}
	return s, 1
}

// date is s as RFC 3339 writes it, if it is the beginning of a date.
func date(s string) (string, bool) {
	const form = "0000-00-00T00:00:00Z"
	s = strings.Replace(s, " ", "T", 1)
	if len(s) > len(form) {
		return "", false
	}
	for i, c := range []byte(s) {
		if isDigit := '0' <= c && c <= '9'; isDigit != (form[i] == '0') || !isDigit && c != form[i] {
			return "", false
		}
	}
	return s, len(s) == len("0000") || len(s) > 6 && (len(s) == len(form) || len(s)%3 == 1) // no half of a number
}

// valid tells whether s is a value of the kind that can be compared.
func (k Kind) valid(s string) bool {
	if k == Date {
		_, ok := date(s)
		return ok
	}
	_, ok := k.number(s)
	return ok
}

// compare orders a thing's value against what a term says. A date is as exact as the term is. It
// reports false for values that have no order.
func (k Kind) compare(value, with string) (int, bool) {
	if k == Date {
		a, ok := date(value)
		b, also := date(with)
		return cmp.Compare(a[:min(len(a), len(b))], b), ok && also
	}
	a, ok := k.number(value)
	b, also := k.number(with)
	return cmp.Compare(a, b), ok && also
}

// truth is a value of kind Bool in one spelling, or what it was.
func truth(s string) string {
	switch strings.ToLower(s) {
	case "yes", "on", "true", "1":
		return "yes"
	case "no", "off", "false", "0":
		return "no"
	}
	return s
}

// unset reports whether a value means that nothing is set.
func unset(v string) bool { return v == "" || v == "-" || v == "none" }
