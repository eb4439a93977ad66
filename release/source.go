package release

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/storage"
)

// Source is where a root file system comes from.
type Source interface {
	// String names it for people.
	String() string
	// Digest identifies what Write would write, if that is known or can be found out without losing
	// anything; otherwise it is empty.
	Digest(ctx context.Context) (string, error)
	// Write writes the root file system to t.
	Write(ctx context.Context, t Target) (Written, error)
}

// Preparer is a Source that has to be got from somewhere before it can be written.
type Preparer interface {
	Source
	// Prepare gets what is missing, in steps below s, and gives what is to be written then. Nothing has
	// been staged by that time. It leaves nothing but downloads, from which it goes on the next time.
	Prepare(s events.Step) (Source, error)
}

// Builder is a Source whose files are made in the directory where they are to lie, by another program. It is
// asked for Build, and not for Write, where there is such a directory.
type Builder interface {
	Source
	// Build makes the files in steps below s. The directory is empty, and goes if Build fails.
	Build(s events.Step, t Target) (Written, error)
}

// Target is what a Source writes to.
type Target struct {
	Tree   storage.Tree
	Dir    string // the same as a directory of the host; empty: there is none
	Policy Policy
	Read   io.Writer // is given what is read of a single archive, as it is read; nil: nobody wants it
	// Progress is to be called now and then, on Write's goroutine. Total is 0 if it is not known. An
	// error ends the import.
	Progress func(done, total int64) error
}

// Written is what a Source tells of what it wrote.
type Written struct {
	Digest string // "sha256:...", of what was read
	Title  string // for people
	Arch   string // as Go names it
	Bytes  int64
	Files  int64
	Left   int64 // device nodes that were left out
	Image  *Image
}

// Image is how the programs of a release are meant to be run, where whoever made it has said so. Empty
// fields say nothing.
type Image struct {
	Entrypoint []string `json:"entrypoint,omitempty"` // comes before whatever is to be run
	Command    []string `json:"command,omitempty"`    // is run if nothing is asked for
	Env        []string `json:"env,omitempty"`        // "NAME=value"
	User       string   `json:"user,omitempty"`       // "name", "name:group" or numbers
	Dir        string   `json:"dir,omitempty"`
}

// File is an archive in a file; "-" and names of pipes are as good as any.
func File(path string) Source { return file(path) }

type file string

func (f file) String() string { return string(f) }

func (f file) open() (*os.File, int64, error) {
	r, err := os.Open(string(f))
	if err != nil {
		kind := fault.Unknown
		switch {
		case errors.Is(err, fs.ErrNotExist):
			kind = fault.NotFound
		case errors.Is(err, fs.ErrPermission):
			kind = fault.Denied
		}
		return nil, 0, fault.New("import", kind, string(f), errors.Unwrap(err))
	}
	info, err := r.Stat()
	if err == nil && info.IsDir() {
		err = fault.New("import", fault.Invalid, string(f), errors.New("it is a directory, not an archive"))
	}
	if err != nil {
		return nil, 0, errors.Join(err, r.Close())
	}
	if !info.Mode().IsRegular() {
		return r, 0, nil
	}
	return r, info.Size(), nil
}

func (f file) Digest(ctx context.Context) (string, error) {
	r, size, err := f.open()
	if err != nil {
		return "", err
	}
	defer r.Close() //nolint:errcheck // read-only
	if size == 0 {
		return "", nil // what is read from a pipe is gone
	}
	h := sha256.New()
	if _, err := io.Copy(h, &input{r: r, ctx: ctx}); err != nil {
		return "", err
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil)), nil
}

func (f file) Write(ctx context.Context, t Target) (Written, error) {
	r, size, err := f.open()
	if err != nil {
		return Written{}, err
	}
	got, err := extract(ctx, r, size, t)
	return got, errors.Join(err, r.Close())
}

// Reader is an archive that is read once; name is for people.
func Reader(name string, r io.Reader) Source { return &reader{name, r} }

type reader struct {
	name string
	r    io.Reader
}

func (r *reader) String() string                         { return r.name }
func (r *reader) Digest(context.Context) (string, error) { return "", nil }
func (r *reader) Write(ctx context.Context, t Target) (Written, error) {
	return extract(ctx, r.r, 0, t)
}

// Directory is a source that writes to a directory of the host by itself and is trusted: the release
// that comes with ioc. In a world that has no directories nothing is written.
func Directory(name, digest string, unpack func(ctx context.Context, dir string, progress func(done, total int64) error) (Written, error)) Source {
	return &directory{name, digest, unpack}
}

type directory struct {
	name, digest string
	unpack       func(ctx context.Context, dir string, progress func(done, total int64) error) (Written, error)
}

func (d *directory) String() string                         { return d.name }
func (d *directory) Digest(context.Context) (string, error) { return d.digest, nil }

func (d *directory) Write(ctx context.Context, t Target) (Written, error) {
	if t.Dir == "" {
		return Written{Digest: d.digest}, nil
	}
	got, err := d.unpack(ctx, t.Dir, t.Progress)
	if got.Digest == "" {
		got.Digest = d.digest
	}
	return got, err
}
