package bootstrap

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/libioc/ioc/fault"
)

// TestTool: which program is taken, of those that are installed.
func TestTool(t *testing.T) {
	src, err := New("debian", "bookworm", Options{})
	if err != nil {
		t.Fatal(err)
	}
	b := src.(*source)
	program := func(dir, name string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, tc := range []struct {
		name, installed string
		uid             int
		want            string
		archive         bool
	}{
		{"both", "debootstrap mmdebstrap", 0, "mmdebstrap", false},
		{"one", "debootstrap", 0, "debootstrap", false},
		{"user", "debootstrap mmdebstrap", 1000, "mmdebstrap", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			t.Setenv("PATH", dir)
			for name := range strings.FieldsSeq(tc.installed) {
				program(dir, name)
			}
			tool, err := b.tool(tc.uid)
			if err != nil || tool.name != tc.want || tool.path != filepath.Join(dir, tc.want) || tool.archive != tc.archive {
				t.Errorf("%+v, %v; want %s", tool, err, tc.want)
			}
		})
	}
	t.Setenv("PATH", t.TempDir())
	tool, err := b.tool(1000) // mmdebstrap is nowhere where programs of administrators are
	if !errors.Is(err, fault.Unavailable) || !strings.Contains(strings.Join(fault.Remedies(err), " "), "apt-get install mmdebstrap") {
		t.Errorf("nothing is installed: %+v, %v", tool, err)
	}
}
