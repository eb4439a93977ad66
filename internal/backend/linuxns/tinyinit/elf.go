package tinyinit

import "fmt"

// base is where the program is loaded: a multiple of every page size in use.
const base = 0x400000

// headers is the size of the ELF header and two program headers.
const headers = 64 + 2*56

// Constants of ELF, as elf.h spells them.
const (
	etEXEC     = 2
	emX86_64   = 62
	emAARCH64  = 183
	ptLOAD     = 1
	ptGNUSTACK = 0x6474e551
	pfX        = 1
	pfW        = 2
	pfR        = 4
)

// ELF returns the executable for an architecture, by Go's name for it. It writes the few header
// fields itself: debug/elf would bring its readers and decompressors into every program.
func ELF(goarch string) ([]byte, error) {
	var machine uint64
	var text []byte
	switch goarch {
	case "amd64":
		var a amd64
		write(&a)
		machine, text = emX86_64, a.link()
	case "arm64":
		var a arm64
		a.start()
		write(&a)
		machine, text = emAARCH64, a.link()
	default:
		return nil, fmt.Errorf("tiny init: no program for %s", goarch)
	}

	var out []byte
	field := func(size int, n uint64) { out = append(out, word64(n)[:size]...) }
	segment := func(kind, flags, addr, size, align uint64) {
		field(4, kind)
		field(4, flags)
		field(8, 0) // offset
		field(8, addr)
		field(8, addr) // physical
		field(8, size) // in the file
		field(8, size) // in memory
		field(8, align)
	}
	out = append(out, 0x7f, 'E', 'L', 'F', 2, 1, 1, 0) // 64 bits, little-endian, version 1, System V
	field(8, 0)                                        // padding
	field(2, etEXEC)
	field(2, machine)
	field(4, 1) // version
	field(8, base+headers)
	field(8, 64) // program headers
	field(8, 0)  // no section headers
	field(4, 0)  // flags
	field(2, 64)
	field(2, 56)
	field(2, 2) // program headers
	field(2, 0)
	field(2, 0)
	field(2, 0)
	// The headers lie in the same segment: one page, read and executed, never written. The second
	// header is for the kernel to give no executable stack.
	segment(ptLOAD, pfR|pfX, base, uint64(headers+len(text)), 0x10000)
	segment(ptGNUSTACK, pfR|pfW, 0, 0, 16)
	return append(out, text...), nil
}
