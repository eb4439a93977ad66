package tinyinit

// assembler is what write needs of an architecture.
type assembler interface {
	label(name string)
	call(nr sysno, args ...arg)
	ifResult(c cond, n int32, target string) // compares what the last call returned
	ifTicks(n int32, target string)          // compares the variable for equality; n is 0
	countTick()
	startTicks(n int32, period string) // sets the variable, and wait's timeout to the data at period
	jump(target string)
	data(name string, bytes []byte)
}

// sysno is a system call, numbered by each architecture.
type sysno int

const (
	sysSigprocmask sysno = iota
	sysPrctl
	sysSigtimedwait
	sysWait4
	sysKill
	sysExitGroup
)

// cond is a comparison of signed 32-bit numbers.
type cond int

const (
	equal cond = iota
	greater
)

// arg is an argument of a call.
type arg struct {
	kind argKind
	n    int32
	name string
}

type argKind int

const (
	argImm argKind = iota
	argAddr
	argResult
	argTimeout
)

func imm(n int32) arg      { return arg{kind: argImm, n: n} }
func addr(name string) arg { return arg{kind: argAddr, name: name} }

// result is what the last call returned; only constants may stand before it.
func result() arg { return arg{kind: argResult} }

// timeout is wait's.
func timeout() arg { return arg{kind: argTimeout} }

// code collects instructions and the places in it that still need an address.
type code struct {
	bytes  []byte
	labels map[string]int
	fixes  []fix
}

// fix is a reference: patch writes it once it is known how far the label is from the instruction.
type fix struct {
	at     int
	target string
	patch  func(b []byte, from, to int)
}

func (c *code) emit(b ...byte) { c.bytes = append(c.bytes, b...) }

func (c *code) emit32(w uint32) { c.emit(byte(w), byte(w>>8), byte(w>>16), byte(w>>24)) }

func (c *code) label(name string) {
	if c.labels == nil {
		c.labels = map[string]int{}
	}
	c.labels[name] = len(c.bytes)
}

func (c *code) data(name string, bytes []byte) {
	for len(c.bytes)%8 != 0 {
		c.emit(0)
	}
	c.label(name)
	c.emit(bytes...)
}

func (c *code) refer(target string, patch func(b []byte, from, to int)) {
	c.fixes = append(c.fixes, fix{len(c.bytes), target, patch})
}

// link resolves all references. A label that is missing is a bug in write.
func (c *code) link() []byte {
	for _, f := range c.fixes {
		to, ok := c.labels[f.target]
		if !ok {
			panic("tinyinit: no label " + f.target)
		}
		f.patch(c.bytes, f.at, to)
	}
	return c.bytes
}
