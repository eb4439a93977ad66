package overlay

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// The lock of the layers orders two questions against each other: "are the layers I am about to
// name still there" (shared; held until they are named) and "does anybody name this layer" (exclusive;
// held until it is out of the way). It is held for milliseconds, never while files are copied.

func (l layout) lockShared(ctx context.Context) (func(), error) { return l.lock(ctx, unix.LOCK_SH) }
func (l layout) lockAll(ctx context.Context) (func(), error)    { return l.lock(ctx, unix.LOCK_EX) }

func (l layout) lock(ctx context.Context, how int) (func(), error) {
	f, err := os.Open(filepath.Join(string(l), "layers"))
	if err != nil {
		return nil, err
	}
	if err := flock(ctx, f, how); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("lock layers: %w", err)
	}
	return func() { _ = f.Close() }, nil // closing gives the lock back
}

// lockDir locks a dataset's directory against other changes of its state. The callers hold locks of
// their own by contract; this one keeps a mistake from becoming a corrupt jail.
func lockDir(ctx context.Context, dir string) (func(), error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := flock(ctx, f, unix.LOCK_EX); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("lock %s: %w", dir, err)
	}
	return func() { _ = f.Close() }, nil
}

// flock waits for the lock as long as ctx lets it.
func flock(ctx context.Context, f *os.File, how int) error {
	for wait := time.Millisecond; ; wait = min(2*wait, 50*time.Millisecond) {
		err := unix.Flock(int(f.Fd()), how|unix.LOCK_NB)
		if err != unix.EWOULDBLOCK && err != unix.EINTR {
			return err
		}
		t := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			t.Stop()
			return context.Cause(ctx)
		case <-t.C:
		}
	}
}
