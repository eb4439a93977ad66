package linuxns

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
)

// runFile is how an undo finds a process whose number it does not know. It is made, and locked, before the
// process is born; the process inherits the lock and loses it when the jail's program is executed. Its
// content is the process's identity, written before the process is told what to do.
//
//	not there               nothing was started, or it is over
//	locked                  something is being started by a living process, or is about to give up
//	not locked, empty       nothing was started, and nothing will be
//	not locked, identity    that process was started; it may live
type runFile struct{ *os.File }

// identity is what a runFile says.
type identity struct {
	pid     int
	started uint64
	boot    string
}

// makeRunFile makes a locked file under a name that nobody else has.
func makeRunFile(path string) (*runFile, error) {
	var f *os.File
	for range 100 { // the directory is removed with the last file in it, maybe right now
		err := os.MkdirAll(filepath.Dir(path), 0o700)
		if err == nil {
			f, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
		}
		if err == nil {
			break
		}
		if !errors.Is(err, os.ErrNotExist) {
			return nil, err
		}
	}
	if f == nil {
		return nil, os.ErrNotExist
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, errors.Join(err, f.Close(), os.Remove(path))
	}
	return &runFile{f}, nil
}

// note writes the identity, in one call that a kill cannot interrupt.
func (f *runFile) note(id identity) error {
	_, err := fmt.Fprintf(f, "%d %d %s\n", id.pid, id.started, id.boot)
	return err
}

// readRunFile gives the noted identity; the zero one if there is none.
func readRunFile(path string) (id identity, err error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) || len(b) == 0 {
		return id, nil
	}
	if err != nil {
		return id, err
	}
	if n, err := fmt.Sscanf(string(b), "%d %d %s\n", &id.pid, &id.started, &id.boot); n != 3 || b[len(b)-1] != '\n' {
		return id, fault.New("read", fault.Corrupt, path, err)
	}
	return id, nil
}

// settle waits until a start is over for which a file was made: whoever makes it has died, and the half
// started process has noticed.
func settle(ctx context.Context, path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	said := false
	for pause := time.Millisecond; ; pause = min(2*pause, 50*time.Millisecond) {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			return err
		}
		if pause > 20*time.Millisecond && !said {
			said = true
			_ = events.Report(ctx, "waiting for a start to give up that holds "+path)
		}
		if wait(ctx, pause) != nil {
			return fault.New("wait", fault.Timeout, path, errors.New("still locked by a process that starts the jail"))
		}
	}
}
