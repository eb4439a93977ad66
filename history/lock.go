package history

import (
	"errors"
	"os"
	"syscall"
)

// lock takes f's lock for as long as f is open. Nobody else has it: whoever asks whether a run is alive
// leaves files alone in which nothing is written yet.
func lock(f *os.File) error { return flock(f, syscall.LOCK_EX|syscall.LOCK_NB) }

// isHeld tells whether the process that writes f is alive. A child that it was about to make may hold the
// lock for a moment longer.
func isHeld(f *os.File) (bool, error) {
	err := flock(f, syscall.LOCK_SH|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	return false, flock(f, syscall.LOCK_UN)
}

func flock(f *os.File, how int) error {
	for {
		if err := syscall.Flock(int(f.Fd()), how); !errors.Is(err, syscall.EINTR) { //nolint:gosec // a descriptor is small
			return err
		}
	}
}
