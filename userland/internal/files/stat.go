//go:build linux

package files

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/libioc/ioc/userland/internal/account"
	"github.com/libioc/ioc/userland/internal/applet"
	"golang.org/x/sys/unix"
)

func stat(_ context.Context, p *applet.Proc) error {
	o := p.Options()
	follow := o.Flag("L dereference", "show what symbolic links point at")
	system := o.Flag("f file-system", "show the file system that the files are in")
	format := o.String("c format", "FORMAT", "", "print FORMAT for each file, with %n name, %s size, %a mode, %A mode as\nletters, %F type, %u %U owner, %g %G group, %h links, %i inode, %d device,\n%b blocks, %B their size, %x %y %z times, %X %Y %Z in seconds, %N name with target")
	args, err := o.Parse()
	if err != nil {
		return err
	}
	if len(args) == 0 {
		return applet.Usagef("a file is needed")
	}
	var names account.Names
	for _, name := range args {
		if *system {
			if err := statFS(p, name, *format); err != nil {
				p.Fail(name, err)
			}
			continue
		}
		fi, err := os.Lstat(p.Path(name))
		if err == nil && *follow {
			fi, err = os.Stat(p.Path(name))
		}
		if err != nil {
			p.Fail(name, err)
			continue
		}
		text := *format
		if text == "" {
			text = "  File: %N\n  Size: %-10s\tBlocks: %-10b IO Block: %-6o %F\nDevice: %Dh/%dd\tInode: %-11i Links: %h\n" +
				"Access: (%04a/%10.10A)  Uid: (%5u/%8U)   Gid: (%5g/%8G)\nAccess: %x\nModify: %y\nChange: %z"
		}
		s := statOf{name, p.Path(name), fi, sysStat(fi), &names}
		p.Println(directives(text, s.field))
	}
	return nil
}

// directives replaces %x and %-10.5x in a format by what field says about x.
func directives(format string, field func(c byte) string) string {
	var b strings.Builder
	for i := 0; i < len(format); i++ {
		c := format[i]
		if c == '\\' && i+1 < len(format) {
			i++
			switch format[i] {
			case 'n':
				b.WriteByte('\n')
			case 't':
				b.WriteByte('\t')
			default:
				b.WriteByte(format[i])
			}
			continue
		}
		if c != '%' {
			b.WriteByte(c)
			continue
		}
		j := i + 1
		for j < len(format) && strings.IndexByte("-0123456789.", format[j]) >= 0 {
			j++
		}
		if j == len(format) {
			b.WriteString(format[i:])
			break
		}
		spec := format[i:j]
		if format[j] == '%' {
			b.WriteByte('%')
		} else {
			text := field(format[j])
			if n, err := strconv.ParseUint(text, 10, 64); err == nil && strings.HasPrefix(spec, "%0") {
				fmt.Fprintf(&b, spec+"d", n)
			} else {
				fmt.Fprintf(&b, spec+"s", text)
			}
		}
		i = j
	}
	return b.String()
}

type statOf struct {
	name, path string
	fi         os.FileInfo
	st         *syscall.Stat_t
	names      *account.Names
}

func (s statOf) field(c byte) string {
	st := s.st
	stamp := func(ts syscall.Timespec) string {
		return time.Unix(ts.Unix()).Format("2006-01-02 15:04:05.000000000 -0700")
	}
	switch c {
	case 'n':
		return s.name
	case 'N':
		if target, err := os.Readlink(s.path); err == nil && s.fi.Mode()&os.ModeSymlink != 0 {
			return s.name + " -> " + target
		}
		return s.name
	case 's':
		return strconv.FormatInt(st.Size, 10)
	case 'a':
		return strconv.FormatUint(uint64(st.Mode&0o7777), 8)
	case 'A':
		return modeString(st.Mode)
	case 'f':
		return strconv.FormatUint(uint64(st.Mode), 16)
	case 'F':
		return kindOf(st)
	case 'u':
		return strconv.FormatUint(uint64(st.Uid), 10)
	case 'U':
		return s.names.UserName(int(st.Uid))
	case 'g':
		return strconv.FormatUint(uint64(st.Gid), 10)
	case 'G':
		return s.names.GroupName(int(st.Gid))
	case 'h':
		return strconv.FormatUint(uint64(st.Nlink), 10)
	case 'i':
		return strconv.FormatUint(st.Ino, 10)
	case 'd':
		return strconv.FormatUint(st.Dev, 10)
	case 'D':
		return strconv.FormatUint(st.Dev, 16)
	case 'b':
		return strconv.FormatInt(st.Blocks, 10)
	case 'B':
		return "512"
	case 'o':
		return strconv.FormatInt(int64(st.Blksize), 10)
	case 't':
		return strconv.FormatUint(uint64(unix.Major(st.Rdev)), 16)
	case 'T':
		return strconv.FormatUint(uint64(unix.Minor(st.Rdev)), 16)
	case 'x':
		return stamp(st.Atim)
	case 'y':
		return stamp(st.Mtim)
	case 'z':
		return stamp(st.Ctim)
	case 'X':
		return strconv.FormatInt(int64(st.Atim.Sec), 10)
	case 'Y':
		return strconv.FormatInt(int64(st.Mtim.Sec), 10)
	case 'Z':
		return strconv.FormatInt(int64(st.Ctim.Sec), 10)
	}
	return "?"
}

func kindOf(st *syscall.Stat_t) string {
	switch st.Mode & syscall.S_IFMT {
	case syscall.S_IFDIR:
		return "directory"
	case syscall.S_IFLNK:
		return "symbolic link"
	case syscall.S_IFCHR:
		return "character special file"
	case syscall.S_IFBLK:
		return "block special file"
	case syscall.S_IFIFO:
		return "fifo"
	case syscall.S_IFSOCK:
		return "socket"
	}
	if st.Size == 0 {
		return "regular empty file"
	}
	return "regular file"
}

func statFS(p *applet.Proc, name, format string) error {
	var st unix.Statfs_t
	if err := unix.Statfs(p.Path(name), &st); err != nil {
		return err
	}
	if format == "" {
		format = "  File: \"%n\"\n    Type: %t\tNamelen: %l\nBlock size: %S\nBlocks: Total: %b Free: %f Available: %a\nInodes: Total: %c Free: %d"
	}
	p.Println(directives(format, func(c byte) string {
		switch c {
		case 'n':
			return name
		case 't':
			return strconv.FormatUint(uint64(st.Type), 16)
		case 'T':
			return fsName(int64(st.Type))
		case 'l':
			return strconv.FormatInt(int64(st.Namelen), 10)
		case 's', 'S':
			return strconv.FormatInt(int64(st.Bsize), 10)
		case 'b':
			return strconv.FormatUint(st.Blocks, 10)
		case 'f':
			return strconv.FormatUint(st.Bfree, 10)
		case 'a':
			return strconv.FormatUint(st.Bavail, 10)
		case 'c':
			return strconv.FormatUint(st.Files, 10)
		case 'd':
			return strconv.FormatUint(st.Ffree, 10)
		}
		return "?"
	}))
	return nil
}

func fsName(magic int64) string {
	switch magic {
	case unix.EXT4_SUPER_MAGIC:
		return "ext2/ext3"
	case unix.XFS_SUPER_MAGIC:
		return "xfs"
	case unix.BTRFS_SUPER_MAGIC:
		return "btrfs"
	case unix.TMPFS_MAGIC:
		return "tmpfs"
	case unix.OVERLAYFS_SUPER_MAGIC:
		return "overlayfs"
	case unix.PROC_SUPER_MAGIC:
		return "proc"
	case unix.SYSFS_MAGIC:
		return "sysfs"
	case 0x2fc12fc1:
		return "zfs"
	}
	return fmt.Sprintf("unknown (%#x)", magic)
}
