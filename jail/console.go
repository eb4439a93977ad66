package jail

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/libioc/ioc/internal/atomicfile"
)

// The console log keeps what exec_start and exec_stop, and what they leave running, write to standard output and
// error. It is no part of the jail's state but a record of what was said, as the history of events is: nothing takes
// it back, it goes with the jail, and a clone begins without one.
const (
	consoleFile = "console.log"
	consoleOld  = "console.log.1" // what was there before it was cut
)

// consoleMax bounds what one command, and what it left running, can add to the log, and what is kept of it when the
// next one begins.
const consoleMax = 1 << 20

// openConsole opens a jail's console log for a command, and says in it that the command begins. It is nil where a
// jail has no place on the host.
func openConsole(i *Info, what string, now time.Time) (*os.File, error) {
	if i.Dir == "" {
		return nil, nil //nolint:nilnil // no file is no output
	}
	path := filepath.Join(i.Dir, consoleFile)
	if err := cutConsole(i.Dir); err != nil {
		return nil, err
	}
	// A jail never gets at its directory, but a link in the log's place could lead to any file of the host.
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	if _, err := fmt.Fprintf(f, "ioc: %s %s\n", now.UTC().Format(time.RFC3339), what); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// cutConsole moves what is in a console log that has become too long to the older one. Who has it open goes on
// writing at its end, because everybody opens it to append.
func cutConsole(dir string) error {
	path := filepath.Join(dir, consoleFile)
	f, err := os.OpenFile(path, os.O_RDWR|syscall.O_NOFOLLOW, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err == nil && info.Size() > consoleMax {
		var last []byte
		if last, err = tail(f, info.Size()); err == nil {
			err = atomicfile.WriteFile(filepath.Join(dir, consoleOld), last, 0o600)
		}
		if err == nil {
			err = f.Truncate(0)
		}
	}
	return errors.Join(err, f.Close())
}

// tail reads the last consoleMax bytes of what is size long.
func tail(f io.ReaderAt, size int64) ([]byte, error) {
	from := max(0, size-consoleMax)
	b := make([]byte, size-from)
	n, err := f.ReadAt(b, from)
	if errors.Is(err, io.EOF) { // it was cut meanwhile
		err = nil
	}
	return b[:n], err
}
