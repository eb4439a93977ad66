package term

import "testing"

func TestPrintable(t *testing.T) {
	for _, test := range []struct{ name, in, want string }{
		{"plain", "mount /dev", "mount /dev"},
		{"unicode", "jail „größer“ ✓ 漢字", "jail „größer“ ✓ 漢字"},
		{"escape", "a\x1b[31mb\x07", `a\x1b[31mb\x07`},
		{"lines", "a\nb\tc\rd", `a\nb\tc\x0dd`},
		{"c1", "a\u009bb", `a\x9bb`},
		{"bidi", "a\u202eb", `a\u202eb`},
		{"not_utf8", "a\xffb", `a\xffb`},
		{"replacement", "a\ufffdb", `a\ufffdb`},
		{"delete", "a\x7fb", `a\x7fb`},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := Printable(test.in); got != test.want {
				t.Errorf("Printable(%q) = %q, want %q", test.in, got, test.want)
			}
		})
	}
}

func FuzzPrintable(f *testing.F) {
	f.Add("a\x1b[31mb\xff\ufffd\u202e")
	f.Fuzz(func(t *testing.T, s string) {
		got := Printable(s)
		for _, r := range got {
			if r < ' ' || r >= 0x7f && r < 0xa0 {
				t.Errorf("Printable(%q) has %q", s, r)
			}
		}
		if again := Printable(got); again != got && s == got {
			t.Errorf("Printable(%q) = %q", got, again)
		}
	})
}

func TestSentence(t *testing.T) {
	if got, want := sentence("one\ntwo\r\n\x1bthree\n"), `one; two; \x1bthree`; got != want {
		t.Errorf("sentence = %q, want %q", got, want)
	}
}

func TestCut(t *testing.T) {
	for _, test := range []struct {
		in    string
		width int
		want  string
	}{
		{"abcdef", 0, "abcdef"},
		{"abcdef", -1, "abcdef"},
		{"abcdef", 6, "abcdef"},
		{"abcdef", 5, "abcd…"},
		{"äöüäöü", 3, "äö…"},
		{"abcdef", 1, "…"},
	} {
		if got := cut(test.in, test.width, "…"); got != test.want {
			t.Errorf("cut(%q, %d) = %q, want %q", test.in, test.width, got, test.want)
		}
	}
}
