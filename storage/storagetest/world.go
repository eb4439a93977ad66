package storagetest

import (
	"encoding/json"
	"io/fs"
	"os"
	"reflect"
	"testing"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/storage"
)

// World is an empty root of a driver, made for one test and removed with it.
type World interface {
	// Driver gives a handle on the world; each call a new one, as another process would have it.
	Driver(t testing.TB) storage.Driver
	// Register makes the driver's effects known, bound to this world.
	Register(r *events.Registry)
	// Edit changes files of a jail as a process in it would.
	Edit(t testing.TB, d storage.Dataset, edits ...Edit)
	// Look gives d's files as Look of a directory does.
	Look(t testing.TB, d storage.Dataset) []string
	// State gives all that is kept, to the byte, in any form that can be compared. Times of
	// directories do not count.
	State(t testing.TB) []string
}

// Crasher is implemented by worlds that live outside the process.
type Crasher interface {
	// Crash lets a child process run Child with job on its standard input, and reports whether
	// it came to its end; otherwise it has killed itself.
	Crash(t testing.TB, job []byte) (finished bool)
}

// Slow is implemented by worlds in which a change takes so long that an ordinary run has only a part of the suite. A
// long run (IOC_LONG) has all of it.
type Slow interface{ Slow() Spared }

// Spared is what an ordinary run leaves out of the suite.
type Spared int

const (
	Nothing Spared = iota
	Points         // each effect is killed at one point of Do and one of Undo, another one in each scene; one random player plays
	Tests          // and tests and scenes that are not named thin are left out
)

// spared is what a run in w leaves out.
func spared(w World) Spared {
	slow, ok := w.(Slow)
	if !ok || os.Getenv("IOC_LONG") != "" {
		return Nothing
	}
	return slow.Slow()
}

// thin reports whether tests and scenes are left out.
func thin(w World) bool { return spared(w) >= Tests }

// Op is what an Edit does.
type Op string

// The edits. All but Link and Rename do not follow a symbolic link at Path.
const (
	Write   Op = "write" // replaces the content in place, or makes the file
	Mkdir   Op = "mkdir"
	Remove  Op = "remove" // with all that is in it; nothing there is no error
	Rename  Op = "rename" // To is the new name
	Symlink Op = "symlink"
	Link    Op = "link" // To is the existing file
	Chmod   Op = "chmod"
	Chown   Op = "chown"
	Fifo    Op = "fifo"
	Xattr   Op = "xattr" // To is the name, Data the value
)

// Edit is one change of a file, as data: it may be done by another process.
type Edit struct {
	Op       Op
	Path     string // slash-separated, relative to the root
	To       string
	Data     []byte
	Mode     fs.FileMode
	UID, GID int
	May      bool // it may fail
}

// encode gives e's registered name and its parameters, for those who have to send it elsewhere.
func encode(t testing.TB, w World, e events.Effect) (name string, params []byte) {
	t.Helper()
	r := events.NewRegistry()
	w.Register(r)
	for _, name := range r.Names() {
		// The registry goes from names to types only; "{}" is a value of each.
		if zero, err := r.Decode(name, []byte("{}")); err == nil && reflect.TypeOf(zero) == reflect.TypeOf(e) {
			params, err := json.Marshal(e)
			if err != nil {
				t.Fatalf("encode %s: %v", name, err)
			}
			return name, params
		}
	}
	t.Fatalf("%T is not registered", e)
	return "", nil
}

// decode gives the effect as another process would have it.
func decode(t testing.TB, w World, name string, params []byte) events.Effect {
	t.Helper()
	r := events.NewRegistry()
	w.Register(r)
	e, err := r.Decode(name, params)
	if err != nil {
		t.Fatalf("decode %s: %v", name, err)
	}
	return e
}
