package linuxns

import (
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"github.com/libioc/ioc/fault"
)

// executable is the running program, opened so that nobody who meets it in /proc can write it.
//
// A process of a jail sees the one that joins it, and through /proc/PID/exe the file that runs. Without
// a user namespace the jail's root is the host's, the link leads to the file wherever that is, and the next
// ioc command would run what was written (CVE-2019-5736). The kernel refuses to write a file that is
// being executed only as long as it is.
type executable struct {
	*os.File
	kept bool // the driver keeps it open
}

// Close gives the descriptor back, unless it is worth keeping.
func (e *executable) Close() {
	if !e.kept {
		_ = e.File.Close()
	}
}

// openSelf opens the program. Only a copy is made once and kept.
func (d *Driver) openSelf() (*executable, error) {
	e, err := mounted(ownProgram)
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EINVAL) {
		return d.copied()
	}
	return e, err
}

// ownProgram is the running program, whatever has become of its path.
const ownProgram = "/proc/self/exe"

// mounted opens a program through a mount of its own that is read-only and in no namespace: nothing
// inside a jail can change that. Without the right to mount that is unix.EPERM, and unix.EINVAL if the program
// was executed from memory or from another mount namespace: its mount is not ours to clone.
func mounted(path string) (*executable, error) {
	fd, err := unix.OpenTree(unix.AT_FDCWD, path, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	if err != nil {
		return nil, fault.New("open", fault.Unknown, "own program", err)
	}
	e := &executable{File: os.NewFile(uintptr(fd), "self")}
	attr := unix.MountAttr{Attr_set: readOnly | noSuid}
	if err := unix.MountSetattr(fd, "", unix.AT_EMPTY_PATH, &attr); err != nil {
		e.Close()
		return nil, fault.New("protect", fault.Unknown, "own program", err)
	}
	return e, nil
}

// copiedSelf opens a sealed copy of the program in memory, or the program itself if this user could not
// write it anyway: a jail of this user's cannot either.
func copiedSelf() (*executable, error) {
	fd, err := unix.Open(ownProgram, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fault.New("open", fault.Unknown, "own program", err)
	}
	file := os.NewFile(uintptr(fd), "self")
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err == nil && st.Uid != uint32(os.Geteuid()) && !writable(ownProgram) {
		return &executable{File: file, kept: true}, nil
	}
	defer file.Close()
	e, err := sealedCopy(file)
	if err != nil {
		return nil, err
	}
	e.kept = true
	return e, nil
}

// sealedCopy copies the program into memory that cannot change any more.
func sealedCopy(from *os.File) (*executable, error) {
	const mfdExec = 0x10 // MFD_EXEC, Linux 6.3
	fd, err := unix.MemfdCreate("ioc", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING|mfdExec)
	if errors.Is(err, unix.EINVAL) {
		fd, err = unix.MemfdCreate("ioc", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	}
	if err != nil {
		return nil, fault.New("copy", fault.Unknown, "own program", err)
	}
	e := &executable{File: os.NewFile(uintptr(fd), "self")}
	if _, err := io.Copy(e, from); err != nil {
		e.Close()
		return nil, fault.New("copy", fault.Unknown, "own program", err)
	}
	const seals = unix.F_SEAL_SEAL | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_WRITE
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, seals); err != nil {
		e.Close()
		return nil, fault.New("seal", fault.Unknown, "own program", err)
	}
	return e, nil
}
