package filetree

import (
	"errors"
	"io/fs"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/storage"
)

// firstMode is what a new file is made with: what it shall have, if its owner is the caller already. Otherwise it has no
// permissions until it has its owner, as it may become a setuid program.
func (w *Writer) firstMode(a storage.Attr) uint32 {
	if w.opts.Owners && (a.UID != w.uid || a.GID != w.gid) {
		return 0o600
	}
	return uint32(a.Mode.Perm())
}

// setAttr sets those attributes of an open file or directory that it does not have yet: each is a change of its file system's
// journal. The owner comes first, because changing it takes setuid bits and capabilities away; the time comes
// last, because the others change it.
func (w *Writer) setAttr(fd int, name string, a storage.Attr) error {
	var is unix.Stat_t
	if err := unix.Fstat(fd, &is); err != nil {
		return failed("stat", name, err)
	}
	changed := false
	if w.opts.Owners && (int(is.Uid) != a.UID || int(is.Gid) != a.GID) {
		if err := unix.Fchown(fd, a.UID, a.GID); err != nil {
			return failed("chown", name, err)
		}
		changed = true
	}
	for _, key := range slices.Sorted(keys(a.Xattrs)) {
		if !w.opts.Layers && layerMark(key) {
			continue
		}
		if err := unix.Fsetxattr(fd, key, a.Xattrs[key], 0); err != nil && (w.opts.Owners || !privileged(key)) {
			return failed("setxattr "+key, name, err)
		}
		changed = true // a list of access rights changes them
	}
	if changed || is.Mode&0o7777 != sysMode(a.Mode) {
		if err := unix.Fchmod(fd, sysMode(a.Mode)); err != nil {
			return failed("chmod", name, err)
		}
	}
	if a.ModTime.IsZero() {
		return nil
	}
	t := times(a)
	if err := unix.UtimesNanoAt(fd, "", t[:], unix.AT_EMPTY_PATH); err != nil {
		tv := []unix.Timeval{unix.NsecToTimeval(a.ModTime.UnixNano()), unix.NsecToTimeval(a.ModTime.UnixNano())}
		if err := unix.Futimes(fd, tv); err != nil { // AT_EMPTY_PATH came with Linux 5.8
			return failed("chtimes", name, err)
		}
	}
	return nil
}

// setPathAttr is setAttr for what cannot be opened without an effect.
func (w *Writer) setPathAttr(at int, base, name string, a storage.Attr, mode bool) error {
	if w.opts.Owners {
		if err := unix.Fchownat(at, base, a.UID, a.GID, unix.AT_SYMLINK_NOFOLLOW); err != nil {
			return failed("chown", name, err)
		}
	}
	// Permissions of a link do not exist, and fchmodat follows one: only nodes, just made, get here.
	if mode && sysMode(a.Mode) != 0 {
		if err := unix.Fchmodat(at, base, sysMode(a.Mode), 0); err != nil {
			return failed("chmod", name, err)
		}
	}
	if !a.ModTime.IsZero() {
		t := times(a)
		if err := unix.UtimesNanoAt(at, base, t[:], unix.AT_SYMLINK_NOFOLLOW); err != nil {
			return failed("chtimes", name, err)
		}
	}
	return nil
}

func times(a storage.Attr) [2]unix.Timespec {
	t := unix.NsecToTimespec(a.ModTime.UnixNano())
	return [2]unix.Timespec{t, t}
}

// sysMode is the permissions of m with the bits that os.FileMode has elsewhere.
func sysMode(m fs.FileMode) uint32 {
	bits := uint32(m.Perm())
	if m&fs.ModeSetuid != 0 {
		bits |= syscall.S_ISUID
	}
	if m&fs.ModeSetgid != 0 {
		bits |= syscall.S_ISGID
	}
	if m&fs.ModeSticky != 0 {
		bits |= syscall.S_ISVTX
	}
	return bits
}

// layerMark tells attributes that steer an overlay mount from those that are content.
func layerMark(key string) bool {
	return strings.HasPrefix(key, "trusted.overlay.") || strings.HasPrefix(key, "user.overlay.")
}

// privileged tells attributes that only root can set.
func privileged(key string) bool {
	return strings.HasPrefix(key, "trusted.") || strings.HasPrefix(key, "security.")
}

// failed says what failed on which name.
func failed(op, name string, err error) error {
	return classified(&fs.PathError{Op: op, Path: name, Err: err})
}

// classified tells a full disk, and a missing right, from other errors.
func classified(err error) error {
	switch {
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT):
		return fault.New("", fault.NoSpace, "", err)
	case errors.Is(err, fs.ErrPermission):
		return fault.New("", fault.Denied, "", err)
	}
	return err
}
