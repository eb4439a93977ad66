package term

import (
	"testing"
	"time"
)

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
		name, in string
		width    int
		want     string
	}{
		{"nothing", "abcdef", 0, ""},
		{"less", "abcdef", -1, ""},
		{"fits", "abcdef", 6, "abcdef"},
		{"ascii", "abcdef", 5, "abcd…"},
		{"umlauts", "äöüäöü", 3, "äö…"},
		{"mark_only", "abcdef", 1, "…"},
		{"wide", "漢字漢字", 5, "漢字…"},
		{"wide_half", "漢字漢字", 4, "漢…"},
		{"combining", "e\u0301e\u0301e\u0301", 2, "e\u0301…"},
		{"family", "👨‍👩‍👧‍👦abc", 3, "👨‍👩‍👧‍👦…"},
		{"family_half", "👨‍👩‍👧‍👦abc", 2, "…"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := cut(test.in, test.width, "…"); got != test.want {
				t.Errorf("cut(%q, %d) = %q, want %q", test.in, test.width, got, test.want)
			}
		})
	}
}

// TestRow keeps to the width whatever is in a row, and keeps its end as long as it can.
func TestRow(t *testing.T) {
	r := row{{text: "  "}, {text: "✓ "}, {text: "a title that is long", give: true}, {text: "  25%"}, {text: "  3s"}}
	for width, want := range map[int]string{
		0: "  ✓ a title that is long  25%  3s", 33: "  ✓ a title that is long  25%  3s", 30: "  ✓ a title that is …  25%  3s",
		25: "  ✓ a title tha…  25%  3s", 24: "  ✓ a title tha…  25%  …", 10: "  ✓ a tit…", 3: "  …", 1: "…",
	} {
		if got := (Options{}).rowText(r, width); got != want {
			t.Errorf("in %d columns: %q, want %q", width, got, want)
		}
	}
}

func TestDuration(t *testing.T) {
	for in, want := range map[time.Duration]string{
		0: "", 300: "0s", 999: "1µs", 64_600: "65µs", 999_960: "1ms", 4_563_000: "4.56ms", 999_960_000: "1s", 1_234_000_000: "1.23s",
		59_960_000_000: "1m0s", 83 * time.Second: "1m23s", 100 * time.Hour: "100h0m0s",
	} {
		if got := duration(in); got != want {
			t.Errorf("duration(%d) = %q, want %q", in, got, want)
		}
	}
}
