// Package fstab reads and writes the mounts of a jail, in the form of fstab(5).
//
// It owns the text: fields, escapes, comments, and where in it something is wrong. What it is not asked to change it writes as
// it was. It refuses to know which file systems there are, what options mean and where a jail's root is.
//
//	f, err := fstab.Parse(text)
//	f.Add(fstab.Entry{Source: "/srv/www", Target: "/www", Type: "nullfs", Options: []string{"ro"}})
//	text = f.Encode()
package fstab

import (
	"fmt"
	"strconv"
	"strings"
)

// auto marks lines that older tools wrote and will write again: they are no entries.
const auto = "iocage-auto"

// Entry is a line that mounts something.
type Entry struct {
	Source  string // what is mounted
	Target  string // where
	Type    string
	Options []string // empty: "defaults" is written
	Dump    int      // the last two fields, which nothing here has a use for
	Pass    int
	Comment string // what follows a '#', without it and blanks around it

	Line int // of the file, from 1; 0: it is not from a file
}

// File is the content of a file. The zero File is empty.
type File struct {
	lines []line
}

type line struct {
	text  string // without the newline
	entry *Entry // nil: nothing is mounted
}

// Error is a line that cannot be read.
type Error struct {
	Line, Column int // from 1; bytes
	Err          error
}

// Error reads "fstab:3:12: no type".
func (e *Error) Error() string { return fmt.Sprintf("fstab:%d:%d: %v", e.Line, e.Column, e.Err) }

// Unwrap returns what is wrong.
func (e *Error) Unwrap() error { return e.Err }

// At makes an error about an entry of a file.
func (e *Entry) At(err error) error {
	if e.Line == 0 {
		return err
	}
	return &Error{e.Line, 1, err}
}

// Parse reads a file. Empty lines, comments, and lines marked "iocage-auto" are kept and are no entries. The error is an *Error.
func Parse(text []byte) (*File, error) {
	f := &File{}
	n := 0
	for raw := range strings.Lines(string(text)) {
		n++
		l := line{text: strings.TrimRight(raw, "\r\n")}
		words, at, comment := split(l.text)
		for i, w := range words {
			if j := strings.IndexFunc(w, func(r rune) bool { return r < ' ' || r == 0x7f }); j >= 0 {
				return nil, &Error{n, at[i] + j + 1, fmt.Errorf("control character %q", w[j])}
			}
		}
		if len(words) > 0 && comment != auto {
			e, column, err := entry(words, at)
			if err != nil {
				return nil, &Error{n, column + 1, err}
			}
			e.Comment, e.Line = comment, n
			l.entry = e
		}
		f.lines = append(f.lines, l)
	}
	return f, nil
}

// split gives the fields of a line with their columns, and what is said behind a '#'.
func split(s string) (words []string, at []int, comment string) {
	for i := 0; i < len(s); {
		switch {
		case s[i] == ' ' || s[i] == '\t':
			i++
		case s[i] == '#':
			return words, at, strings.TrimSpace(strings.TrimLeft(s[i:], "#"))
		default:
			end := i
			for end < len(s) && s[end] != ' ' && s[end] != '\t' {
				end++
			}
			words, at = append(words, s[i:end]), append(at, i)
			i = end
		}
	}
	return words, at, ""
}

func entry(words []string, at []int) (e *Entry, column int, err error) {
	last := at[len(at)-1] + len(words[len(words)-1])
	if missing := []string{"source", "target", "type", "options"}; len(words) < len(missing) {
		return nil, last, fmt.Errorf("no %s", missing[len(words)])
	}
	if len(words) > 6 {
		return nil, at[6], fmt.Errorf("%q: a line has six fields", words[6])
	}
	e = &Entry{Type: words[2]}
	for i, to := range []*string{&e.Source, &e.Target} {
		if *to, err = unescape(words[i]); err != nil {
			return nil, at[i], err
		}
	}
	for o := range strings.SplitSeq(words[3], ",") {
		switch o {
		case "":
			return nil, at[3], fmt.Errorf("%q: an option is empty", words[3])
		case "defaults":
		default:
			e.Options = append(e.Options, o)
		}
	}
	for i, to := range []*int{&e.Dump, &e.Pass} {
		if len(words) <= 4+i {
			break
		}
		if *to, err = strconv.Atoi(words[4+i]); err != nil || *to < 0 || words[4+i][0] == '+' {
			return nil, at[4+i], fmt.Errorf("%q is not a number", words[4+i])
		}
	}
	return e, 0, nil
}

// unescape undoes the octal escapes for characters that would end a field.
func unescape(s string) (string, error) {
	var out strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			out.WriteByte(s[i])
			continue
		}
		if i+3 >= len(s) {
			return "", fmt.Errorf("%q: a backslash begins three octal digits", s)
		}
		n, err := strconv.ParseUint(s[i+1:i+4], 8, 8)
		if err != nil {
			return "", fmt.Errorf("%q: a backslash begins three octal digits", s)
		}
		if n < ' ' && n != '\t' || n == 0x7f {
			return "", fmt.Errorf("%q: control character", s)
		}
		out.WriteByte(byte(n))
		i += 3
	}
	return out.String(), nil
}

// escape is the inverse of unescape.
func escape(s string) string {
	return strings.NewReplacer(`\`, `\134`, " ", `\040`, "\t", `\011`, "#", `\043`).Replace(s)
}

// Entries lists what is mounted, in its order.
func (f *File) Entries() []Entry {
	var all []Entry
	for _, l := range f.lines {
		if l.entry != nil {
			all = append(all, *l.entry)
		}
	}
	return all
}

// Add adds an entry behind the others. Its fields must not have control characters but tabs in source and target, nor blanks
// in type and options; what was checked by Parse is such a one.
func (f *File) Add(e Entry) {
	e.Line = len(f.lines) + 1
	f.lines = append(f.lines, line{e.String(), &e})
}

// Remove removes the entries that match.
func (f *File) Remove(match func(Entry) bool) {
	var kept []line
	for _, l := range f.lines {
		if l.entry == nil || !match(*l.entry) {
			kept = append(kept, l)
		}
	}
	f.lines = kept
}

// Encode gives the file.
func (f *File) Encode() []byte {
	var out strings.Builder
	for _, l := range f.lines {
		out.WriteString(l.text + "\n")
	}
	return []byte(out.String())
}

// String is the entry's line, without a newline. Fields are separated by tabs.
func (e Entry) String() string {
	options := strings.Join(e.Options, ",")
	if options == "" {
		options = "defaults"
	}
	text := strings.Join([]string{escape(e.Source), escape(e.Target), e.Type, options, strconv.Itoa(e.Dump), strconv.Itoa(e.Pass)}, "\t")
	if e.Comment != "" {
		text += "\t# " + e.Comment
	}
	return text
}
