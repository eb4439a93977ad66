package ioc

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/libioc/ioc/internal/atomicfile"
	"github.com/libioc/ioc/jail"
)

// vitals keep how jails fare: in a directory that is there while one of them has something to keep, or in memory.
type vitals struct {
	dir string // empty: in memory

	mu  sync.Mutex
	all map[jail.Name][]byte
}

func newVitals(dir string) *vitals { return &vitals{dir: dir, all: map[jail.Name][]byte{}} }

// Read gives what was written last.
func (v *vitals) Read(name jail.Name) ([]byte, error) {
	if v.dir == "" {
		v.mu.Lock()
		defer v.mu.Unlock()
		return v.all[name], nil
	}
	text, err := atomicfile.ReadFile(filepath.Join(v.dir, string(name)))
	return text, ignore(err, fs.ErrNotExist)
}

// Write replaces it.
func (v *vitals) Write(name jail.Name, text []byte) error {
	if v.dir == "" {
		v.mu.Lock()
		defer v.mu.Unlock()
		if v.all[name] = text; text == nil {
			delete(v.all, name)
		}
		return nil
	}
	path := filepath.Join(v.dir, string(name))
	if text == nil {
		err := atomicfile.Sweep(path)
		err = errors.Join(ignore(err, fs.ErrNotExist), ignore(os.Remove(path), fs.ErrNotExist))
		_ = os.Remove(v.dir) // fails while another jail has something there
		return err
	}
	var err error
	for range 100 { // another one's end may take the directory away at any time
		if err = os.Mkdir(v.dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		if err = atomicfile.WriteFile(path, text, 0o600); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return err
}
