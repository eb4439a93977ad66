//go:build unix

package term

import (
	"os"

	"golang.org/x/sys/unix"
)

// IsTerminal tells whether f is a terminal.
func IsTerminal(f *os.File) bool {
	_, err := termios(f)
	return err == nil
}

// Size is the number of rows and columns of the terminal f; zero: not known.
func Size(f *os.File) (rows, cols uint16) {
	err := control(f, func(fd int) error {
		w, err := unix.IoctlGetWinsize(fd, unix.TIOCGWINSZ)
		if err == nil {
			rows, cols = w.Row, w.Col
		}
		return err
	})
	if err != nil {
		return 0, 0
	}
	return rows, cols
}

// Width is the number of columns of the terminal f; 0: not known.
func Width(f *os.File) int {
	_, cols := Size(f)
	return int(cols)
}

// MakeRaw lets every key reach the program that reads the terminal f, and its output reach the screen
// as it is. restore makes the terminal what it was; it may be called more than once, from any goroutine.
func MakeRaw(f *os.File) (restore func(), err error) {
	before, err := termios(f)
	if err != nil {
		return nil, err
	}
	raw := *before
	raw.Iflag &^= unix.IGNBRK | unix.BRKINT | unix.PARMRK | unix.ISTRIP | unix.INLCR | unix.IGNCR | unix.ICRNL | unix.IXON
	raw.Oflag &^= unix.OPOST
	raw.Lflag &^= unix.ECHO | unix.ECHONL | unix.ICANON | unix.ISIG | unix.IEXTEN
	raw.Cflag = raw.Cflag&^(unix.CSIZE|unix.PARENB) | unix.CS8
	raw.Cc[unix.VMIN], raw.Cc[unix.VTIME] = 1, 0
	if err := setTermios(f, &raw); err != nil {
		return nil, err
	}
	return func() { _ = setTermios(f, before) }, nil // the terminal may be gone
}

func termios(f *os.File) (t *unix.Termios, err error) {
	err = control(f, func(fd int) error {
		t, err = unix.IoctlGetTermios(fd, getTermios)
		return err
	})
	return t, err
}

func setTermios(f *os.File, t *unix.Termios) error {
	return control(f, func(fd int) error { return unix.IoctlSetTermios(fd, putTermios, t) })
}

// control calls do with f's descriptor, without changing how f blocks.
func control(f *os.File, do func(fd int) error) error {
	if f == nil {
		return os.ErrInvalid
	}
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var inner error
	if err := raw.Control(func(fd uintptr) { inner = do(int(fd)) }); err != nil {
		return err
	}
	return inner
}
