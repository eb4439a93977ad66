package eventstest

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Files is a Place whose effects are files in a directory.
type Files struct{ Dir string }

// Seed makes what the deferred actions of p remove.
func (f Files) Seed(p *Program) error {
	if err := os.MkdirAll(f.Dir, 0o700); err != nil {
		return err
	}
	return p.Root.seed(f, "0")
}

func (b *Body) seed(f Files, path string) error {
	for i := range b.Do {
		it, p := &b.Do[i], path+"."+string(rune('0'+i))
		if it.Kind == Defers {
			if err := os.WriteFile(f.path("old", p), []byte(p), 0o600); err != nil {
				return err
			}
		}
		for j := range it.Bodies {
			sub := p
			if it.Kind == Parallel {
				sub += "/" + string(rune('0'+j))
			}
			if err := it.Bodies[j].seed(f, sub); err != nil {
				return err
			}
		}
	}
	return nil
}

func (f Files) path(kind, name string) string {
	return filepath.Join(f.Dir, kind+"-"+strings.ReplaceAll(name, "/", "_"))
}

// Make implements Place: an exclusive create.
func (f Files) Make(name string) error {
	file, err := os.OpenFile(f.path("new", name), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = file.WriteString(name)
	return errors.Join(err, file.Close())
}

// Unmake implements Place.
func (f Files) Unmake(name string) error { return remove(f.path("new", name)) }

// Remove implements Place.
func (f Files) Remove(name string) error { return remove(f.path("old", name)) }

func remove(path string) error {
	if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
