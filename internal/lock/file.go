package lock

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/libioc/ioc/fault"
)

// file is a name that this process holds, by flock on an open file of that name. The file says who
// holds it and is removed with the lock; one that a killed process left is nobody's and is taken over.
type file struct{ f *os.File }

// holder is a lock file's content.
type holder struct {
	Op    string    `json:"op"`
	PID   int       `json:"pid"`
	Since time.Time `json:"since"`
}

// path is the file of name. No element of a name has a slash, and none of the first ones a hyphen.
func path(dir, name string) string {
	return filepath.Join(dir, strings.Replace(name, "/", "-", 1))
}

// unsigned is how often a lock is looked at again whose holder has not written down who it is: it is
// about to, or about to let go.
const unsigned = 100

// lockFile takes name or says who holds it, in a *fault.HeldError.
func lockFile(dir, name string, shared bool, by fault.HeldError) (*file, error) {
	how := syscall.LOCK_EX
	if shared {
		how = syscall.LOCK_SH
	}
	for again := 0; ; {
		f, err := os.OpenFile(path(dir, name), os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
		if err != nil {
			return nil, err
		}
		if err := flock(f, how|syscall.LOCK_NB); err != nil {
			held := read(f)
			_ = f.Close() // it is not locked and nothing was written
			if !errors.Is(err, syscall.EWOULDBLOCK) {
				return nil, err
			}
			if again++; held.Op != "" || again > unsigned {
				return nil, held
			}
			time.Sleep(time.Millisecond)
			continue
		}
		// Its last holder may have removed the name between our open and our lock.
		if current(f) {
			l := &file{f}
			return l, l.sign(by)
		}
		_ = f.Close() // as above
	}
}

// sign writes down who holds the lock, if there is room for it. A shared one says who came last.
func (l *file) sign(by fault.HeldError) error {
	data, err := json.Marshal(holder{by.Op, by.PID, by.Since})
	if err == nil {
		err = l.f.Truncate(0)
	}
	if err == nil {
		_, err = l.f.WriteAt(data, 0)
	}
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		// It holds without saying whose it is: what makes room, a stop or a destroy, needs locks too.
		err = l.f.Truncate(0)
	}
	if err != nil {
		l.unlock()
	}
	return err
}

// read tells who holds the lock as far as the file says.
func read(f *os.File) *fault.HeldError {
	var h holder
	if json.NewDecoder(f).Decode(&h) != nil { // empty: its holder has come this far and no further
		return &fault.HeldError{}
	}
	return &fault.HeldError{Op: h.Op, PID: h.PID, Since: h.Since}
}

// unlock removes the file, unless others share the lock, and lets it go. An error leaves a file that
// nobody holds, which is harmless.
func (l *file) unlock() {
	if flock(l.f, syscall.LOCK_EX|syscall.LOCK_NB) == nil && current(l.f) {
		_ = os.Remove(l.f.Name())
	}
	_ = l.f.Close()
}

// current reports whether f still has its name.
func current(f *os.File) bool {
	open, err := f.Stat()
	if err != nil {
		return false
	}
	named, err := os.Lstat(f.Name())
	return err == nil && os.SameFile(open, named)
}

func flock(f *os.File, how int) error {
	for {
		if err := syscall.Flock(int(f.Fd()), how); !errors.Is(err, syscall.EINTR) { //nolint:gosec // a descriptor is small
			return err
		}
	}
}

// Sweep removes the files that killed processes left. What somebody holds stays.
func (t *Table) Sweep() error {
	if t.dir == "" {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	entries, err := os.ReadDir(t.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var failed []error
	for _, e := range entries {
		if !e.Type().IsRegular() {
			continue
		}
		f, err := os.OpenFile(filepath.Join(t.dir, e.Name()), os.O_RDWR|syscall.O_NOFOLLOW, 0)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			failed = append(failed, err)
			continue
		}
		// A shared lock shows whether anybody holds it for himself, and lets those be who share it.
		if flock(f, syscall.LOCK_SH|syscall.LOCK_NB) == nil {
			(&file{f}).unlock()
		} else {
			failed = append(failed, f.Close())
		}
	}
	return errors.Join(failed...)
}
