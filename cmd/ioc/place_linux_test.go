package main

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// place is a directory in which a person has jails.
type place struct {
	t   *testing.T
	p   *person
	dir string
}

// everywhere runs a test as everybody who can be tried here.
func everywhere(t *testing.T, test func(t *testing.T, at *place)) {
	t.Helper()
	needRelease(t)
	for _, p := range shared.people {
		t.Run(p.name, func(t *testing.T) {
			at := &place{t: t, p: p, dir: mkdir(t, t.Name())}
			if err := p.own(at.dir); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { checkout(t, p, at.dir) })
			test(t, at)
		})
	}
}

// ioc is a call.
func (at *place) ioc(args ...string) *exec.Cmd {
	return at.p.command(environment(at.dir), args...)
}

// do calls ioc, which must end with 0, and gives what it printed.
func (at *place) do(args ...string) string {
	at.t.Helper()
	out, err := at.ioc(append([]string{"-q"}, args...)...).CombinedOutput()
	if err != nil {
		at.t.Fatalf("ioc %s: %v: %s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// fails calls ioc, which must end with another code than 0, and gives that and what was printed.
func (at *place) fails(args ...string) (code int, out string) {
	at.t.Helper()
	cmd := at.ioc(append([]string{"-q"}, args...)...)
	text, err := cmd.CombinedOutput()
	if err == nil {
		at.t.Fatalf("ioc %s succeeded: %s", strings.Join(args, " "), text)
	}
	return cmd.ProcessState.ExitCode(), string(text)
}

// state is what list says of a jail.
func (at *place) state(jail string) string {
	at.t.Helper()
	for line := range strings.Lines(at.do("list", "-H")) {
		if cells := strings.Split(line, "\t"); cells[0] == jail {
			return cells[1]
		}
	}
	return "nothing"
}

// watched is an operation whose events are read while it runs.
type watched struct {
	*exec.Cmd
	t      *testing.T
	stderr errorOutput
	lines  chan string // the stream
}

// errorOutput is what a program says on its standard error while it runs.
type errorOutput struct {
	mu   sync.Mutex
	text strings.Builder
	more chan struct{} // has room for one
}

func (o *errorOutput) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.text.Write(p)
	select {
	case o.more <- struct{}{}:
	default:
	}
	return len(p), nil
}

func (o *errorOutput) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// watch starts ioc and reads its stream.
func (at *place) watch(cmd *exec.Cmd) *watched {
	at.t.Helper()
	w := &watched{Cmd: cmd, t: at.t, lines: make(chan string, 1000)}
	w.stderr.more = make(chan struct{}, 1)
	out, err := cmd.StdoutPipe()
	if err != nil {
		at.t.Fatal(err)
	}
	cmd.Stderr = &w.stderr
	begin(at.t, cmd)
	go func() {
		defer close(w.lines)
		sc := bufio.NewScanner(out)
		sc.Buffer(nil, 1<<20)
		for sc.Scan() {
			w.lines <- sc.Text()
		}
		_, _ = io.Copy(io.Discard, out)
	}()
	return w
}

// until waits for an event of a type in a phase.
func (w *watched) until(phase, kind string) {
	w.t.Helper()
	bound := time.NewTimer(patience)
	defer bound.Stop()
	for {
		select {
		case line, ok := <-w.lines:
			if !ok {
				w.t.Fatalf("the stream ended before %s of %s: %s", phase, kind, w.stderr.String())
			}
			var ev struct{ Phase, Type string }
			if err := json.Unmarshal([]byte(line), &ev); err != nil {
				w.t.Fatal(err)
			}
			if ev.Phase == phase && ev.Type == kind {
				return
			}
		case <-bound.C:
			w.t.Fatalf("%s of %s did not come", phase, kind)
		}
	}
}

// untilSaid waits for words on the standard error.
func (w *watched) untilSaid(text string) {
	w.t.Helper()
	bound := time.NewTimer(patience)
	defer bound.Stop()
	for !strings.Contains(w.stderr.String(), text) {
		select {
		case <-w.stderr.more:
		case <-bound.C:
			w.t.Fatalf("it does not say %q but\n%s", text, w.stderr.String())
		}
	}
}

// end waits for the end and gives the exit code, and the rest of the stream.
func (w *watched) end() (code int, stream string) {
	w.t.Helper()
	for line := range w.lines {
		stream += line + "\n"
	}
	return finish(w.t, w.Cmd), stream
}

// begin starts cmd, with no signal ignored, and sees to it that it does not outlive the test.
func begin(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	// What is ignored would be inherited, and tests are often started in the background. What is caught is not.
	caught := make(chan os.Signal, 1)
	signal.Notify(caught, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT)
	defer signal.Stop(caught)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	bound := time.AfterFunc(patience, func() {
		t.Errorf("%s did not end", strings.Join(cmd.Args, " "))
		_ = cmd.Process.Kill() // it may have ended
	})
	t.Cleanup(func() {
		bound.Stop()
		if cmd.ProcessState == nil {
			_ = cmd.Process.Kill() // as above
			_ = cmd.Wait()
		}
	})
}

// finish waits for cmd and gives its exit code, -1 if a signal ended it.
func finish(t *testing.T, cmd *exec.Cmd) int {
	t.Helper()
	_ = cmd.Wait() // the code says it
	return cmd.ProcessState.ExitCode()
}
