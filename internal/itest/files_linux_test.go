package itest

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// files are all below the root but the journal's slots, the history and what the kernel keeps for an overlay: with
// type, mode, owner, attributes and content, and the time of those that are older than these tests. A jail's console
// log is no state: what was said stays said.
func (w *world) files() error {
	var lines []string
	err := filepath.WalkDir(w.root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(w.root, path)
		if err != nil {
			return err
		}
		switch parts := strings.Split(name, "/"); {
		case name == "id", strings.HasPrefix(parts[len(parts)-1], "console.log"), parts[0] == "journal" && len(parts) == 2 && strings.HasPrefix(parts[1], "slot-"):
			return nil
		case name == "cache": // a download stays, whatever becomes of what it is for
			return fs.SkipDir
		case name == "history": // it tells what was done, and is no part of what is to be as before
			return fs.SkipDir
		case parts[0] == "layers" && len(parts) == 4 && parts[2] == "work":
			return fs.SkipDir
		}
		line, err := w.file(path, name)
		lines = append(lines, w.plain(line))
		return err
	})
	slices.Sort(lines)
	w.lines = append(w.lines, lines...)
	return err
}

// text is what has ids and times in it; everything else is compared byte by byte.
func text(name string) bool {
	parts := strings.Split(name, "/")
	return len(parts) == 3 && (parts[0] == "jails" || parts[0] == "releases")
}

func (w *world) file(path, name string) (string, error) {
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		return "", &fs.PathError{Op: "lstat", Path: path, Err: err}
	}
	line := fmt.Sprintf("file %s %o %d:%d", name, st.Mode, st.Uid, st.Gid)
	if when := time.Unix(st.Mtim.Unix()); when.Year() < 2020 && !strings.HasPrefix(name, "run/") {
		line += when.UTC().Format(" 2006-01-02T15.04.05.000")
	}
	marks, err := attributes(path)
	if err != nil {
		return "", err
	}
	line += marks
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFLNK:
		target, err := os.Readlink(path)
		return line + " -> " + target, err
	case unix.S_IFCHR, unix.S_IFBLK:
		return fmt.Sprintf("%s device %x", line, st.Rdev), nil
	case unix.S_IFREG:
		content, err := os.ReadFile(path)
		switch {
		case err != nil:
			return "", err
		case strings.HasPrefix(name, "run/"), strings.HasPrefix(name, "journal/"):
			return line, nil // records and processes have said it
		case text(name):
			return line + " " + string(bytes.TrimSpace(content)), nil
		}
		return fmt.Sprintf("%s %d bytes %x", line, len(content), sha256.Sum256(content)), nil
	}
	return line, nil
}

// attributes lists the extended ones. Of an overlay's marks one says something about the files; the others
// are notes of the kernel's, which a first mount makes.
func attributes(path string) (string, error) {
	buf := make([]byte, 4096)
	n, err := unix.Llistxattr(path, buf)
	if errors.Is(err, unix.ENOTSUP) {
		return "", nil
	}
	if err != nil {
		return "", &fs.PathError{Op: "listxattr", Path: path, Err: err}
	}
	names := strings.Split(strings.TrimRight(string(buf[:n]), "\x00"), "\x00")
	slices.Sort(names)
	all := ""
	for _, name := range names {
		if name == "" || strings.Contains(name, ".overlay.") && !strings.HasSuffix(name, ".opaque") {
			continue
		}
		value := make([]byte, 4096)
		n, err := unix.Lgetxattr(path, name, value)
		if err != nil {
			return "", &fs.PathError{Op: "getxattr " + name, Path: path, Err: err}
		}
		all += fmt.Sprintf(" %s=%q", name, value[:n])
	}
	return all, nil
}
