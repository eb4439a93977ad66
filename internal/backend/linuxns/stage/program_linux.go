package stage

import "errors"

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
			out = put(out, uint64(n), 8)
		}
		out = put(out, uint64(len(s.S)), 2)
		for _, t := range s.S {
			out = put(out, uint64(len(t)), 4)
			out = append(out, t...)
		}
	}
	put(out[:0], uint64(len(out)-4), 4)
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
			s.N = append(s.N, int64(get(take(8))))
		}
		for range get(take(2)) {
			if err != nil {
				break
			}
			s.S = append(s.S, string(take(int(get(take(4))))))
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
	out := []byte{0}
	if f.Exec {
		out[0] = 1
	}
	return append(put(out, uint64(f.Errno), 4), f.Where...)
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
	return false, &Failure{b[0] == 1, uint32(get(b[1:5])), string(b[5:])}
}
