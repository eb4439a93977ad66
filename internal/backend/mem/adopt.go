package mem

import (
	"maps"

	"github.com/libioc/ioc/storage"
)

// Adopt lets w have a dataset of another driver, without what is in it, and gives its id here. What it was made from comes first.
func (w *World) Adopt(i storage.Info) (id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := &dataset{name: i.Dataset, id: newID(), created: i.Created, origin: i.Origin, files: map[string]string{}, tree: newTree()}
	if from := w.sets[i.Origin.Dataset]; from != nil && from.name.Kind == storage.Releases {
		s.release = from.id
	}
	w.sets[i.Dataset] = s
	return s.id
}

// Load lets a dataset that was adopted have a small file, if nothing was loaded or written under that name before; nil: it
// has none.
func (w *World) Load(d storage.Dataset, name string, data []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.sets[d]
	if s == nil || s.loaded[name] {
		return
	}
	s.loaded = maps.Clone(s.loaded)
	if s.loaded == nil {
		s.loaded = map[string]bool{}
	}
	if s.loaded[name] = true; data != nil {
		s.files[name] = string(data)
	}
}
