//go:build unix

package term

import (
	"errors"
	"io"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// Keys reads a file, often a terminal, and can be stopped while it waits: what has not been read by then
// is left to the next reader. Read and Stop may be called from different goroutines.
type Keys struct {
	f          *os.File
	wake, stop *os.File
	stopped    error
	once       sync.Once
	ended      bool
}

// NewKeys reads f, which must stay open until Close. Once it is stopped, Read gives the error stopped.
func NewKeys(f *os.File, stopped error) (*Keys, error) {
	if f == nil {
		return nil, os.ErrInvalid
	}
	wake, stop, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	return &Keys{f: f, wake: wake, stop: stop, stopped: stopped}, nil
}

// Read waits for something to read.
func (k *Keys) Read(b []byte) (n int, err error) {
	err = control(k.f, func(fd int) error {
		return control(k.wake, func(wake int) error {
			n, err = k.read(b, fd, wake)
			return err
		})
	})
	return n, err
}

func (k *Keys) read(b []byte, fd, wake int) (int, error) {
	for {
		ready := []unix.PollFd{{Fd: int32(wake), Events: unix.POLLIN}, {Fd: int32(fd), Events: unix.POLLIN}}
		if _, err := unix.Poll(ready, -1); err != nil && !errors.Is(err, unix.EINTR) {
			return 0, err
		}
		if ready[0].Revents != 0 {
			return 0, k.stopped
		}
		if ready[1].Revents == 0 {
			continue
		}
		n, err := unix.Read(fd, b)
		switch {
		case errors.Is(err, unix.EINTR), errors.Is(err, unix.EAGAIN):
		case err != nil:
			return 0, err
		case n == 0:
			k.ended = true
			return 0, io.EOF
		default:
			return n, nil
		}
	}
}

// Ended reports, after a Read, that the file has no more.
func (k *Keys) Ended() bool { return k.ended }

// Stop ends a Read that waits, and all later ones. It may be called more than once.
func (k *Keys) Stop() { k.once.Do(func() { _ = k.stop.Close() }) }

// Close gives back what NewKeys opened; no Read may wait.
func (k *Keys) Close() error {
	k.Stop()
	return k.wake.Close()
}
