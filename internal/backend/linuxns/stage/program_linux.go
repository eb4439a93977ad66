package stage

import (
	"encoding/binary"
	"errors"
)

// Descriptors that a stage is born with, after the three of its standard files.
const (
	ControlFD = 3 // a stream socket: the program comes in, a terminal goes out
	ErrorFD   = 4 // a pipe: what failed; it is closed by the execution of the jail's program
	LockFD    = 5 // held while the stage lives, and by nobody afterwards
)

// Environ makes a process a stage. One thread is enough for what it does, and nothing is collected. A
// stage that joins a jail hides itself from the processes there at once; a jail's first process has nobody
// to hide from, and must let its parent write its id maps, until it gets its program.
func Environ(join bool) []string {
	kind := "first"
	if join {
		kind = joining
	}
	return []string{marker + "=" + kind, "GOMAXPROCS=1", "GOGC=off"}
}

const (
	marker  = "IOC_STAGE"
	joining = "join"
)

// Step is one thing to do. Which N and S it takes is said where its Op is.
type Step struct {
	Op Op
	N  []int64
	S  []string
}

// Program is a list of steps. The last one executes a program.
type Program []Step

// Encode gives the program's wire form: its length, then its steps.
func (p Program) Encode() []byte {
	out := make([]byte, 4, 4096)
	for _, s := range p {
		out = append(out, byte(s.Op), byte(len(s.N)))
		for _, n := range s.N {
			out = binary.LittleEndian.AppendUint64(out, uint64(n))
		}
		out = binary.LittleEndian.AppendUint16(out, uint16(len(s.S)))
		for _, t := range s.S {
			out = binary.LittleEndian.AppendUint32(out, uint32(len(t)))
			out = append(out, t...)
		}
	}
	binary.LittleEndian.PutUint32(out, uint32(len(out)-4))
	return out
}

var errShort = errors.New("program is cut short")

// decode is the inverse of Encode without the length.
func decode(b []byte) (p Program, err error) {
	take := func(n int) []byte {
		if err != nil || n < 0 || n > len(b) {
			err = errShort
			return make([]byte, 8)
		}
		part := b[:n]
		b = b[n:]
		return part
	}
	for len(b) > 0 && err == nil {
		head := take(2)
		s := Step{Op: Op(head[0])}
		for range head[1] {
			s.N = append(s.N, int64(binary.LittleEndian.Uint64(take(8))))
		}
		for range binary.LittleEndian.Uint16(take(2)) {
			if err != nil {
				break
			}
			s.S = append(s.S, string(take(int(binary.LittleEndian.Uint32(take(4))))))
		}
		p = append(p, s)
	}
	return p, err
}

// reached is written to ErrorFD right before the jail's program is executed. A stage that was killed has
// closed the pipe without it; one whose program cannot be executed adds a Failure.
const reached = 0x7f

// Failure is what a stage reports through ErrorFD.
type Failure struct {
	Exec  bool // the jail's program could not be executed; Where is its path
	Errno uint32
	Where string // "mount /proc"
}

// Encode gives the failure's wire form.
func (f Failure) Encode() []byte {
	out := make([]byte, 5, 5+len(f.Where))
	if f.Exec {
		out[0] = 1
	}
	binary.LittleEndian.PutUint32(out[1:], f.Errno)
	return append(out, f.Where...)
}

// Outcome reads all that came through ErrorFD. Started is false and there is no failure if the stage
// ended without a word: somebody has killed it.
func Outcome(b []byte) (started bool, f *Failure) {
	if len(b) > 0 && b[0] == reached {
		started, b = true, b[1:]
	}
	if len(b) < 5 {
		return started, nil
	}
	return false, &Failure{b[0] == 1, binary.LittleEndian.Uint32(b[1:]), string(b[5:])}
}
