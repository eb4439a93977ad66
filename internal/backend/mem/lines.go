package mem

import (
	"fmt"
	"slices"

	"github.com/libioc/ioc/storage"
)

// Lines lists d's files, one line each with all that is kept of it; nil if there is no d. It is for
// people and for comparisons: its form may change.
func (w *World) Lines(d storage.Dataset) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if s, ok := w.sets[d]; ok {
		return s.tree.lines()
	}
	return nil
}

// Hidden counts datasets that are being filled and have no name yet.
func (w *World) Hidden() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.hidden)
}

func (t *tree) lines() []string {
	var lines []string
	first := map[int]string{}
	names := make([]string, 0, len(t.names))
	for name := range t.names {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		i := t.names[name]
		n := t.nodes[i]
		line := fmt.Sprintf("%q %s", name, n.line())
		if f, ok := first[i]; ok {
			line += " = " + f
		}
		first[i] = name
		lines = append(lines, line)
	}
	return lines
}

// line is all that is kept of a file but its names.
func (n *node) line() string {
	line := fmt.Sprintf("%v %d:%d %d %x %q %v %d:%d", n.attr.Mode, n.attr.UID, n.attr.GID, n.size, n.sum[:4], n.target, n.attr.Xattrs, n.major, n.minor)
	if n.attr.Mode.IsRegular() {
		line += n.attr.ModTime.String()
	}
	return line
}
