package history_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/history"
)

// childEnv makes the test's program a process that runs operations: it says what kind of them.
const childEnv = "IOC_HISTORY_CHILD"

// child runs operations in dir. "steps" is one that says a line on its standard output after each step and
// waits for one on its standard input before the next; "many" are many small ones.
func child(what, dir string) int {
	d := history.In(dir, small)
	with := events.WithSinks(d.Recorder(history.Origin{UID: 7, Command: "child"}))
	switch what {
	case "steps":
		in := bufio.NewReader(os.Stdin)
		op := events.New(named("jail.start", "web"), func(s events.Step) (n int, err error) {
			for ; ; n++ {
				err = s.Do(named("step", fmt.Sprint(n)), func(events.Step) error {
					fmt.Println("in", n)
					word, err := in.ReadString('\n')
					if errors.Is(err, io.EOF) || word == "end\n" {
						return io.EOF
					}
					return err
				})
				if errors.Is(err, io.EOF) {
					return n, nil
				}
			}
		})
		if _, err := op.Do(context.Background(), with); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	case "many":
		for range 40 {
			if _, err := busy(3).Do(context.Background(), with); err != nil {
				fmt.Fprintln(os.Stderr, err)
				return 1
			}
		}
	}
	if err := d.Err(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	return 0
}

// small are limits that a test can reach.
var small = history.Limits{Count: 24, Bytes: 1 << 20}

func named(typ, key string) *events.Named {
	return &events.Named{Type: typ, Key: key, Title: typ + " " + key}
}

// busy is an operation with so many steps.
func busy(steps int) events.Op[int] {
	return events.New(named("jail.start", "web"), func(s events.Step) (int, error) {
		for i := range steps {
			if err := s.Do(named("step", fmt.Sprint(i)), func(events.Step) error { return nil }); err != nil {
				return i, err
			}
		}
		return steps, nil
	})
}

// process is a child that is led step by step.
type process struct {
	*exec.Cmd
	t     *testing.T
	in    io.WriteCloser
	lines *bufio.Scanner
}

func start(t *testing.T, what, dir string) *process {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{Cmd: exec.Command(self, dir), t: t}
	p.Env = append(os.Environ(), childEnv+"="+what)
	p.Stderr = os.Stderr
	if p.in, err = p.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := p.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.lines = bufio.NewScanner(out)
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if p.ProcessState == nil {
			_ = p.Process.Kill()
			_ = p.Wait()
		}
	})
	return p
}

// reached waits until the process is in a step.
func (p *process) reached(step int) {
	p.t.Helper()
	want := fmt.Sprintf("in %d", step)
	for p.lines.Scan() {
		if strings.TrimSpace(p.lines.Text()) == want {
			return
		}
	}
	p.t.Fatalf("the process ended before step %d", step)
}

func (p *process) say(word string) {
	p.t.Helper()
	if _, err := io.WriteString(p.in, word+"\n"); err != nil {
		p.t.Fatal(err)
	}
}

func (p *process) kill() {
	p.t.Helper()
	if err := p.Process.Kill(); err != nil {
		p.t.Fatal(err)
	}
	_ = p.Wait()
}

func (p *process) end() {
	p.t.Helper()
	if err := p.Wait(); err != nil {
		p.t.Fatal(err)
	}
}
