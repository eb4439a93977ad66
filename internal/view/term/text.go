package term

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Printable makes s harmless for a terminal: it may come from a jail, or from an archive that nobody
// vouches for. Characters that a terminal would obey are written as escapes, line breaks too.
func Printable(s string) string {
	harmful := func(r rune) bool {
		return r == utf8.RuneError || unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)
	}
	if !strings.ContainsFunc(s, harmful) {
		return s
	}
	var b strings.Builder
	for i, r := range s {
		switch {
		case !harmful(r):
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r < 0x100:
			fmt.Fprintf(&b, `\x%02x`, r)
		case r == utf8.RuneError && s[i] >= utf8.RuneSelf && !strings.HasPrefix(s[i:], string(utf8.RuneError)):
			fmt.Fprintf(&b, `\x%02x`, s[i])
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

// sentence is an error's text on one line.
func sentence(s string) string {
	lines := strings.FieldsFunc(s, func(r rune) bool { return r == '\n' || r == '\r' })
	return Printable(strings.Join(lines, "; "))
}
