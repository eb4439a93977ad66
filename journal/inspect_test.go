package journal

import (
	"strings"
	"testing"
)

// TestInspectFull tells of a journal before no run can begin any more, and no longer when it was recovered.
func TestInspectFull(t *testing.T) {
	const slots = 10
	j, err := Open(t.TempDir(), Options{Slots: slots})
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld()
	kinds := func() string {
		t.Helper()
		found, err := j.Inspect(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var all []string
		for _, f := range found {
			all = append(all, f.Kind)
		}
		return strings.Join(all, " ")
	}
	for n := range slots - 2 {
		w.die(t, j, string(rune('a'+n)))
	}
	if got := kinds(); strings.Contains(got, "journal.full") {
		t.Errorf("with two free slots it finds %q", got)
	}
	w.die(t, j, "z")
	if got := kinds(); !strings.HasSuffix(got, "run.residue journal.full") {
		t.Errorf("with one free slot it finds %q", got)
	}
	recoverAll(t, j, w)
	if got := kinds(); got != "" {
		t.Errorf("after a recovery it finds %q", got)
	}
}
