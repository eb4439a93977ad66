//go:build unix

package sandboxtest

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// windowSize is the size of standard input's terminal, as "rows x columns".
func windowSize() string {
	w, err := unix.IoctlGetWinsize(0, unix.TIOCGWINSZ)
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%dx%d", w.Row, w.Col)
}
