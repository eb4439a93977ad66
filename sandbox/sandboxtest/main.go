//go:build unix

package sandboxtest

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"testing"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/sandbox"
)

// What the environment can make of the test program instead.
const (
	probeMark = "IOC_PROBE" // the program of a jail's process
	otherMark = "IOC_OTHER" // another ioc process: "undo" or "start"
)

// Main runs the tests, or is what a test has made of the program. It does not return.
func (s Suite) Main(m *testing.M) {
	switch {
	case os.Getenv(probeMark) != "":
		os.Exit(probe(os.Args[1:], s.Probes))
	case os.Getenv(otherMark) == "undo":
		os.Exit(s.otherUndo(os.Stdin))
	case os.Getenv(otherMark) == "start":
		os.Exit(s.otherStart(os.Stdin))
	case os.Getenv(otherMark) == "exec":
		os.Exit(s.otherExec(os.Stdin))
	}
	os.Exit(m.Run())
}

// otherUndo undoes the effects that come in, newest first, and says what failed.
func (s Suite) otherUndo(in io.Reader) int {
	var all []encoded
	if err := json.NewDecoder(in).Decode(&all); err != nil {
		return complain(err)
	}
	code := 0
	for i := len(all) - 1; i >= 0; i-- {
		e, err := s.decode(all[i])
		if err == nil {
			err = e.Undo(context.Background())
		}
		if err != nil {
			code = complain(err)
		}
	}
	return code
}

// startOrder is what otherStart and otherExec are told.
type startOrder struct {
	Dir, Prefix string
	Spec        sandbox.Spec
	State       sandbox.State
	Process     sandbox.Process
}

// otherStart starts a jail as ioc does: every effect is written out before it is done and again after. It
// ends without undoing anything, as ioc does when the jail is started, or when it is killed.
func (s Suite) otherStart(in io.Reader) int {
	var order startOrder
	if err := json.NewDecoder(in).Decode(&order); err != nil {
		return complain(err)
	}
	effects, err := s.New(order.Dir, order.Prefix).Start(order.Spec)
	if err != nil {
		return complain(err)
	}
	return doRecorded(effects)
}

// otherExec starts a process in a jail in the same way.
func (s Suite) otherExec(in io.Reader) int {
	var order startOrder
	if err := json.NewDecoder(in).Decode(&order); err != nil {
		return complain(err)
	}
	session, err := s.New(order.Dir, order.Prefix).Exec(order.State, order.Process, sandbox.Stdio{})
	if err != nil {
		return complain(err)
	}
	return doRecorded([]events.Effect{session})
}

func doRecorded(effects []events.Effect) int {
	out := json.NewEncoder(os.Stdout)
	write := func(i int, e events.Effect) error {
		b, err := json.Marshal(e)
		if err != nil {
			return err
		}
		return out.Encode(record{i, encoded{e.EventType(), b}})
	}
	for i, e := range effects {
		if err := write(i, e); err != nil {
			return complain(err)
		}
		if err := e.Do(context.Background()); err != nil {
			return complain(err)
		}
		if err := write(i, e); err != nil {
			return complain(err)
		}
	}
	return 0
}

// record is a line of otherStart: the effect's place in the list, and what is known of it.
type record struct {
	Index  int
	Effect encoded
}

// readRecords is what a journal would have: the last that was written of each effect. It calls first when
// something has come.
func readRecords(in io.Reader, first func()) []encoded {
	var all []encoded
	for lines := bufio.NewScanner(in); lines.Scan(); {
		if first != nil {
			first()
			first = nil
		}
		var r record
		if json.Unmarshal(lines.Bytes(), &r) != nil {
			break // cut by the kill
		}
		for len(all) <= r.Index {
			all = append(all, encoded{})
		}
		all[r.Index] = r.Effect
	}
	return all
}

func complain(err error) int {
	fmt.Fprintln(os.Stderr, "other:", err)
	return 1
}

// other runs this program as another ioc process.
func other(t *testing.T, what string, in any, out *os.File) *os.Process {
	t.Helper()
	b, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	input := newPipe(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	env := append(append(raceEnv(), otherMark+"="+what), os.Environ()...)
	p, err := os.StartProcess(self, []string{"other " + what}, &os.ProcAttr{Env: env, Files: []*os.File{input.r, out, os.Stderr}})
	if err != nil {
		t.Fatal(err)
	}
	input.r.Close()
	if _, err := input.w.Write(b); err != nil {
		t.Fatal(err)
	}
	input.w.Close()
	return p
}

// undoElsewhere undoes effects in another process.
func undoElsewhere(t *testing.T, all []encoded) {
	t.Helper()
	state, err := other(t, "undo", all, os.Stdout).Wait()
	if err != nil || !state.Success() {
		t.Errorf("undo in another process: %v %v", state, err)
	}
}
