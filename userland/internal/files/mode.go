//go:build linux

package files

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// modeString writes a mode as ls does: drwxr-xr-x.
func modeString(mode uint32) string {
	b := []byte("?rwxrwxrwx")
	switch mode & syscall.S_IFMT {
	case syscall.S_IFREG:
		b[0] = '-'
	case syscall.S_IFDIR:
		b[0] = 'd'
	case syscall.S_IFLNK:
		b[0] = 'l'
	case syscall.S_IFCHR:
		b[0] = 'c'
	case syscall.S_IFBLK:
		b[0] = 'b'
	case syscall.S_IFIFO:
		b[0] = 'p'
	case syscall.S_IFSOCK:
		b[0] = 's'
	}
	for i := range 9 {
		if mode&(1<<(8-i)) == 0 {
			b[1+i] = '-'
		}
	}
	special := func(bit uint32, at int, c byte) {
		if mode&bit == 0 {
			return
		}
		if b[at] == '-' {
			c -= 'a' - 'A'
		}
		b[at] = c
	}
	special(syscall.S_ISUID, 3, 's')
	special(syscall.S_ISGID, 6, 's')
	special(syscall.S_ISVTX, 9, 't')
	return string(b)
}

// ParseMode applies a mode such as 755, u+x or go=rX to an old one. Only the permission bits are used.
func ParseMode(s string, old uint32, dir bool, umask uint32) (uint32, error) {
	if n, err := strconv.ParseUint(s, 8, 16); err == nil {
		if n > 0o7777 {
			return 0, fmt.Errorf("bad mode %q", s)
		}
		return uint32(n), nil
	}
	mode := old & 0o7777
	for clause := range strings.SplitSeq(s, ",") {
		var err error
		if mode, err = applyClause(clause, mode, dir, umask); err != nil {
			return 0, fmt.Errorf("bad mode %q", s)
		}
	}
	return mode, nil
}

func applyClause(clause string, mode uint32, dir bool, umask uint32) (uint32, error) {
	who := uint32(0)
	i := 0
	for ; i < len(clause); i++ {
		switch clause[i] {
		case 'u':
			who |= 0o4700
			continue
		case 'g':
			who |= 0o2070
			continue
		case 'o':
			who |= 0o1007
			continue
		case 'a':
			who |= 0o7777
			continue
		}
		break
	}
	masked := uint32(0)
	if who == 0 {
		who, masked = 0o7777, umask
	}
	if i == len(clause) {
		return 0, strconv.ErrSyntax
	}
	for i < len(clause) {
		op := clause[i]
		if op != '+' && op != '-' && op != '=' {
			return 0, strconv.ErrSyntax
		}
		bits := uint32(0)
		for i++; i < len(clause) && strings.IndexByte("+-=", clause[i]) < 0; i++ {
			switch clause[i] {
			case 'r':
				bits |= 0o444
			case 'w':
				bits |= 0o222
			case 'x':
				bits |= 0o111
			case 'X':
				if dir || mode&0o111 != 0 {
					bits |= 0o111
				}
			case 's':
				bits |= 0o6000
			case 't':
				bits |= 0o1000
			case 'u':
				bits |= mode >> 6 & 7 * 0o111
			case 'g':
				bits |= mode >> 3 & 7 * 0o111
			case 'o':
				bits |= mode & 7 * 0o111
			default:
				return 0, strconv.ErrSyntax
			}
		}
		bits &= who &^ masked
		switch op {
		case '+':
			mode |= bits
		case '-':
			mode &^= bits
		case '=':
			keep := ^who
			if dir {
				keep |= 0o6000 // set-id bits of directories go only when named
			}
			mode = mode&keep | bits
		}
	}
	return mode, nil
}

// umask reads the process's umask, which Linux shows without having to set it.
func umask() uint32 {
	text, err := os.ReadFile("/proc/self/status")
	if err == nil {
		if _, rest, ok := strings.Cut(string(text), "\nUmask:"); ok {
			if n, err := strconv.ParseUint(strings.TrimSpace(rest[:strings.IndexByte(rest, '\n')]), 8, 32); err == nil {
				return uint32(n)
			}
		}
	}
	old := syscall.Umask(0o22)
	syscall.Umask(old)
	return uint32(old)
}

func sysStat(fi os.FileInfo) *syscall.Stat_t { return fi.Sys().(*syscall.Stat_t) }
