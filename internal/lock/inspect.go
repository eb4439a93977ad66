package lock

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/libioc/ioc/doctor"
)

// Inspect finds files of locks that nobody holds: killed processes left them.
func (t *Table) Inspect(context.Context) ([]doctor.Finding, error) {
	if t.dir == "" {
		return nil, nil
	}
	entries, err := os.ReadDir(t.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var found []doctor.Finding
	failed := []error{err}
	for _, e := range entries {
		path := filepath.Join(t.dir, e.Name())
		by, stale, err := stale(path)
		failed = append(failed, err)
		if !stale {
			continue
		}
		text := "a lock that nobody holds"
		if by.PID != 0 {
			text += fmt.Sprintf("; it was %s, of pid %d", by.Op, by.PID)
		}
		found = append(found, doctor.Finding{
			Kind: "lock.stale", Subject: path, Class: doctor.Debris, Text: text,
			Proof:    "it lies among this root's locks, and no process has it locked",
			Remedy:   "remove the file",
			Recovery: true,
		})
	}
	return found, errors.Join(failed...)
}

// stale says who had a lock that nobody has. To find out it is taken for a moment, in which somebody else who
// wants it is told that a dead process has it, and tries again.
func stale(path string) (holder, bool, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW, 0)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ELOOP) {
		return holder{}, false, nil
	}
	if err != nil {
		return holder{}, false, err
	}
	defer f.Close() //nolint:errcheck // nothing was written
	if flock(f, syscall.LOCK_EX|syscall.LOCK_NB) != nil || !current(f) {
		return holder{}, false, nil
	}
	by := read(f)
	return holder{by.Op, by.PID, by.Since}, true, nil
}
