package itest

import (
	"encoding/binary"
	"fmt"
	"runtime"
)

// behaviour is what a program does.
type behaviour int

const (
	loops   behaviour = iota // waits until it is killed
	succeed                  // ends at once with 0
)

// program is the smallest one there is: it costs a cell nothing, and leaves the time to ioc.
func program(b behaviour) ([]byte, error) {
	var code []byte
	var machine uint16
	switch runtime.GOARCH {
	case "amd64":
		machine = 62
		code = [][]byte{
			{0xb8, 34, 0, 0, 0, 0x0f, 0x05, 0xeb, 0xf7},        // pause, again
			{0x31, 0xff, 0xb8, 231, 0, 0, 0, 0x0f, 0x05, 0xf4}, // exit_group(0)
		}[b]
	case "arm64":
		machine = 183
		for _, w := range [][]uint32{
			{0xd2800000, 0xd2800001, 0xd2800002, 0xd2800003, 0xd2800928, 0xd4000001, 0x17fffffa}, // ppoll(0,0,0,0), again
			{0xd2800000, 0xd2800bc8, 0xd4000001},                                                 // exit_group(0)
		}[b] {
			code = binary.LittleEndian.AppendUint32(code, w)
		}
	default:
		return nil, fmt.Errorf("no programs for %s", runtime.GOARCH)
	}
	const base, head = 0x400000, 64 + 56
	le := binary.LittleEndian
	elf := append([]byte("\x7fELF\x02\x01\x01"), make([]byte, head-7)...)
	le.PutUint16(elf[16:], 2) // an executable
	le.PutUint16(elf[18:], machine)
	le.PutUint32(elf[20:], 1)
	le.PutUint64(elf[24:], base+head) // begins behind the headers
	le.PutUint64(elf[32:], 64)        // program headers
	le.PutUint16(elf[52:], 64)
	le.PutUint16(elf[54:], 56)
	le.PutUint16(elf[56:], 1)
	le.PutUint16(elf[58:], 64)
	ph := elf[64:]
	le.PutUint32(ph, 1)     // to be loaded
	le.PutUint32(ph[4:], 5) // and executed
	size := uint64(head + len(code))
	le.PutUint64(ph[16:], base)
	le.PutUint64(ph[24:], base)
	le.PutUint64(ph[32:], size)
	le.PutUint64(ph[40:], size)
	le.PutUint64(ph[48:], 0x1000)
	return append(elf, code...), nil
}
