package filetree

import (
	"bytes"
	"errors"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/libioc/ioc/storage"
)

// TestEarly: the disk takes what is written before all is, and Close tells of a write that failed then: Sync would not.
func TestEarly(t *testing.T) {
	for _, tc := range []struct {
		name  string
		size  int
		hands int
		want  error
	}{
		{"little", earlyBytes - 1, 2, nil},
		{"much", earlyBytes, 2, unix.EBADF},
		{"alone", earlyBytes, 1, unix.EBADF},
	} {
		t.Run(tc.name, func(t *testing.T) {
			was := runtime.GOMAXPROCS(tc.hands)
			defer runtime.GOMAXPROCS(was)
			w, err := NewWriter(t.TempDir(), Options{})
			if err != nil {
				t.Fatal(err)
			}
			w.early.top = -1 // a file system that fails
			if err := w.File("f", storage.Attr{Mode: 0o600}, bytes.NewReader(bytes.Repeat([]byte{1}, tc.size))); err != nil {
				t.Error(err)
			}
			if err := w.Close(); !errors.Is(err, tc.want) {
				t.Errorf("Close: %v, want %v", err, tc.want)
			}
		})
	}
}
