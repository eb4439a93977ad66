// Package golden holds committed files that are made of the code against the code, in tests.
//
// It owns the flag -update, with which such a test writes its file instead, as make gen runs it. It refuses to know how
// a file is made.
//
//	golden.Check(t, "../docs/errors.md", page())
package golden

import (
	"bytes"
	"flag"
	"os"
	"testing"
)

var update = flag.Bool("update", false, "write generated files instead of comparing them")

// Check fails t if the file path does not have the content want. With -update the file gets it.
func Check(t testing.TB, path string, want []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, want, 0o644); err != nil { //nolint:gosec // it is to be read by everybody
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is not what the code says: run make gen, and commit what it changes", path)
	}
}
