package filetree

import (
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

const block = 64 << 10

// write writes content to an empty file.
func (w *Writer) write(fd int, name string, content io.Reader) error {
	if content == nil {
		return nil
	}
	if w.scratch == nil {
		w.scratch = make([]byte, block)
	}
	f := fill{early: &w.early}
	for {
		n, err := io.ReadFull(content, w.scratch)
		if err := f.add(fd, name, w.scratch[:n]); err != nil {
			return err
		}
		switch {
		case err == io.EOF || err == io.ErrUnexpectedEOF: //nolint:errorlint // io.ReadFull returns them bare
			return f.end(fd, name)
		case err != nil:
			return err
		}
	}
}

// fill is how far an empty file was filled. Blocks of zeros become holes.
type fill struct {
	early         *early
	size, written int64
}

func (f *fill) add(fd int, name string, p []byte) error {
	if len(p) > 0 && !zeros(p) {
		if err := writeAt(fd, p, f.size); err != nil {
			return failed("write", name, err)
		}
		f.written = f.size + int64(len(p))
		f.early.wrote(len(p))
	}
	f.size += int64(len(p))
	return nil
}

func (f *fill) end(fd int, name string) error {
	if f.written == f.size {
		return nil
	}
	if err := unix.Ftruncate(fd, f.size); err != nil {
		return failed("truncate", name, err)
	}
	return nil
}

func writeAt(fd int, p []byte, at int64) error {
	for len(p) > 0 {
		n, err := unix.Pwrite(fd, p, at)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return err
		}
		p, at = p[n:], at+int64(n)
	}
	return nil
}

// cloneContent gives dst the content of src: shared where the file system can, else by the kernel. Holes stay
// holes.
func cloneContent(dst, src *os.File) error {
	if err := unix.IoctlFileClone(int(dst.Fd()), int(src.Fd())); err == nil {
		return nil
	}
	info, err := src.Stat()
	if err != nil {
		return err
	}
	for at := int64(0); at < info.Size(); {
		data, err := unix.Seek(int(src.Fd()), at, unix.SEEK_DATA)
		if err == unix.ENXIO { // a hole up to the end
			break
		}
		end := info.Size()
		if err != nil {
			data = at // the file system does not tell holes
		} else if hole, err := unix.Seek(int(src.Fd()), data, unix.SEEK_HOLE); err == nil {
			end = hole
		}
		if _, err := src.Seek(data, io.SeekStart); err != nil {
			return err
		}
		if _, err := dst.Seek(data, io.SeekStart); err != nil {
			return err
		}
		// io.CopyN asks dst to read from src, which is copy_file_range.
		if _, err := io.CopyN(dst, src, end-data); err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		at = end
	}
	return dst.Truncate(info.Size())
}

func zeros(p []byte) bool {
	for _, b := range p {
		if b != 0 {
			return false
		}
	}
	return true
}
