package run_test

import (
	"context"
	"errors"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/internal/backend/zfs/scratch"
	"github.com/libioc/ioc/internal/run"
)

// TestStuck runs a command that the kernel does not let go.
func TestStuck(t *testing.T) {
	runtime.LockOSThread() // for good: the thread has mounts of its own
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		t.Skip("no mount namespace: ", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		t.Fatal(err)
	}
	dir, asked := scratch.Hung(t, "tank/hung")
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	late := errors.New("too late")
	go func() {
		<-asked
		cancel(late)
	}()
	cmd := run.Command("stat", dir+"/file")
	cmd.Grace = -1
	_, err := cmd.Run(ctx)
	if !errors.Is(err, run.ErrStuck) || !errors.Is(err, late) || fault.KindOf(err) != fault.Unavailable {
		t.Errorf("error %v of kind %q, want that it is stuck", err, fault.KindOf(err).Name())
	}
}
