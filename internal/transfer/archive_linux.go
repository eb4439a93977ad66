package transfer

import (
	"archive/tar"
	"context"
	"errors"
	"io"
	"path"

	"golang.org/x/sys/unix"

	"github.com/libioc/ioc/internal/filetree"
	"github.com/libioc/ioc/sandbox"
)

// Archive writes the source to w as a tar stream, names beginning with the source's own. It changes nothing.
func Archive(ctx context.Context, o sandbox.Opener, from Source, w io.Writer) error {
	parent, base, err := from.find(ctx, o)
	if err != nil {
		return err
	}
	defer parent.Close() //nolint:errcheck // read-only
	out := tar.NewWriter(w)
	names := map[[2]uint64]string{}
	err = filetree.WalkFrom(ctx, parent, base, func(e *filetree.Entry) error {
		return add(out, e, path.Join(base, e.Name), names)
	})
	if errors.Is(err, unix.ENOENT) {
		return classified("copy", from.Path, err)
	}
	if err != nil {
		return err
	}
	return out.Close()
}

// add writes one entry. names are the first names of files with several.
func add(out *tar.Writer, e *filetree.Entry, name string, names map[[2]uint64]string) error {
	a, err := e.Attr()
	if err != nil {
		return err
	}
	h := &tar.Header{
		Name: name, Mode: int64(e.Stat.Mode & 0o7777), Uid: a.UID, Gid: a.GID, ModTime: a.ModTime,
		Format: tar.FormatPAX, PAXRecords: map[string]string{},
	}
	for key, value := range a.Xattrs {
		h.PAXRecords["SCHILY.xattr."+key] = string(value)
	}
	id := [2]uint64{e.Stat.Dev, e.Stat.Ino}
	if first, ok := names[id]; ok && !e.IsDir() {
		h.Typeflag, h.Linkname = tar.TypeLink, first
		return out.WriteHeader(h)
	}
	switch e.Stat.Mode & unix.S_IFMT {
	case unix.S_IFDIR:
		h.Typeflag, h.Name = tar.TypeDir, name+"/"
	case unix.S_IFLNK:
		h.Typeflag = tar.TypeSymlink
		if h.Linkname, err = e.Readlink(); err != nil {
			return err
		}
	case unix.S_IFREG:
		h.Typeflag, h.Size = tar.TypeReg, e.Stat.Size
	case unix.S_IFIFO:
		h.Typeflag = tar.TypeFifo
	default:
		return nil // sockets and devices mean nothing elsewhere
	}
	if e.Stat.Nlink > 1 {
		names[id] = name
	}
	if err := out.WriteHeader(h); err != nil || h.Typeflag != tar.TypeReg {
		return err
	}
	f, err := e.Open()
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // read-only
	// As much as the header says: a file that grows meanwhile is cut, one that shrinks is filled up.
	n, err := io.CopyN(out, f, h.Size)
	if errors.Is(err, io.EOF) {
		_, err = io.CopyN(out, zeros{}, h.Size-n)
	}
	return err
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}
