package zfs

import "golang.org/x/sys/unix"

// mark is what a file system that is mounted cannot have kept if another one has taken its name: one that is made is
// younger, and one that is mounted again is another device. It tells that one is the same without a command; that it is another
// one, its GUID must.
type mark struct {
	dir     string // empty: there is none
	device  uint64
	file    uint64
	changed unix.Timespec
}

func markOf(dir string) mark {
	var st unix.Stat_t
	if unix.Lstat(dir, &st) != nil {
		return mark{}
	}
	return mark{dir, uint64(st.Dev), st.Ino, st.Ctim} //nolint:unconvert // it is not the same on all systems
}

// holds reports whether there is no doubt that the file system is the same.
func (m mark) holds() bool { return m.dir != "" && m == markOf(m.dir) }
