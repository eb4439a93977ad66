package transfer

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/libioc/ioc/fault"
)

// HostSource is a path of the host, as its user means it: links on the way are followed wherever they lead.
func HostSource(name string) (Source, error) {
	contents := name == "." || strings.HasSuffix(name, "/.")
	path, err := filepath.Abs(name)
	if err == nil && contents {
		path, err = filepath.EvalSymlinks(path)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Source{}, fault.New("copy", fault.NotFound, name, nil)
	case err != nil:
		return Source{}, err
	case contents:
		return Source{Place: Place{Host: path}, Path: "/."}, nil
	case path == "/":
		return Source{}, fault.New("copy", fault.Invalid, name, errors.New("that is all of the host"))
	}
	return Source{Place: Place{Host: filepath.Dir(path)}, Path: filepath.Base(path)}, nil
}

// HostGoal is where on the host a copy goes, and its path there.
func HostGoal(name string) (Place, string, error) {
	path, err := filepath.Abs(name)
	if err != nil {
		return Place{}, "", err
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return Place{Host: path}, ".", nil
	}
	base := filepath.Base(path)
	if strings.HasSuffix(name, "/") {
		base += "/"
	}
	dir := filepath.Dir(path)
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return Place{}, "", fault.New("copy", fault.NotFound, dir, errors.New("there is no such directory"))
	}
	return Place{Host: dir}, base, nil
}

// Caller are options with which everything belongs to who runs this program.
func Caller() Options { return Options{UID: os.Geteuid(), GID: os.Getegid()} }
