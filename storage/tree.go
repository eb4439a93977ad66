package storage

import (
	"io"
	"io/fs"
	"strings"
	"time"
)

// ValidPath reports whether name is a path inside a tree: "." or elements joined by slashes, none of
// them empty, "." or "..", without NUL. Unlike fs.ValidPath it takes names that are not UTF-8: disks
// are full of them.
func ValidPath(name string) bool {
	if name == "." {
		return true
	}
	for elem := range strings.SplitSeq(name, "/") {
		if elem == "" || elem == "." || elem == ".." || strings.IndexByte(elem, 0) >= 0 {
			return false
		}
	}
	return true
}

// Tree is a root file system that is being written, entry by entry, by one goroutine.
//
// Names are slash-separated paths as of ValidPath, "." being the root. No name and no symbolic
// link that was written before leads out of the tree: a path through a link is refused as invalid.
// Missing parents are made with mode 0755. An entry replaces one of the same name; a directory keeps what is
// in it. What a driver cannot store (Features) it leaves out: owners; or refuses as unsupported: devices.
//
// The attributes of directories hold from Close on, and so does what is in files. An error of writing a file may be
// that of a later call, or of Close, as an *EarlierError. Nothing more is written then.
type Tree interface {
	Mkdir(name string, a Attr) error
	// File reads content to its end. Blocks of zeros may be stored as holes.
	File(name string, a Attr, content io.Reader) error
	Symlink(name, target string, a Attr) error
	// Link makes name another name of the file existing, which was written before.
	Link(name, existing string) error
	// Node makes a device, a named pipe or a socket, as a.Mode says.
	Node(name string, a Attr, major, minor uint32) error
	// Remove removes name with all that is in it, and never what a symbolic link leads to. What is not
	// there is removed already; the root cannot be.
	Remove(name string) error
	// Close sets the attributes of directories. It must be called once, also after an error.
	Close() error
}

// Attr is what a file has beside its content.
type Attr struct {
	Mode    fs.FileMode // type (of a node), permissions, setuid, setgid, sticky
	UID     int
	GID     int
	ModTime time.Time         // zero: when it was written
	Xattrs  map[string][]byte // by full name, "user.comment"
}

// EarlierError is that of a file that was handed to a Tree before.
type EarlierError struct {
	Name string
	Err  error // names it, too
}

func (e *EarlierError) Error() string { return e.Err.Error() }

// Unwrap gives the cause.
func (e *EarlierError) Unwrap() error { return e.Err }
