package nearest

import "testing"

func TestWord(t *testing.T) {
	words := []string{"start", "stop", "restart", "web", "web-2", "memoryuse", "ä-jail"}
	for _, test := range []struct{ in, want string }{
		{"strat", "start"},
		{"stpo", "stop"},
		{"restrat", "restart"},
		{"wbe", "web"},
		{"wen", "web"},
		{"memroyuse", "memoryuse"},
		{"web_2", "web-2"},
		{"a-jail", "ä-jail"},
		{"quite-different", ""},
		{"x", ""},
		{"", ""},
	} {
		t.Run(test.in, func(t *testing.T) {
			if got := Word(test.in, words); got != test.want {
				t.Errorf("Word(%q) = %q, want %q", test.in, got, test.want)
			}
		})
	}
}

func TestDistance(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"", "abc", 3}, {"abc", "", 3}, {"abc", "abc", 0}, {"abc", "acb", 1}, {"abc", "abd", 1}, {"abc", "ab", 1}, {"kitten", "sitting", 3}} {
		if got := distance(test.a, test.b); got != test.want {
			t.Errorf("distance(%q, %q) = %d, want %d", test.a, test.b, got, test.want)
		}
	}
}
