package mem

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/storage"
	"github.com/libioc/ioc/storage/storagetest"
)

func TestSuite(t *testing.T) {
	storagetest.Run(t, func(testing.TB) storagetest.World { return &world{New(nil)} })
}

func BenchmarkMem(b *testing.B) { storagetest.Benchmark(b, &world{New(nil)}) }

type world struct{ w *World }

func (w *world) Driver(testing.TB) storage.Driver { return w.w }
func (w *world) Register(r *events.Registry)      { w.w.Register(r) }

func (w *world) Edit(t testing.TB, d storage.Dataset, edits ...storagetest.Edit) {
	t.Helper()
	w.w.mu.Lock()
	defer w.w.mu.Unlock()
	for _, e := range edits {
		if err := edit(w.w.sets[d].tree, e); err != nil && !e.May {
			t.Fatalf("%s %s: %v", e.Op, e.Path, err)
		}
	}
}

// edit does what a system call would.
func edit(t *tree, e storagetest.Edit) error {
	wr := writer{t, time.Now}
	old := t.get(e.Path)
	if up := t.get(path.Dir(e.Path)); up == nil || !up.attr.Mode.IsDir() {
		return fs.ErrNotExist
	}
	change := func(f func(n *node)) error {
		if old == nil || old.attr.Mode&fs.ModeSymlink != 0 {
			return fs.ErrNotExist
		}
		n := *old
		f(&n)
		t.nodes[t.names[e.Path]] = &n
		return nil
	}
	if old != nil && (e.Op == storagetest.Mkdir || e.Op == storagetest.Symlink || e.Op == storagetest.Link || e.Op == storagetest.Fifo) {
		return fs.ErrExist
	}
	switch e.Op {
	case storagetest.Write:
		if old == nil {
			return wr.File(e.Path, storage.Attr{Mode: 0o644}, bytes.NewReader(e.Data))
		}
		if !old.attr.Mode.IsRegular() {
			return fs.ErrInvalid
		}
		return change(func(n *node) {
			n.size, n.sum, n.attr.ModTime = int64(len(e.Data)), sha256.Sum256(e.Data), time.Now()
		})
	case storagetest.Mkdir:
		return wr.Mkdir(e.Path, storage.Attr{Mode: 0o755})
	case storagetest.Remove:
		for name := range t.names {
			if name == e.Path || strings.HasPrefix(name, e.Path+"/") {
				t.drop(name)
			}
		}
		return nil
	case storagetest.Rename:
		return rename(t, e.Path, e.To)
	case storagetest.Symlink:
		return wr.Symlink(e.Path, e.To, storage.Attr{})
	case storagetest.Link:
		return wr.Link(e.Path, e.To)
	case storagetest.Chmod:
		return change(func(n *node) { n.attr.Mode = n.attr.Mode.Type() | e.Mode })
	case storagetest.Chown:
		return change(func(n *node) { n.attr.UID, n.attr.GID = e.UID, e.GID })
	case storagetest.Fifo:
		return wr.Node(e.Path, storage.Attr{Mode: fs.ModeNamedPipe | 0o600}, 0, 0)
	case storagetest.Xattr:
		return change(func(n *node) {
			x := map[string][]byte{e.To: e.Data}
			for k, v := range n.attr.Xattrs {
				if k != e.To {
					x[k] = v
				}
			}
			n.attr.Xattrs = x
		})
	default:
		return fs.ErrInvalid
	}
}

func rename(t *tree, from, to string) error {
	up := t.get(path.Dir(to))
	if t.get(from) == nil || up == nil || !up.attr.Mode.IsDir() || t.get(to) != nil || strings.HasPrefix(to+"/", from+"/") {
		return fs.ErrInvalid
	}
	for _, name := range slices.Collect(func(yield func(string) bool) {
		for name := range t.names {
			if (name == from || strings.HasPrefix(name, from+"/")) && !yield(name) {
				return
			}
		}
	}) {
		t.names[to+strings.TrimPrefix(name, from)] = t.names[name]
		delete(t.names, name)
	}
	return nil
}

func (w *world) Look(t testing.TB, d storage.Dataset) []string {
	t.Helper()
	lines := w.w.Lines(d)
	if lines == nil {
		t.Fatalf("%s is not there", d)
	}
	return lines
}

func (w *world) State(testing.TB) []string {
	w.w.mu.Lock()
	defer w.w.mu.Unlock()
	var lines []string
	add := func(where string, s *dataset) {
		lines = append(lines, fmt.Sprint(where, s.name, s.id, s.created, s.origin, s.release, s.files, s.tree.lines()))
		for _, snap := range s.snaps {
			lines = append(lines, fmt.Sprint(where, s.name, snap.name, snap.id, snap.created, snap.tree.lines()))
		}
	}
	for d, s := range w.w.sets {
		add(d.String(), s)
	}
	for id, s := range w.w.hidden {
		add("hidden "+id, s)
	}
	for id, s := range w.w.trash {
		add("trash "+id, s)
	}
	for id, p := range w.w.past {
		lines = append(lines, fmt.Sprint("past ", id, len(p.snaps)))
	}
	slices.Sort(lines)
	return lines
}
