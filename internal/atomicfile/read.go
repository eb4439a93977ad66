package atomicfile

import (
	"errors"
	"io/fs"
	"syscall"
)

// ReadFile is os.ReadFile for a small regular file, with less than half of its calls to the kernel: it does not ask
// whether the file can be polled, which no file that WriteFile made can. It takes no more memory than the file
// has bytes. Whoever reads thousands notices.
func ReadFile(path string) ([]byte, error) {
	failed := func(op string, err error) ([]byte, error) {
		return nil, &fs.PathError{Op: op, Path: path, Err: err}
	}
	fd, err := open(path)
	if err != nil {
		return failed("open", err)
	}
	defer syscall.Close(fd) //nolint:errcheck // read-only
	var few [1024]byte
	data := []byte{}
	for {
		n, err := read(fd, few[:])
		if err != nil {
			return failed("read", err)
		}
		data = append(data, few[:n]...)
		if n < len(few) { // a regular file gives less only at its end
			return data, nil
		}
	}
}

func open(path string) (int, error) {
	for {
		fd, err := syscall.Open(path, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
		if !errors.Is(err, syscall.EINTR) {
			return fd, err
		}
	}
}

func read(fd int, p []byte) (int, error) {
	for {
		n, err := syscall.Read(fd, p)
		if !errors.Is(err, syscall.EINTR) {
			return n, err
		}
	}
}
