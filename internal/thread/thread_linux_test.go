package thread_test

import (
	"errors"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/libioc/ioc/internal/thread"
)

// TestAway leaves the first thread, which is what /proc/self shows, where it was, whichever thread is asked first.
func TestAway(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("another namespace: needs root")
	}
	where := func() string {
		text, err := os.Readlink("/proc/self/ns/uts")
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	before, wrong := where(), errors.New("told")
	for range 1000 {
		err := thread.Away(func() error {
			if unix.Gettid() == unix.Getpid() {
				t.Error("it is the first thread")
			}
			return errors.Join(unix.Unshare(unix.CLONE_NEWUTS), wrong)
		})
		if !errors.Is(err, wrong) {
			t.Fatal(err)
		}
	}
	if after := where(); after != before {
		t.Errorf("the first thread is in %s, and was in %s", after, before)
	}
}
