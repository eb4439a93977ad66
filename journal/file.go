package journal

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"time"
)

// fileSystem is what the journal needs of a directory. Names are relative to it: "slot-000",
// "held/jail%2fweb".
type fileSystem interface {
	// open gives the file name; create makes it if it is missing, exclusive insists on making it.
	open(name string, create, exclusive bool) (file, error)
	rename(from, to string) error
	remove(name string) error
	// names lists a directory; one that does not exist is empty.
	names(dir string) ([]string, error)
	// syncDir makes creations, renames and removals in dir survive a power cut; "" is the journal itself.
	syncDir(dir string) error
}

// file is one of its files.
type file interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	Truncate(size int64) error
	size() (int64, error)
	// sync makes what was written survive a power cut, with what is needed to find it again.
	sync() error
	// lock takes the file's lock without waiting; it belongs to the open file and what inherits it.
	lock(how lockKind) (bool, error)
	unlock() error
	// is reports whether name, in the file system it comes from, is still this file.
	is(name string) (bool, error)
	// osFile is what a child process can inherit; nil if there is no such thing.
	osFile() *os.File
}

type lockKind uint8

const (
	shared lockKind = iota
	exclusive
)

// tryLock takes f's lock for itself. false: somebody works with the file. A query that only looks
// whether there is somebody holds the lock shared for a moment; that does not count.
func tryLock(f file) (bool, error) {
	for range 1000 {
		if ok, err := f.lock(exclusive); ok || err != nil {
			return ok, err
		}
		if free, err := probe(f); !free || err != nil {
			return false, err
		}
	}
	return false, nil
}

// lockSoon is tryLock for a file that others lock for moments only: it waits up to a second for them.
func lockSoon(f file) (bool, error) {
	for range 1000 {
		if ok, err := tryLock(f); ok || err != nil {
			return ok, err
		}
		time.Sleep(time.Millisecond)
	}
	return false, nil
}

// probe reports whether nobody works with f.
func probe(f file) (bool, error) {
	ok, err := f.lock(shared)
	if !ok || err != nil {
		return false, err
	}
	return true, f.unlock()
}

// readAll is f's content.
func readAll(f file) ([]byte, error) {
	n, err := f.size()
	if err != nil {
		return nil, err
	}
	return readAt(f, 0, n)
}

// readAt is up to n bytes from off; fewer if the file ends before.
func readAt(f file, off, n int64) ([]byte, error) {
	data := make([]byte, n)
	got, err := f.ReadAt(data, off)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return data[:got], err
}

// writeAll writes all of data or returns an error.
func writeAll(f file, data []byte, off int64) error {
	n, err := f.WriteAt(data, off)
	if err == nil && n < len(data) {
		err = io.ErrShortWrite
	}
	return err
}

// zero overwrites [from, to) with zeros.
func zero(f file, from, to int64) error {
	const chunk = 64 << 10
	zeros := make([]byte, min(chunk, max(to-from, 0)))
	for from < to {
		n := min(int64(len(zeros)), to-from)
		if err := writeAll(f, zeros[:n], from); err != nil {
			return err
		}
		from += n
	}
	return nil
}

// removeFile removes name; that it is gone already is fine.
func removeFile(fsys fileSystem, name string) error {
	if err := fsys.remove(name); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
