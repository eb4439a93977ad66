package config

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Type says what a value may be and how it is written down.
type Type uint8

// The types.
const (
	Text Type = iota
	Bool
	Int
	Count
	Seconds
	Size
	List
	Hostname
)

// String is the type's name for people.
func (t Type) String() string {
	return [...]string{"text", "yes or no", "integer", "count", "seconds", "size", "list", "host name"}[t]
}

// Types lists the types.
func Types() []Type { return []Type{Text, Bool, Int, Count, Seconds, Size, List, Hostname} }

// Form says how a value of the type is written, as a phrase.
func (t Type) Form() string {
	return [...]string{
		"anything without a zero byte",
		"yes or no; on, off, true, false, 1 and 0 are read, too",
		"a whole number",
		"a whole number from 1; deny=100, 100:deny and deny=100/jail are read, too, as rctl(8) has them",
		"a whole number of seconds, up to a day",
		"a number of bytes, with K, M, G or T for powers of 1024; deny=1G, 1G:deny and deny=1G/jail are read, too",
		"words, separated by commas or blanks",
		"letters, digits, hyphens, underscores and dots, at most 64",
	}[t]
}

// Canonical gives the one form of a value that is written down, or says what is wrong with it. What
// is Unset gives None.
func (t Type) Canonical(value string) (string, error) {
	if Unset(value) {
		return None, nil
	}
	switch t {
	case Bool:
		return canonBool(value)
	case Int:
		return canonInt(value)
	case Count:
		return canonCount(value)
	case Seconds:
		return canonSeconds(value)
	case Size:
		return canonSize(value)
	case List:
		return canonList(value)
	case Hostname:
		return canonHostname(value)
	default:
		return canonText(value)
	}
}

func canonText(s string) (string, error) {
	if strings.ContainsRune(s, 0) {
		return "", errors.New("a zero byte is not allowed")
	}
	return s, nil
}

// canonBool knows the words of JSON, UCL and ZFS.
func canonBool(s string) (string, error) {
	switch strings.ToLower(s) {
	case "yes", "on", "true", "1":
		return "yes", nil
	case "no", "off", "false", "0":
		return "no", nil
	}
	return "", fmt.Errorf("%q is neither yes nor no", s)
}

func canonInt(s string) (string, error) {
	n, err := strconv.Atoi(s)
	if err != nil {
		return "", fmt.Errorf("%q is not an integer", s)
	}
	return strconv.Itoa(n), nil
}

func canonSeconds(s string) (string, error) {
	const day = 24 * 60 * 60
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 || n > day {
		return "", fmt.Errorf("%q is not a number of seconds from 0 to %d", s, day)
	}
	return strconv.Itoa(n), nil
}

func canonList(s string) (string, error) {
	words := strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' })
	if len(words) == 0 {
		return None, nil
	}
	return strings.Join(words, ","), nil
}

func canonHostname(s string) (string, error) {
	const longest = 64
	if len(s) > longest {
		return "", fmt.Errorf("a host name has at most %d characters", longest)
	}
	for label := range strings.SplitSeq(s, ".") {
		bad := func(r rune) bool {
			return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
		}
		if label == "" || strings.ContainsFunc(label, bad) || label[0] == '-' {
			return "", fmt.Errorf("%q is not a host name", s)
		}
	}
	return s, nil
}

func canonCount(s string) (string, error) {
	n, err := Limit(s, false)
	if err != nil {
		return "", err
	}
	return strconv.FormatInt(n, 10), nil
}

func canonSize(s string) (string, error) {
	n, err := Limit(s, true)
	if err != nil {
		return "", err
	}
	unit := 0
	for unit < len(units)-1 && n%1024 == 0 {
		n /= 1024
		unit++
	}
	return strings.TrimSpace(strconv.FormatInt(n, 10) + units[unit:unit+1]), nil
}

// units are the powers of 1024.
const units = " KMGT"

// Limit reads the amount of a resource limit in libioc's forms: "128M", "deny=128M", "deny=128M/jail",
// "128M:deny". Another action than to deny, or another subject than the jail, is refused. sized allows the units K to T.
func Limit(s string, sized bool) (int64, error) {
	amount, action, per := s, "deny", "jail"
	if before, after, ok := strings.Cut(amount, "/"); ok {
		amount, per = before, after
	}
	if before, after, ok := strings.Cut(amount, "="); ok {
		action, amount = before, after
	} else if before, after, ok := strings.Cut(amount, ":"); ok {
		amount, action = before, after
	}
	switch {
	case action != "deny":
		return 0, fmt.Errorf("%q: a limit can only deny", s)
	case per != "jail":
		return 0, fmt.Errorf("%q: a limit is for the whole jail", s)
	}
	shift := 0
	if sized && amount != "" {
		if i := slices.Index([]byte(units), upper(amount[len(amount)-1])); i > 0 {
			amount, shift = amount[:len(amount)-1], 10*i
		}
	}
	n, err := strconv.ParseInt(amount, 10, 64)
	if err != nil || n <= 0 || n > math.MaxInt64>>shift {
		return 0, fmt.Errorf("%q is not an amount", s)
	}
	return n << shift, nil
}

func upper(c byte) byte {
	if 'a' <= c && c <= 'z' {
		return c - 'a' + 'A'
	}
	return c
}
