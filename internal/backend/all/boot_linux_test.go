package all

import (
	"os"
	"path/filepath"
	"testing"
)

func TestEmptyAfterReboot(t *testing.T) {
	run := filepath.Join(t.TempDir(), "run")
	dir := filepath.Join(run, "sandbox")
	left := filepath.Join(dir, "left")
	put := func() {
		t.Helper()
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(left, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name string
		boot string // what run/boot says before
		gone bool
	}{
		{"first", "", true},
		{"same", "", false},
		{"another", "00000000-0000-0000-0000-000000000000 and more", true},
		{"again", "", false},
	} {
		put()
		if c.boot != "" {
			if err := os.WriteFile(filepath.Join(run, "boot"), []byte(c.boot), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := emptyAfterReboot("11111111-1111-1111-1111-111111111111", run, dir); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if _, err := os.Stat(left); os.IsNotExist(err) != c.gone {
			t.Errorf("%s: gone is %v, want %v", c.name, !c.gone, c.gone)
		}
	}
}
