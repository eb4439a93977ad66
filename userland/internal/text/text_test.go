package text

import (
	"math/rand/v2"
	"strings"
	"testing"
)

func TestCompile(t *testing.T) {
	for _, c := range []struct {
		pattern  string
		extended bool
		text     string
		match    string // "-" for none
	}{
		{"a*", false, "aaab", "aaa"},
		{"*a", false, "*a", "*a"},
		{"a+", false, "a+", "a+"},
		{`a\+`, false, "aaa", "aaa"},
		{"a+", true, "aaa", "aaa"},
		{`\(ab\)*`, false, "ababx", "abab"},
		{"(ab)*", false, "(ab)*", "(ab)"},
		{`a\{2\}`, false, "aaa", "aa"},
		{"a{2,}", true, "aaa", "aaa"},
		{"a{", true, "a{", "a{"},
		{"a^b", false, "a^b", "a^b"},
		{"^b", false, "ab", "-"},
		{"a$b", false, "a$b", "a$b"},
		{"a$", false, "ba", "a"},
		{`a\|b`, false, "b", "b"},
		{"x|xyz", true, "xyz", "xyz"}, // the longest
		{"[[:digit:]]+", true, "ab12", "12"},
		{"[]x]", false, "]", "]"},
		{"[^]x]", false, "x]a", "a"},
		{`[\.]`, false, `\`, `\`},
		{`[a\n]`, false, "\n", "\n"},
		{"[a-c-]", false, "-", "-"},
		{`\<word\>`, false, "a word.", "word"},
		{`\w\+`, false, "-ab_1-", "ab_1"},
		{`a.c`, false, "a\nc", "a\nc"},
		{`\.`, false, "a.", "."},
		{"ä*", false, "ääx", "ää"},
		{"a**", false, "aa", "aa"},
		{`\(^a\)`, false, "ba", "-"},
		{"(^|x)a", true, "xa", "xa"},
	} {
		re, err := compile(c.pattern, c.extended, false)
		if err != nil {
			t.Errorf("%q: %v", c.pattern, err)
			continue
		}
		got := "-"
		if m := re.FindStringIndex(c.text); m != nil {
			got = c.text[m[0]:m[1]]
		}
		if got != c.match {
			t.Errorf("%q (extended %v) in %q: %q, want %q; it became %q", c.pattern, c.extended, c.text, got, c.match, re)
		}
	}
	for _, bad := range []string{"[", `\(`, `a\`, `\(a\)\1`, "[[:nosuch:]]"} {
		if re, err := compile(bad, false, false); err == nil {
			t.Errorf("%q became %q, want an error", bad, re)
		}
	}
}

func TestFormat(t *testing.T) {
	for _, c := range []struct{ format, args, want string }{
		{"%s-%s\n", "a b", "a-b\n"},
		{"%5s|%-5s|", "ab cd", "   ab|cd   |"},
		{"%.2s", "abc", "ab"},
		{"%05d %+d", "42 7", "00042 +7"},
		{"%.3d", "5", "005"},
		{"%x %X %o %u", "255 255 8 3", "ff FF 10 3"},
		{"%c%c", "hello world", "hw"},
		{"%e", "12345.678", "1.234568e+04"},
		{"%g", "0.0001", "0.0001"},
		{"%b", `a\tb`, "a\tb"},
		{"%q", "it's", `'it'\''s'`},
		{`\101\x42\u0043`, "", "ABC"},
		{"%d", "0x10", "16"},
		{"%d", "'A", "65"},
		{"%*d", "5 42", "   42"},
		{"%%", "", "%"},
		{"%s", "", ""},
	} {
		if got, _, err := Format(c.format, strings.Fields(c.args)); got != c.want || err != nil {
			t.Errorf("%q with %q: %q, %v; want %q", c.format, c.args, got, err, c.want)
		}
	}
}

// TestEdits applies what diff finds, to random lines of a small alphabet.
func TestEdits(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	lines := func() []string {
		out := make([]string, r.IntN(12))
		for i := range out {
			out[i] = string(rune('a' + r.IntN(3)))
		}
		return out
	}
	for range 2000 {
		a, b := lines(), lines()
		var left, right []string
		common := 0
		for _, e := range edits(a, b) {
			if e.op != '+' {
				left = append(left, a[e.ai:e.ai+e.n]...)
			}
			if e.op != '-' {
				right = append(right, b[e.bi:e.bi+e.n]...)
			}
			if e.op == ' ' {
				common += e.n
			}
		}
		if strings.Join(left, "") != strings.Join(a, "") || strings.Join(right, "") != strings.Join(b, "") {
			t.Fatalf("edits(%q, %q) make %q and %q", a, b, left, right)
		}
		if want := longestCommon(a, b); common != want {
			t.Fatalf("edits(%q, %q) keep %d lines, want %d", a, b, common, want)
		}
	}
}

// longestCommon is the length of the longest common subsequence, the slow way.
func longestCommon(a, b []string) int {
	table := make([][]int, len(a)+1)
	table[0] = make([]int, len(b)+1)
	for i := range a {
		table[i+1] = make([]int, len(b)+1)
		for j := range b {
			table[i+1][j+1] = max(table[i][j+1], table[i+1][j])
			if a[i] == b[j] {
				table[i+1][j+1] = table[i][j] + 1
			}
		}
	}
	return table[len(a)][len(b)]
}
