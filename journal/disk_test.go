package journal

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"syscall"
)

var errDead = errors.New("the machine is dead")

// disk is a fileSystem that forgets what was not synced when the power goes, and fails when told to.
// Directories keep the order of changes, as journaling file systems do; of a file each sector that
// was written since its sync is old or new.
type disk struct {
	*memory
	mu     sync.Mutex
	stable map[*memoryFile][]byte       // content at the last sync
	linked map[string]*memoryFile       // names that survive a power cut
	links  map[string][]func(*disk)     // changes of a directory that were not synced
	ops    int                          // changes so far
	syncs  int                          // of files and directories
	hook   func(op string, n int) error // before change number n; an error is its result, errDead ends all
	short  bool                         // a write that fails writes half of it
	dead   bool
	onDie  func()
}

func newDisk() *disk {
	return &disk{
		memory: newMemory(), stable: map[*memoryFile][]byte{}, linked: map[string]*memoryFile{},
		links: map[string][]func(*disk){},
	}
}

// change counts a change and asks the hook.
func (d *disk) change(op string) error {
	d.mu.Lock()
	if d.dead {
		d.mu.Unlock()
		return errDead
	}
	d.ops++
	if strings.HasPrefix(op, "sync") {
		d.syncs++
	}
	hook, n := d.hook, d.ops
	d.mu.Unlock()
	if hook == nil {
		return nil
	}
	err := hook(op, n)
	if errors.Is(err, errDead) {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.dead = true
		if d.onDie != nil {
			d.onDie()
		}
	}
	return err
}

func dirOf(name string) string {
	dir, _, ok := strings.Cut(name, "/")
	if !ok {
		return ""
	}
	return dir
}

func (d *disk) open(name string, create, excl bool) (file, error) {
	_, err := d.memory.open(name, false, false)
	isNew := err != nil && create
	if isNew {
		if err := d.change("create " + name); err != nil {
			return nil, err
		}
	} else if d.dead {
		return nil, errDead
	}
	f, err := d.memory.open(name, create, excl)
	if err != nil {
		return nil, err
	}
	h := f.(*memoryHandle)
	if isNew {
		d.linkLater(name, func(d *disk) { d.linked[name] = h.f })
	}
	return &diskHandle{h, d, name}, nil
}

func (d *disk) linkLater(name string, f func(*disk)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.links[dirOf(name)] = append(d.links[dirOf(name)], f)
}

func (d *disk) rename(from, to string) error {
	if err := d.change("rename " + from); err != nil {
		return err
	}
	d.linkLater(from, func(d *disk) {
		if f, ok := d.linked[from]; ok {
			d.linked[to] = f
		}
		delete(d.linked, from)
	})
	return d.memory.rename(from, to)
}

func (d *disk) remove(name string) error {
	if err := d.change("remove " + name); err != nil {
		return err
	}
	d.linkLater(name, func(d *disk) { delete(d.linked, name) })
	return d.memory.remove(name)
}

func (d *disk) syncDir(dir string) error {
	if err := d.change("syncdir " + dir); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, f := range d.links[dir] {
		f(d)
	}
	d.links[dir] = nil
	return nil
}

// kill ends the processes that had files open: their locks are gone.
func (d *disk) kill() {
	d.dead, d.hook, d.short = false, nil, false
	for _, f := range d.files {
		f.owner = nil
		clear(f.shared)
	}
}

// crash is the disk after a power cut.
func (d *disk) crash(rng *rand.Rand) *disk {
	n := newDisk()
	for dir, list := range d.links {
		for _, f := range list[:rng.IntN(len(list)+1)] {
			f(d)
		}
		d.links[dir] = nil
	}
	for name, f := range d.linked {
		old := d.stable[f]
		data := make([]byte, max(len(old), len(f.data)))
		copy(data, old)
		for at := 0; at < len(f.data); at += sector {
			if rng.IntN(2) == 0 {
				copy(data[at:], f.data[at:min(at+sector, len(f.data))])
			}
		}
		if rng.IntN(2) == 0 {
			data = data[:len(f.data)]
		} else {
			data = data[:len(old)]
		}
		g := &memoryFile{data: data, shared: map[*memoryHandle]bool{}}
		n.files[name], n.linked[name], n.stable[g] = g, g, bytes.Clone(data)
	}
	return n
}

type diskHandle struct {
	*memoryHandle
	d    *disk
	name string
}

func (h *diskHandle) WriteAt(b []byte, off int64) (int, error) {
	op := "write "
	if n, _ := h.size(); off+int64(len(b)) > n {
		op = "extend "
	}
	if err := h.d.change(op + h.name); err != nil {
		n := 0
		if h.d.short && (!h.d.dead || errors.Is(err, errDead)) {
			n, _ = h.memoryHandle.WriteAt(b[:len(b)/2], off)
		}
		return n, err
	}
	return h.memoryHandle.WriteAt(b, off)
}

func (h *diskHandle) Truncate(n int64) error {
	if err := h.d.change("truncate " + h.name); err != nil {
		return err
	}
	return h.memoryHandle.Truncate(n)
}

func (h *diskHandle) sync() error {
	if err := h.d.change("sync " + h.name); err != nil {
		return err
	}
	h.d.mu.Lock()
	defer h.d.mu.Unlock()
	h.m.mu.Lock()
	defer h.m.mu.Unlock()
	h.d.stable[h.f] = bytes.Clone(h.f.data)
	return nil
}

func (h *diskHandle) osFile() *os.File { return nil }

var errFull = syscall.ENOSPC
