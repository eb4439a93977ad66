package release

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"
)

// Look tells what there is of a root file system in a directory: how much, what it calls itself and which
// processor it is for. Its digest is for whoever made it to say.
func Look(ctx context.Context, dir string) (Written, error) {
	var got Written
	root, err := os.OpenRoot(dir)
	if err != nil {
		return got, err
	}
	defer root.Close() //nolint:errcheck // read-only
	err = fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil {
			err = context.Cause(ctx)
		}
		if err != nil {
			return err
		}
		got.Files++
		if !d.Type().IsRegular() {
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		got.Bytes += info.Size()
		if got.Arch == "" && program(name) {
			f, err := root.Open(name)
			if err != nil {
				return err
			}
			head := make([]byte, 20)
			if _, err := io.ReadFull(f, head); err == nil {
				got.Arch = elfArch(head)
			}
			return f.Close()
		}
		return nil
	})
	for _, name := range []string{"etc/os-release", "usr/lib/os-release"} {
		if text, err := root.ReadFile(name); err == nil && got.Title == "" {
			got.Title = prettyName(text)
		}
	}
	return got, err
}

// program reports whether a name is one where a system has programs of its own kind.
func program(name string) bool {
	switch path.Dir(name) {
	case "bin", "sbin", "usr/bin", "usr/sbin":
		return true
	}
	return false
}

// Numbers of elf(5) and of the kernel's elf-em.h. Package debug/elf has them, too, with readers of debug
// information and their decompressors behind: each command would pay for their initialisation.
const (
	elfMagic  = "\x7fELF"
	elfData   = 5 // EI_DATA
	elfBig    = 2 // ELFDATA2MSB
	em386     = 3 // EM_386
	emPPC64   = 21
	emS390    = 22
	emARM     = 40
	emX86_64  = 62
	emAArch64 = 183
	emRISCV   = 243
	emLoong   = 258
)

// elfArch gives the processor of a program by the first 20 bytes of its file, as Go names it.
func elfArch(head []byte) string {
	if len(head) < 20 || !bytes.HasPrefix(head, []byte(elfMagic)) {
		return ""
	}
	big := head[elfData] == elfBig
	machine := binary.LittleEndian.Uint16(head[18:])
	if big {
		machine = binary.BigEndian.Uint16(head[18:])
	}
	switch machine {
	case emX86_64:
		return "amd64"
	case em386:
		return "386"
	case emAArch64:
		return "arm64"
	case emARM:
		return "arm"
	case emRISCV:
		return "riscv64"
	case emS390:
		return "s390x"
	case emLoong:
		return "loong64"
	case emPPC64:
		if big {
			return "ppc64"
		}
		return "ppc64le"
	default:
		return ""
	}
}

// prettyName finds a system's name for itself in its os-release(5).
func prettyName(text []byte) string {
	for line := range strings.Lines(string(text)) {
		value, ok := strings.CutPrefix(strings.TrimSpace(line), "PRETTY_NAME=")
		if !ok {
			continue
		}
		if plain, err := strconv.Unquote(value); err == nil {
			value = plain
		}
		value = strings.Trim(value, "'")
		if len(value) > 100 || strings.ContainsFunc(value, func(c rune) bool { return c < ' ' || c == 0x7f }) {
			return ""
		}
		return value
	}
	return ""
}
