//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package term

import "golang.org/x/sys/unix"

// The requests that read and change a terminal's settings.
const (
	getTermios = unix.TIOCGETA
	putTermios = unix.TIOCSETA
)
