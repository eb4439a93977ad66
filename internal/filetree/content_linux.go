package filetree

import (
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

const block = 64 << 10

// fill writes content to an empty file. Blocks of zeros become holes.
func (w *Writer) fill(fd int, name string, content io.Reader) error {
	if content == nil {
		return nil
	}
	if w.scratch == nil {
		w.scratch = make([]byte, block)
	}
	var size, written int64
	for {
		n, err := io.ReadFull(content, w.scratch)
		if n > 0 && !zeros(w.scratch[:n]) {
			if err := writeAt(fd, w.scratch[:n], size); err != nil {
				return failed("write", name, err)
			}
			written = size + int64(n)
		}
		size += int64(n)
		switch {
		case err == io.EOF || err == io.ErrUnexpectedEOF: //nolint:errorlint // io.ReadFull returns them bare
			if written == size {
				return nil
			}
			if err := unix.Ftruncate(fd, size); err != nil {
				return failed("truncate", name, err)
			}
			return nil
		case err != nil:
			return err
		}
	}
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
