package atomicfile

import (
	"errors"
	"io/fs"
	"syscall"
)

// ReadFile is os.ReadFile for a small regular file, with less than half of its calls to the kernel: it does not ask
// whether the file can be polled, which no file that WriteFile made can. Whoever reads thousands notices.
func ReadFile(path string) ([]byte, error) {
	failed := func(op string, err error) ([]byte, error) {
		return nil, &fs.PathError{Op: op, Path: path, Err: err}
	}
	fd, err := retry(func() (int, error) { return syscall.Open(path, syscall.O_RDONLY|syscall.O_CLOEXEC, 0) })
	if err != nil {
		return failed("open", err)
	}
	defer syscall.Close(fd) //nolint:errcheck // read-only
	data := make([]byte, 0, 1024)
	for {
		n, err := retry(func() (int, error) { return syscall.Read(fd, data[len(data):cap(data)]) })
		if err != nil {
			return failed("read", err)
		}
		if n == 0 {
			return data, nil
		}
		if data = data[:len(data)+n]; len(data) == cap(data) {
			data = append(data, 0)[:len(data)]
		}
	}
}

func retry(call func() (int, error)) (int, error) {
	for {
		n, err := call()
		if !errors.Is(err, syscall.EINTR) {
			return n, err
		}
	}
}
