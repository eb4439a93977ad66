package filetree

import (
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

const block = 64 << 10

// fill writes content to f: shared with the source where the file system can, else by the kernel,
// else through memory. Holes of a file stay holes; blocks of zeros from elsewhere become holes.
func (w *Writer) fill(f *os.File, content io.Reader) error {
	if content == nil {
		return nil
	}
	if src, ok := content.(*os.File); ok {
		return cloneContent(f, src)
	}
	if w.scratch == nil {
		w.scratch = make([]byte, block)
	}
	var size int64
	for {
		n, err := io.ReadFull(content, w.scratch)
		if n > 0 && !zeros(w.scratch[:n]) {
			if _, err := f.WriteAt(w.scratch[:n], size); err != nil {
				return err
			}
		}
		size += int64(n)
		switch {
		case err == io.EOF || err == io.ErrUnexpectedEOF: //nolint:errorlint // io.ReadFull returns them bare
			return f.Truncate(size)
		case err != nil:
			return err
		}
	}
}

// cloneContent gives dst the content of src.
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
