package jail

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/libioc/ioc/fault"
)

// LogOptions say how much of a console log is wanted.
type LogOptions struct {
	Lines  int  // at most so many of the last ones; negative: all that is kept
	Follow bool // then what is written from now on, until the context is done or the jail is gone
}

// logPause is the time between two looks at a log that is followed.
const logPause = 200 * time.Millisecond

// Log gives what a jail's console log holds, in pieces: what exec_start and exec_stop, and what they left running,
// have written. A piece is valid until the next. The first error ends it; a context that is done is none.
func (k *Keeper) Log(ctx context.Context, name Name, o LogOptions) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		i, err := k.Look(ctx, name)
		if err == nil && i.Dir == "" {
			err = fault.Unsupported("a console log", "storage on the host")
		}
		if err != nil {
			yield(nil, refused("logs", name, err))
			return
		}
		old, err := readLog(filepath.Join(i.Dir, consoleOld))
		var now []byte
		if err == nil {
			now, err = readLog(filepath.Join(i.Dir, consoleFile))
		}
		if err != nil {
			yield(nil, refused("logs", name, err))
			return
		}
		at := int64(len(now))
		if all := lastLines(append(old, now...), o.Lines); len(all) > 0 && !yield(all, nil) || !o.Follow {
			return
		}
		if err := follow(ctx, filepath.Join(i.Dir, consoleFile), at, yield); err != nil {
			yield(nil, refused("logs", name, err))
		}
	}
}

// readLog reads the end of a log file; one that is not there is empty.
func readLog(path string) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // read-only
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	return tail(f, info.Size())
}

// lastLines cuts text to its last n lines.
func lastLines(text []byte, n int) []byte {
	if n < 0 {
		return text
	}
	at := len(text)
	if at > 0 && text[at-1] == '\n' {
		at--
	}
	for range n {
		if at = bytes.LastIndexByte(text[:at], '\n'); at < 0 {
			return text
		}
	}
	if n == 0 {
		return nil
	}
	return text[at+1:]
}

// follow yields what comes after the first at bytes. A log that has become shorter was cut, and begins anew. Nothing
// that all systems have tells of a change, so it is looked at again and again.
func follow(ctx context.Context, path string, at int64, yield func([]byte, error) bool) error {
	tick := time.NewTicker(logPause)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if _, err := os.Stat(filepath.Dir(path)); errors.Is(err, fs.ErrNotExist) {
			return nil // the jail was destroyed, or has another name now
		}
		piece, next, err := readAfter(path, at)
		if err != nil {
			return err
		}
		if at = next; len(piece) > 0 && !yield(piece, nil) {
			return nil
		}
	}
}

func readAfter(path string, at int64) ([]byte, int64, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, at, err
	}
	defer f.Close() //nolint:errcheck // read-only
	info, err := f.Stat()
	if err != nil {
		return nil, at, err
	}
	if info.Size() < at {
		at = 0
	}
	b := make([]byte, min(info.Size()-at, 64<<10))
	if len(b) == 0 {
		return nil, at, nil
	}
	n, err := f.ReadAt(b, at)
	if n > 0 {
		err = nil
	}
	return b[:n], at + int64(n), err
}
