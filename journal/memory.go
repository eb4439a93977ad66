package journal

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"sync"
)

// memory is a fileSystem without a disk.
type memory struct {
	mu    sync.Mutex
	files map[string]*memoryFile
}

type memoryFile struct {
	data   []byte
	owner  *memoryHandle          // holds the exclusive lock
	shared map[*memoryHandle]bool // hold the shared one
}

// memoryHandle is an open file.
type memoryHandle struct {
	m *memory
	f *memoryFile
}

func newMemory() *memory { return &memory{files: map[string]*memoryFile{}} }

func (m *memory) open(name string, create, excl bool) (file, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f, ok := m.files[name]
	switch {
	case ok && excl:
		return nil, fmt.Errorf("%s: %w", name, fs.ErrExist)
	case !ok && !create:
		return nil, fmt.Errorf("%s: %w", name, fs.ErrNotExist)
	case !ok:
		f = &memoryFile{shared: map[*memoryHandle]bool{}}
		m.files[name] = f
	}
	return &memoryHandle{m, f}, nil
}

func (m *memory) rename(from, to string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	f, ok := m.files[from]
	if !ok {
		return fmt.Errorf("%s: %w", from, fs.ErrNotExist)
	}
	delete(m.files, from)
	m.files[to] = f
	return nil
}

func (m *memory) remove(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.files[name]; !ok {
		return fmt.Errorf("%s: %w", name, fs.ErrNotExist)
	}
	delete(m.files, name)
	return nil
}

func (m *memory) names(dir string) (names []string, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if dir != "" {
		dir += "/"
	}
	for name := range m.files {
		if rest, ok := strings.CutPrefix(name, dir); ok && !strings.Contains(rest, "/") {
			names = append(names, rest)
		}
	}
	return names, nil
}

func (m *memory) syncDir(string) error { return nil }

func (h *memoryHandle) ReadAt(b []byte, off int64) (int, error) {
	h.m.mu.Lock()
	defer h.m.mu.Unlock()
	if off >= int64(len(h.f.data)) {
		return 0, io.EOF
	}
	n := copy(b, h.f.data[off:])
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

func (h *memoryHandle) WriteAt(b []byte, off int64) (int, error) {
	h.m.mu.Lock()
	defer h.m.mu.Unlock()
	if more := off + int64(len(b)) - int64(len(h.f.data)); more > 0 {
		h.f.data = append(h.f.data, make([]byte, more)...)
	}
	return copy(h.f.data[off:], b), nil
}

func (h *memoryHandle) Truncate(n int64) error {
	h.m.mu.Lock()
	defer h.m.mu.Unlock()
	if more := n - int64(len(h.f.data)); more > 0 {
		h.f.data = append(h.f.data, make([]byte, more)...)
	}
	h.f.data = h.f.data[:n:n]
	return nil
}

func (h *memoryHandle) size() (int64, error) {
	h.m.mu.Lock()
	defer h.m.mu.Unlock()
	return int64(len(h.f.data)), nil
}

func (h *memoryHandle) sync() error      { return nil }
func (h *memoryHandle) osFile() *os.File { return nil }
func (h *memoryHandle) Close() error     { return h.unlock() }

func (h *memoryHandle) is(name string) (bool, error) {
	h.m.mu.Lock()
	defer h.m.mu.Unlock()
	return h.m.files[name] == h.f, nil
}

func (h *memoryHandle) lock(how lockKind) (bool, error) {
	h.m.mu.Lock()
	defer h.m.mu.Unlock()
	f := h.f
	others := len(f.shared)
	if f.shared[h] {
		others--
	}
	if f.owner != nil && f.owner != h || how == exclusive && others > 0 {
		return false, nil
	}
	f.owner = nil
	delete(f.shared, h)
	if how == exclusive {
		f.owner = h
	} else {
		f.shared[h] = true
	}
	return true, nil
}

func (h *memoryHandle) unlock() error {
	h.m.mu.Lock()
	defer h.m.mu.Unlock()
	if h.f.owner == h {
		h.f.owner = nil
	}
	delete(h.f.shared, h)
	return nil
}
