package atomicfile_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/libioc/ioc/internal/atomicfile"
)

// TestReadFile reads what os.ReadFile does, whatever the size, and fails as it does.
func TestReadFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	for _, size := range []int{0, 1, 1023, 1024, 1025, 100_000} {
		want := bytes.Repeat([]byte("x"), size)
		if err := os.WriteFile(path, want, 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := atomicfile.ReadFile(path); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%d bytes: got %d, %v", size, len(got), err)
		}
	}
	if _, err := atomicfile.ReadFile(filepath.Join(dir, "nothing")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that is not there: got %v", err)
	}
	if _, err := atomicfile.ReadFile(dir); err == nil {
		t.Error("a directory: got no error")
	}
	if _, err := atomicfile.ReadFile("a\x00b"); err == nil {
		t.Error("an impossible name: got no error")
	}
}
