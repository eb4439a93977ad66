package release

import (
	"path"
	"strings"

	"github.com/libioc/ioc/storage"
)

// Marks of what an image's layer takes away from those below it: the OCI image specification, layer.md,
// "Whiteouts".
const (
	whiteout       = ".wh."
	whiteoutMeta   = ".wh..wh." // of aufs, which had more of them
	whiteoutOpaque = ".wh..wh..opq"
)

// layers knows what layers have made so far. A tree cannot be asked, and a mark takes away what is
// below its layer only, wherever in the layer it comes.
type layers struct {
	tree  storage.Tree
	marks bool                       // they mean something
	dirs  map[string]map[string]bool // directory: names in it
	above map[string]bool            // of the layer at work, with the directories they are in
	made  map[string]bool            // of those, the ones that an entry has made
}

func newLayers(t storage.Tree) *layers {
	return &layers{tree: t, dirs: map[string]map[string]bool{}}
}

// next begins a layer.
func (l *layers) next() { l.above, l.made = map[string]bool{".": true}, map[string]bool{} }

// entry is told of every name before it is written. gone: it was a mark, and nothing is to be written.
func (l *layers) entry(name string, isDir bool) (gone bool, err error) {
	dir, base := path.Dir(name), path.Base(name)
	switch {
	case !l.marks:
	case base == whiteoutOpaque:
		return true, l.uncover(dir)
	case strings.HasPrefix(base, whiteoutMeta):
		return true, nil
	case strings.HasPrefix(base, whiteout):
		victim := strings.TrimPrefix(base, whiteout)
		if !storage.ValidPath(victim) || victim == "." {
			return true, invalid("it takes away no name")
		}
		return true, l.remove(path.Join(dir, victim))
	}
	if !isDir && len(l.dirs[name]) > 0 { // a tree replaces no directory that is not empty
		if err := l.drop(name); err != nil {
			return false, err
		}
	}
	l.made[name] = true
	for at := name; !l.above[at]; at = path.Dir(at) {
		l.above[at] = true
		up := path.Dir(at)
		if l.dirs[up] == nil {
			l.dirs[up] = map[string]bool{}
		}
		l.dirs[up][at] = true
	}
	return false, nil
}

// uncover removes what lower layers have in dir.
func (l *layers) uncover(dir string) error {
	for name := range l.dirs[dir] {
		if err := l.remove(name); err != nil {
			return err
		}
	}
	return nil
}

// remove removes what lower layers have at name.
func (l *layers) remove(name string) error {
	if l.above[name] {
		return l.uncover(name)
	}
	return l.drop(name)
}

func (l *layers) drop(name string) error {
	l.forget(name)
	delete(l.dirs[path.Dir(name)], name)
	return l.tree.Remove(name)
}

func (l *layers) forget(name string) {
	for below := range l.dirs[name] {
		l.forget(below)
	}
	delete(l.dirs, name)
	delete(l.above, name)
}
