package tinyinit

import (
	"bytes"
	"debug/elf"
	"encoding/hex"
	"strings"
	"testing"
)

func TestHeaders(t *testing.T) {
	for arch, machine := range map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64} {
		t.Run(arch, func(t *testing.T) {
			b, err := ELF(arch)
			if err != nil {
				t.Fatal(err)
			}
			if len(b) > 600 {
				t.Errorf("ELF has %d bytes, want at most 600", len(b))
			}
			f, err := elf.NewFile(bytes.NewReader(b))
			if err != nil {
				t.Fatal(err)
			}
			if f.Machine != machine || f.Type != elf.ET_EXEC || f.Entry != base+headers {
				t.Errorf("header = %v %v entry %#x", f.Machine, f.Type, f.Entry)
			}
			load := f.Progs[0]
			if load.Type != elf.PT_LOAD || load.Flags != elf.PF_R|elf.PF_X || load.Filesz != uint64(len(b)) {
				t.Errorf("segment = %v, want all %d bytes read and executed", load.ProgHeader, len(b))
			}
			if stack := f.Progs[1]; stack.Type != elf.PT_GNU_STACK || stack.Flags&elf.PF_X != 0 {
				t.Errorf("stack = %v, want not executable", stack.ProgHeader)
			}
			if !strings.HasSuffix(string(b), "ioc-init\x00") {
				t.Errorf("ELF does not end with its name: %x", b[len(b)-16:])
			}
		})
	}
	if _, err := ELF("pdp11"); err == nil {
		t.Error("ELF(pdp11) gave a program")
	}
}

// TestInstructions pins encodings that a disassembler (objdump of binutils 2.40) was shown; the words
// are in memory order.
func TestInstructions(t *testing.T) {
	x86 := func(f func(*amd64)) string {
		var a amd64
		a.label("here")
		f(&a)
		return hex.EncodeToString(a.link())
	}
	arm := func(f func(*arm64)) string {
		var a arm64
		a.label("here")
		f(&a)
		return hex.EncodeToString(a.link())
	}
	for _, c := range []struct{ name, got, want string }{
		{"mov_rdi_-1_eax_nr_syscall", x86(func(a *amd64) { a.call(sysKill, imm(-1)) }), "48c7c7ffffffffb83e0000000f05"},
		{"lea_rsi", x86(func(a *amd64) { a.call(sysPrctl, imm(15), addr("here")) }), "48c7c70f000000488d35f2ffffffb89d0000000f05"},
		{"je", x86(func(a *amd64) { a.ifResult(equal, 17, "here") }), "83f8110f84f7ffffff"},
		{"jg", x86(func(a *amd64) { a.ifResult(greater, 0, "here") }), "83f8000f8ff7ffffff"},
		{"movz_movn_svc", arm(func(a *arm64) { a.call(sysKill, imm(-1), imm(15)) }), "e10180d200008092281080d2010000d4"},
		{"adr", arm(func(a *arm64) { a.adr(1, "here") }), "01000010"},
		{"cmp_b.eq", arm(func(a *arm64) { a.ifResult(equal, 17, "here") }), "1f440071e0ffff54"},
		{"cmn_b.eq", arm(func(a *arm64) { a.ifResult(equal, -11, "here") }), "1f2c0031e0ffff54"},
		{"b.gt", arm(func(a *arm64) { a.ifResult(greater, 0, "here") }), "1f000071ecffff54"},
		{"cbz", arm(func(a *arm64) { a.ifTicks(0, "here") }), "13000034"},
		{"sub", arm(func(a *arm64) { a.countTick() }), "73060051"},
		{"b", arm(func(a *arm64) { a.countTick(); a.jump("here") }), "73060051ffffff17"},
		{"mov_x2_x20", arm(func(a *arm64) { a.call(sysKill, imm(0), imm(0), timeout()) }), "e20314aa010080d2000080d2281080d2010000d4"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.got != c.want {
				t.Errorf("encoded %s, want %s", c.got, c.want)
			}
		})
	}
}
