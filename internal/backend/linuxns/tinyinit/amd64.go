package tinyinit

// amd64 encodes for x86-64. The variable is in ebx, wait's timeout in r12: a system call keeps them.
type amd64 struct{ code }

// number is the architecture's number of a call.
func (a *amd64) number(nr sysno) uint32 {
	return [...]uint32{
		sysSigprocmask: 14, sysPrctl: 157, sysSigtimedwait: 128, sysWait4: 61, sysKill: 62, sysExitGroup: 231,
	}[nr]
}

// call loads rdi, rsi, rdx, r10 and last eax, which until then has the previous result.
func (a *amd64) call(nr sysno, args ...arg) {
	for i, x := range args {
		switch x.kind {
		case argImm:
			switch i { // mov r64, imm32 sign-extended
			case 3:
				a.emit(0x49, 0xc7, 0xc2)
			default:
				a.emit(0x48, 0xc7, [...]byte{0xc7, 0xc6, 0xc2}[i])
			}
			a.emit32(uint32(x.n))
		case argAddr: // lea r64, [rip+rel32]
			a.emit(0x48, 0x8d, [...]byte{0x3d, 0x35, 0x15}[i])
			a.rel32(x.name)
		case argResult: // mov edi|esi|edx, eax
			a.emit(0x89, [...]byte{0xc7, 0xc6, 0xc2}[i])
		case argTimeout: // mov rdi|rsi|rdx, r12
			a.emit(0x4c, 0x89, [...]byte{0xe7, 0xe6, 0xe2}[i])
		}
	}
	a.emit(0xb8) // mov eax, imm32
	a.emit32(a.number(nr))
	a.emit(0x0f, 0x05) // syscall
}

func (a *amd64) ifResult(c cond, n int32, target string) {
	a.emit(0x83, 0xf8, byte(int8(n))) // cmp eax, imm8
	switch c {
	case equal:
		a.emit(0x0f, 0x84) // je rel32
	case greater:
		a.emit(0x0f, 0x8f) // jg rel32
	}
	a.rel32(target)
}

func (a *amd64) ifTicks(n int32, target string) {
	a.emit(0x83, 0xfb, byte(int8(n))) // cmp ebx, imm8
	a.emit(0x0f, 0x84)                // je rel32
	a.rel32(target)
}

func (a *amd64) countTick() { a.emit(0xff, 0xcb) } // dec ebx

func (a *amd64) startTicks(n int32, period string) {
	a.emit(0xbb) // mov ebx, imm32
	a.emit32(uint32(n))
	a.emit(0x4c, 0x8d, 0x25) // lea r12, [rip+rel32]
	a.rel32(period)
}

func (a *amd64) jump(target string) {
	a.emit(0xe9) // jmp rel32
	a.rel32(target)
}

// rel32 is a distance from the end of the instruction, which it ends.
func (a *amd64) rel32(target string) {
	a.refer(target, func(b []byte, at, to int) {
		d := uint32(to - (at + 4))
		b[at], b[at+1], b[at+2], b[at+3] = byte(d), byte(d>>8), byte(d>>16), byte(d>>24)
	})
	a.emit32(0)
}
