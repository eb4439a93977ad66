//go:build unix

package storagetest

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/libioc/ioc/storage"
)

// Apply does edits in a directory.
func Apply(dir string, edits []Edit) error {
	for _, e := range edits {
		if err := apply(dir, e); err != nil && !e.May {
			return fmt.Errorf("%s %s: %w", e.Op, e.Path, err)
		}
	}
	return nil
}

func apply(dir string, e Edit) error {
	if !storage.ValidPath(e.Path) {
		return fs.ErrInvalid
	}
	path, to := filepath.Join(dir, e.Path), filepath.Join(dir, e.To)
	switch e.Op {
	case Write:
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0o644)
		if err != nil {
			return err
		}
		_, err = f.Write(e.Data)
		return errors.Join(err, f.Close())
	case Mkdir:
		return os.Mkdir(path, 0o755)
	case Remove:
		return os.RemoveAll(path)
	case Rename:
		return rename(path, to)
	case Symlink:
		return os.Symlink(e.To, path)
	case Link:
		return os.Link(to, path)
	case Chmod:
		if info, err := os.Lstat(path); err != nil || info.Mode()&fs.ModeSymlink != 0 {
			return errors.Join(err, fs.ErrInvalid)
		}
		return os.Chmod(path, e.Mode)
	case Chown:
		return os.Lchown(path, e.UID, e.GID)
	case Fifo:
		return unix.Mkfifo(path, 0o600)
	case Xattr:
		return unix.Lsetxattr(path, e.To, e.Data, 0)
	default:
		return fmt.Errorf("unknown edit %q", e.Op)
	}
}

// rename does what mv does: a directory of a lower layer cannot be renamed, but copied.
func rename(from, to string) error {
	err := os.Rename(from, to)
	if !errors.Is(err, unix.EXDEV) {
		return err
	}
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		return err
	}
	return os.RemoveAll(from)
}

// Look gives the files of a directory, one line each: all that a jail can see of them but the times
// of directories, and which names are links to one file.
func Look(dir string) ([]string, error) { return list(dir, false, func(string) bool { return false }) }

// Everything is Look with all that can be seen from outside, the marks of layers too, but without
// the files for which skip returns true, and what is in them.
func Everything(dir string, skip func(name string) bool) ([]string, error) {
	return list(dir, true, skip)
}

func list(dir string, all bool, skip func(name string) bool) ([]string, error) {
	var lines []string
	first := map[[2]uint64]string{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		name, _ := filepath.Rel(dir, path)
		if skip(name) {
			return fs.SkipDir
		}
		if err != nil {
			return err
		}
		var st unix.Stat_t // one look: through FUSE each is dear
		if err := unix.Lstat(path, &st); err != nil {
			return err
		}
		line := fmt.Sprintf("%q %v %d:%d", name, mode(entry.Type(), &st), st.Uid, st.Gid)
		what, err := content(path, entry.Type(), &st)
		if err != nil {
			return err
		}
		line += what
		x, err := xattrs(path, all)
		if err != nil {
			return err
		}
		line += x
		if st.Nlink > 1 && !entry.IsDir() {
			id := [2]uint64{uint64(st.Dev), st.Ino} //nolint:unconvert // of another size elsewhere
			if was, ok := first[id]; ok {
				line += fmt.Sprintf(" = %q", was)
			} else {
				first[id] = name
			}
		}
		lines = append(lines, line)
		return nil
	})
	slices.Sort(lines)
	return lines, err
}

// mode is that of a file of a type.
func mode(of fs.FileMode, st *unix.Stat_t) fs.FileMode {
	of |= fs.FileMode(st.Mode) & fs.ModePerm
	for bit, is := range map[uint32]fs.FileMode{unix.S_ISUID: fs.ModeSetuid, unix.S_ISGID: fs.ModeSetgid, unix.S_ISVTX: fs.ModeSticky} {
		if uint32(st.Mode)&bit != 0 { //nolint:unconvert // of another size elsewhere
			of |= is
		}
	}
	return of
}

func content(path string, of fs.FileMode, st *unix.Stat_t) (string, error) {
	switch of {
	case 0:
		f, err := os.Open(path)
		if err != nil {
			return "", err
		}
		defer f.Close() //nolint:errcheck // read-only
		h := sha256.New()
		n, err := io.Copy(h, f)
		return fmt.Sprintf(" %d %x %s", n, h.Sum(nil)[:6], time.Unix(st.Mtim.Unix()).UTC().Format("2006-01-02T15:04:05.999999999")), err
	case fs.ModeSymlink:
		target, err := os.Readlink(path)
		return fmt.Sprintf(" -> %q", target), err
	case fs.ModeDevice, fs.ModeDevice | fs.ModeCharDevice:
		return fmt.Sprintf(" %d", st.Rdev), nil
	default:
		return "", nil
	}
}

func xattrs(path string, all bool) (string, error) {
	n, err := unix.Llistxattr(path, nil)
	if err != nil || n == 0 {
		if errors.Is(err, unix.ENOTSUP) {
			err = nil
		}
		return "", err
	}
	names := make([]byte, n)
	if n, err = unix.Llistxattr(path, names); err != nil {
		return "", err
	}
	var text []string
	for name := range bytes.SplitSeq(bytes.Trim(names[:n], "\x00"), []byte{0}) {
		key := string(name)
		mark := strings.HasPrefix(key, "user.overlay.") || !strings.HasPrefix(key, "user.") && key != "security.capability"
		if len(key) == 0 || mark && !all {
			continue
		}
		value := make([]byte, 64<<10)
		n, err := unix.Lgetxattr(path, key, value)
		if err != nil {
			return "", err
		}
		text = append(text, fmt.Sprintf(" %s=%q", key, value[:n]))
	}
	slices.Sort(text)
	return strings.Join(text, ""), nil
}
