package release

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"path"
	"strconv"
	"strings"
)

// program reports whether a name is one where a system has programs of its own kind.
func program(name string) bool {
	switch path.Dir(name) {
	case "bin", "sbin", "usr/bin", "usr/sbin":
		return true
	}
	return false
}

// elfArch gives the processor of a program by the first 20 bytes of its file, as Go names it.
func elfArch(head []byte) string {
	if !bytes.HasPrefix(head, []byte(elf.ELFMAG)) {
		return ""
	}
	var order binary.ByteOrder = binary.LittleEndian
	if head[elf.EI_DATA] == byte(elf.ELFDATA2MSB) {
		order = binary.BigEndian
	}
	little := order == binary.ByteOrder(binary.LittleEndian)
	switch elf.Machine(order.Uint16(head[18:])) {
	case elf.EM_X86_64:
		return "amd64"
	case elf.EM_386:
		return "386"
	case elf.EM_AARCH64:
		return "arm64"
	case elf.EM_ARM:
		return "arm"
	case elf.EM_RISCV:
		return "riscv64"
	case elf.EM_S390:
		return "s390x"
	case elf.EM_LOONGARCH:
		return "loong64"
	case elf.EM_PPC64:
		if little {
			return "ppc64le"
		}
		return "ppc64"
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
