package tinyinit

// arm64 encodes for AArch64. The variable is in w19, wait's timeout in x20: a system call keeps them.
type arm64 struct{ code }

const (
	ticksReg   = 19
	timeoutReg = 20
)

// number is the architecture's number of a call.
func (a *arm64) number(nr sysno) uint32 {
	return [...]uint32{
		sysSigprocmask: 135, sysPrctl: 167, sysSigtimedwait: 137, sysWait4: 260, sysKill: 129, sysExitGroup: 94,
	}[nr]
}

// start: unlike on x86-64 the registers of a new program are not promised to be zero.
func (a *arm64) start() {
	a.move(ticksReg, 0)
	a.move(timeoutReg, 0)
}

// call loads x0 to x3 and x8. The previous result is in x0, so that an argument made of it is moved
// before x0 gets its own.
func (a *arm64) call(nr sysno, args ...arg) {
	for i := len(args) - 1; i >= 0; i-- {
		rd := uint32(i)
		switch x := args[i]; x.kind {
		case argImm:
			a.move(rd, x.n)
		case argAddr:
			a.adr(rd, x.name)
		case argResult: // mov xd, x0
			a.emit32(0xaa0003e0 | rd)
		case argTimeout: // mov xd, x20
			a.emit32(0xaa0003e0 | timeoutReg<<16 | rd)
		}
	}
	a.move(8, int32(a.number(nr)))
	a.emit32(0xd4000001) // svc #0
}

func (a *arm64) ifResult(c cond, n int32, target string) {
	if n >= 0 {
		a.emit32(0x7100001f | uint32(n)<<10) // cmp w0, #n
	} else {
		a.emit32(0x3100001f | uint32(-n)<<10) // cmn w0, #-n
	}
	code := uint32(0) // eq
	if c == greater {
		code = 12 // gt
	}
	a.imm19(0x54000000|code, target) // b.cond
}

func (a *arm64) ifTicks(_ int32, target string) { a.imm19(0x34000000|ticksReg, target) } // cbz w19

func (a *arm64) countTick() { a.emit32(0x51000400 | ticksReg<<5 | ticksReg) } // sub w19, w19, #1

func (a *arm64) startTicks(n int32, period string) {
	a.move(ticksReg, n)
	a.adr(timeoutReg, period)
}

func (a *arm64) jump(target string) {
	a.refer(target, func(b []byte, at, to int) {
		or32(b[at:], uint32((to-at)/4)&0x3ffffff)
	})
	a.emit32(0x14000000) // b
}

// move loads a constant of 16 bits or a negative one whose complement has 16.
func (a *arm64) move(rd uint32, n int32) {
	if n >= 0 {
		a.emit32(0xd2800000 | uint32(n)<<5 | rd) // movz
	} else {
		a.emit32(0x92800000 | uint32(^n)<<5 | rd) // movn
	}
}

func (a *arm64) adr(rd uint32, target string) {
	a.refer(target, func(b []byte, at, to int) {
		d := uint32(to - at)
		or32(b[at:], (d&3)<<29|(d>>2&0x7ffff)<<5)
	})
	a.emit32(0x10000000 | rd)
}

func (a *arm64) imm19(op uint32, target string) {
	a.refer(target, func(b []byte, at, to int) {
		or32(b[at:], (uint32((to-at)/4)&0x7ffff)<<5)
	})
	a.emit32(op)
}

// or32 adds bits to the little-endian word at b.
func or32(b []byte, bits uint32) {
	for i := range 4 {
		b[i] |= byte(bits >> (8 * i))
	}
}
