package mem

import (
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/storage"
)

// node is a file. It is never changed: who changes a file puts another node in its place.
type node struct {
	attr         storage.Attr // with the type in Mode
	size         int64
	sum          [sha256.Size]byte
	target       string
	major, minor uint32
}

// tree is a file system: names lead to numbers, so that a file can have several, and numbers to nodes.
type tree struct {
	names map[string]int
	nodes map[int]*node
	next  int
}

func newTree() *tree {
	t := &tree{names: map[string]int{}, nodes: map[int]*node{}}
	t.put(".", &node{attr: storage.Attr{Mode: fs.ModeDir | 0o755}})
	return t
}

// clone shares all nodes.
func (t *tree) clone() *tree { return &tree{maps.Clone(t.names), maps.Clone(t.nodes), t.next} }

func (t *tree) get(name string) *node {
	if i, ok := t.names[name]; ok {
		return t.nodes[i]
	}
	return nil
}

func (t *tree) put(name string, n *node) {
	t.next++
	t.names[name], t.nodes[t.next] = t.next, n
}

// drop removes one name, and the file with its last one.
func (t *tree) drop(name string) {
	i, ok := t.names[name]
	if !ok {
		return
	}
	delete(t.names, name)
	for _, other := range t.names {
		if other == i {
			return
		}
	}
	delete(t.nodes, i)
}

func (t *tree) children(dir string) []string {
	var names []string
	for name := range t.names {
		if name != "." && path.Dir(name) == dir {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// writer is a storage.Tree on a tree that nobody else has yet.
type writer struct {
	t   *tree
	now func() time.Time
}

var _ storage.Tree = writer{}

func invalid(name, why string) error {
	return fault.New("", fault.Invalid, fmt.Sprintf("%q", name), fmt.Errorf("%s", why))
}

// Remove removes name and what is in it.
func (w writer) Remove(name string) error {
	if !storage.ValidPath(name) || name == "." {
		return invalid(name, "not a path inside the tree")
	}
	for n := range maps.Clone(w.t.names) {
		if n == name || strings.HasPrefix(n, name+"/") {
			w.t.drop(n)
		}
	}
	return nil
}

// place makes room for name: its directories are there, and nothing else is.
func (w writer) place(name string, dir bool) error {
	if !storage.ValidPath(name) || name == "." && !dir {
		return invalid(name, "not a path inside the tree")
	}
	if name == "." {
		return nil
	}
	up := path.Dir(name)
	switch n := w.t.get(up); {
	case n == nil:
		if err := w.Mkdir(up, storage.Attr{Mode: fs.ModeDir | 0o755}); err != nil {
			return err
		}
	case !n.attr.Mode.IsDir():
		return invalid(name, "its directory is none")
	}
	old := w.t.get(name)
	if old == nil || dir && old.attr.Mode.IsDir() {
		return nil
	}
	if old.attr.Mode.IsDir() && len(w.t.children(name)) > 0 {
		return invalid(name, "it is a directory with something in it")
	}
	w.t.drop(name)
	return nil
}

func (w writer) add(name string, n *node, kind fs.FileMode) error {
	if err := w.place(name, kind == fs.ModeDir); err != nil {
		return err
	}
	n.attr.Mode = n.attr.Mode&^fs.ModeType | kind
	n.attr.Xattrs = maps.Clone(n.attr.Xattrs)
	maps.DeleteFunc(n.attr.Xattrs, func(key string, _ []byte) bool { return strings.Contains(key, ".overlay.") })
	if n.attr.ModTime.IsZero() {
		n.attr.ModTime = w.now()
	}
	if i, ok := w.t.names[name]; ok {
		w.t.nodes[i] = n
		return nil
	}
	w.t.put(name, n)
	return nil
}

func (w writer) Mkdir(name string, a storage.Attr) error {
	return w.add(name, &node{attr: a}, fs.ModeDir)
}

func (w writer) File(name string, a storage.Attr, content io.Reader) error {
	n := &node{attr: a}
	if content == nil {
		content = strings.NewReader("")
	}
	h := sha256.New()
	var err error
	if n.size, err = io.Copy(h, content); err != nil {
		return err
	}
	n.sum = [sha256.Size]byte(h.Sum(nil))
	return w.add(name, n, 0)
}

func (w writer) Symlink(name, target string, a storage.Attr) error {
	a.Mode |= 0o777
	return w.add(name, &node{attr: a, target: target}, fs.ModeSymlink)
}

func (w writer) Link(name, existing string) error {
	i, ok := w.t.names[existing]
	if !ok || w.t.nodes[i].attr.Mode.IsDir() {
		return invalid(existing, "there is no such file to link to")
	}
	if w.t.names[name] == i {
		return nil
	}
	if err := w.place(name, false); err != nil {
		return err
	}
	w.t.names[name] = i
	return nil
}

func (w writer) Node(name string, a storage.Attr, major, minor uint32) error {
	kind := a.Mode.Type()
	switch kind {
	case fs.ModeDevice, fs.ModeDevice | fs.ModeCharDevice, fs.ModeNamedPipe, fs.ModeSocket:
		return w.add(name, &node{attr: a, major: major, minor: minor}, kind)
	default:
		return invalid(name, fmt.Sprintf("mode %v is none of a node", a.Mode))
	}
}

func (writer) Close() error { return nil }
