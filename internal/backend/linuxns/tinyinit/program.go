package tinyinit

// Constants of the Linux ABI that are the same on all architectures here.
const (
	sigTERM, sigCHLD = 15, 17
	sigSETMASK       = 2  // SIG_SETMASK
	prSetName        = 15 // PR_SET_NAME
	waitNoHang       = 1  // WNOHANG
	eAGAIN           = 11
	everyone         = -1 // for kill(2): every process one may signal but the caller and process 1
)

// graceTicks bounds the time between SIGTERM and the end, in timeouts of wait of 100 ms: an hour. Who
// asks for the end has a bound of its own; this one is for when that one died. It fits in 16 bits.
const graceTicks = 36000

// write emits the program. There is one variable: how many ticks are left, zero while nobody has asked
// for the end. wait's timeout is nil until then.
func write(a assembler) {
	// All signals are blocked for ever and fetched one by one: a process 1 is sent no signal by its own
	// namespace that it neither handles nor blocks, and a handler would need a stack frame and a return.
	a.call(sysSigprocmask, imm(sigSETMASK), addr("mask"), imm(0), imm(8))
	a.call(sysPrctl, imm(prSetName), addr("name"))

	a.label("wait")
	a.call(sysSigtimedwait, addr("mask"), imm(0), timeout(), imm(8))
	a.ifResult(equal, sigCHLD, "reap")
	a.ifResult(equal, sigTERM, "term")
	a.ifResult(greater, 0, "forward")
	a.ifResult(equal, -eAGAIN, "tick")

	a.label("next")
	a.ifTicks(0, "wait")

	// The end was asked for: it is there when nobody else is. Orphans are our children, but processes
	// that joined from outside are not, so that only kill(2) can tell.
	a.label("alone")
	a.call(sysKill, imm(everyone), imm(0))
	a.ifResult(equal, 0, "wait")

	a.label("end")
	a.call(sysExitGroup, imm(0))

	a.label("tick")
	a.countTick()
	a.ifTicks(0, "end")
	a.jump("alone")

	a.label("forward")
	a.call(sysKill, imm(everyone), result())
	a.jump("next")

	a.label("term")
	a.call(sysKill, imm(everyone), imm(sigTERM))
	a.startTicks(graceTicks, "period")
	a.jump("alone")

	a.label("reap")
	a.call(sysWait4, imm(-1), imm(0), imm(waitNoHang), imm(0))
	a.ifResult(greater, 0, "reap")
	a.jump("next")

	a.data("mask", []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
	a.data("period", append(word64(0), word64(100_000_000)...)) // struct timespec: 100 ms
	a.data("name", []byte("ioc-init\x00"))
}

// word64 is n in the byte order of both architectures.
func word64(n uint64) []byte {
	b := make([]byte, 8)
	for i := range b {
		b[i] = byte(n >> (8 * i))
	}
	return b
}
