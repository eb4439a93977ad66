package run_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/internal/run"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func sh(script string, args ...string) *run.Cmd {
	return run.Command(append([]string{"/bin/sh", "-c", script, "sh"}, args...)...)
}

// failure asserts that err is an *Error and returns it.
func failure(t *testing.T, err error) *run.Error {
	t.Helper()
	e, ok := errors.AsType[*run.Error](err)
	if !ok {
		t.Fatalf("error %v (%T), want a *run.Error", err, err)
	}
	return e
}

// witness returns an open file for Cmd.ExtraFiles and a function that waits until every process
// that inherited it is gone.
func witness(t *testing.T) (inherited *os.File, gone func()) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); w.Close() })
	return w, func() {
		t.Helper()
		w.Close()
		if _, err := io.Copy(io.Discard, r); err != nil {
			t.Error(err)
		}
	}
}

func TestOutcome(t *testing.T) {
	tests := []struct {
		name   string
		cmd    *run.Cmd
		stdout string
		exit   int
		err    string // "": success
	}{
		{"success", sh("echo out; echo err >&2"), "out\n", 0, ""},
		{"arguments_are_words", sh(`printf '<%s>' "$@"`, "a b", "", "$HOME;*"), "<a b><><$HOME;*>", 0, ""},
		{"failure", sh("echo part; echo cannot open tank >&2; exit 3"), "part\n", 3, "exit status 3: cannot open tank"},
		{"silent_failure", run.Command("false"), "", 1, "false: exit status 1"},
		{"killed", sh("kill -9 $$"), "", -1, "signal: killed"},
		{"not_installed", run.Command("ioc-no-such-program", "x"), "", -1, "ioc-no-such-program x: exec: \"ioc-no-such-program\": executable file not found in $PATH"},
		{"nothing_named", run.Command(), "", -1, ": no program named"},
		{"c_locale", &run.Cmd{Argv: []string{"/bin/sh", "-c", "echo $LC_ALL $IOC_RUN_TEST"}, Env: []string{"LC_ALL=de_DE.UTF-8", "IOC_RUN_TEST=set"}}, "C set\n", 0, ""},
		{"directory", &run.Cmd{Argv: []string{"pwd"}, Dir: "/"}, "/\n", 0, ""},
		{"no_directory", &run.Cmd{Argv: []string{"pwd"}, Dir: "/no/such/dir"}, "", -1, "no such file or directory"},
		{"input", &run.Cmd{Argv: []string{"cat"}, Stdin: strings.NewReader("fed")}, "fed", 0, ""},
		{"input_not_wanted", &run.Cmd{Argv: []string{"true"}, Stdin: strings.NewReader(strings.Repeat("x", 1<<20))}, "", 0, ""},
		{"no_input", run.Command("cat"), "", 0, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, err := tt.cmd.Run(t.Context())
			if string(r.Stdout) != tt.stdout || r.ExitCode != tt.exit {
				t.Errorf("Run = %q, exit %d, want %q, exit %d (error %v)", r.Stdout, r.ExitCode, tt.stdout, tt.exit, err)
			}
			if tt.err == "" {
				if err != nil {
					t.Errorf("Run: %v, want success", err)
				}
				return
			}
			if e := failure(t, err); !strings.Contains(e.Error(), tt.err) || e.ExitCode != tt.exit {
				t.Errorf("error %q, exit %d, want %q, exit %d", e, e.ExitCode, tt.err, tt.exit)
			}
		})
	}
}

func TestErrorIsClassified(t *testing.T) {
	_, err := run.Command("ioc-no-such-program").Run(t.Context())
	if !errors.Is(err, exec.ErrNotFound) || fault.KindOf(err) != fault.Unavailable {
		t.Errorf("%v is of kind %s, want unavailable", err, fault.KindOf(err).Name())
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = run.Command("true").Run(ctx)
	if !errors.Is(err, context.Canceled) || fault.KindOf(err) != fault.Cancelled {
		t.Errorf("%v is of kind %s, want cancelled", err, fault.KindOf(err).Name())
	}
	_, err = run.Command("false").Run(t.Context())
	if fault.KindOf(err) != fault.Unknown {
		t.Errorf("%v is of kind %s, want unknown", err, fault.KindOf(err).Name())
	}
}

func TestStderrTail(t *testing.T) {
	_, err := sh(`i=0; while [ $i -lt 2000 ]; do echo "line $i" >&2; i=$((i+1)); done; printf 'the end' >&2; exit 1`).Run(t.Context())
	e := failure(t, err)
	if len(e.Stderr) > 4<<10 || !strings.HasPrefix(e.Stderr, "line ") || !strings.HasSuffix(e.Stderr, "line 1999\nthe end") {
		t.Errorf("tail has %d bytes and begins %q, want whole lines up to the end within 4 KiB", len(e.Stderr), e.Stderr[:min(20, len(e.Stderr))])
	}
	if text := e.Error(); len(text) > 600 || !strings.HasSuffix(text, "line 1999; the end") {
		t.Errorf("text %q, want one line with the end of the tail", text)
	}
}

func TestLinesWithoutLoss(t *testing.T) {
	long := strings.Repeat("x", 200_000)
	script := `i=0; while [ $i -lt 3000 ]; do echo "$i"; i=$((i+1)); done; echo; printf '%s\n' "` + long[:100_000] + `"; printf last; echo oops >&2`
	var out, errs []string
	cmd := sh(script)
	cmd.Line = func(from run.Stream, line string) {
		if from == run.Stderr {
			errs = append(errs, line)
		} else {
			out = append(out, line)
		}
	}
	r, err := cmd.Run(t.Context())
	if err != nil || r.Stdout != nil {
		t.Fatalf("Run = %d bytes of output, %v, want none beside the lines", len(r.Stdout), err)
	}
	for i := range 3000 {
		if out[i] != strconv.Itoa(i) {
			t.Fatalf("line %d is %q", i, out[i])
		}
	}
	rest := out[3000:]
	if len(rest) != 4 || rest[0] != "" || len(rest[1]) != 64<<10 || rest[1]+rest[2] != long[:100_000] || rest[3] != "last" {
		t.Errorf("%d lines after the numbers, want an empty one, two pieces of a long one, and last", len(rest))
	}
	if len(errs) != 1 || errs[0] != "oops" {
		t.Errorf("standard error gave %q, want oops", errs)
	}
}

// TestSlowReaderLosesNothing lets the command end long before its output is taken.
func TestSlowReaderLosesNothing(t *testing.T) {
	alive, gone := witness(t)
	var lines []string
	cmd := &run.Cmd{
		Argv: []string{"/bin/sh", "-c", "echo one; echo two; echo three"}, ExtraFiles: []*os.File{alive}, Linger: time.Nanosecond,
	}
	cmd.Line = func(_ run.Stream, line string) {
		if len(lines) == 0 {
			gone()
		}
		lines = append(lines, line)
	}
	if _, err := cmd.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(lines, " "); got != "one two three" {
		t.Errorf("lines %q, want one two three", got)
	}
}

func TestCancelEndsTheGroup(t *testing.T) {
	tests := []struct {
		name, script string
		grace        time.Duration
		state        string
	}{
		{"polite", `sleep 1000 & echo ready; wait`, time.Hour, "signal: terminated"},
		{"trapped", `trap 'echo bye; kill $!; exit 7' TERM; sleep 1000 & echo ready; wait`, time.Hour, "exit status 7"},
		{"deaf_child", `(trap '' TERM; echo ready; while :; do sleep 1000; done) & wait`, time.Hour, "signal: terminated"},
		{"deaf", `trap '' TERM; sleep 1000 & echo ready; wait`, -1, "signal: killed"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			why := errors.New("not wanted any more")
			alive, gone := witness(t)
			cmd := sh(tt.script)
			cmd.ExtraFiles, cmd.Grace = []*os.File{alive}, tt.grace
			cmd.Line = func(_ run.Stream, line string) {
				if line == "ready" {
					cancel(why)
				}
			}
			_, err := cmd.Run(ctx)
			if e := failure(t, err); !errors.Is(err, why) || e.State != tt.state {
				t.Errorf("error %v, state %q, want %v, %q", err, e.State, why, tt.state)
			}
			gone() // hangs if the grandchild was forgotten
		})
	}
}

func TestDoneAllTheSame(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cmd := sh(`trap 'exit 0' TERM; echo ready; while :; do sleep 1000 & wait $!; done`)
	cmd.Line = func(run.Stream, string) { cancel() }
	if _, err := cmd.Run(ctx); err != nil {
		t.Errorf("a command that ended with 0 after the cancel: %v, want nil", err)
	}
}

// TestDaemonKeepsThePipe: what a command leaves behind must not keep its caller.
func TestDaemonKeepsThePipe(t *testing.T) {
	alive, gone := witness(t)
	cmd := sh(`sleep 1000 & echo $!`)
	cmd.ExtraFiles, cmd.Linger = []*os.File{alive}, 10*time.Millisecond
	r, err := cmd.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := run.Command("kill", strings.TrimSpace(string(r.Stdout))).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	gone()
}

func TestTooMuchOutput(t *testing.T) {
	cmd := run.Command("yes")
	cmd.MaxOutput = 1000
	r, err := cmd.Run(t.Context())
	if !errors.Is(err, run.ErrTooMuchOutput) || len(r.Stdout) != 1000 {
		t.Errorf("Run = %d bytes, %v, want 1000 bytes and ErrTooMuchOutput", len(r.Stdout), err)
	}
	cmd = sh("printf 12345")
	cmd.MaxOutput = 5
	if r, err := cmd.Run(t.Context()); err != nil || string(r.Stdout) != "12345" {
		t.Errorf("Run = %q, %v, want exactly the bound to pass", r.Stdout, err)
	}
}

type refusing struct{ err error }

func (w refusing) Write([]byte) (int, error) { return 0, w.err }

func TestWriterRefuses(t *testing.T) {
	full := errors.New("disk full")
	cmd := run.Command("yes")
	cmd.Stdout = refusing{full}
	if _, err := cmd.Run(t.Context()); !errors.Is(err, full) {
		t.Errorf("error %v, want %v", err, full)
	}
	cmd = run.Command("echo", "short") // has ended with 0 by the time it is noticed
	cmd.Stdout = refusing{full}
	if _, err := cmd.Run(t.Context()); !errors.Is(err, full) {
		t.Errorf("error %v, want %v", err, full)
	}
}

func TestReaderFails(t *testing.T) {
	torn := errors.New("torn")
	cmd := run.Command("cat")
	cmd.Stdin = io.MultiReader(strings.NewReader("some"), readerFunc(func([]byte) (int, error) { return 0, torn }))
	if _, err := cmd.Run(t.Context()); !errors.Is(err, torn) {
		t.Errorf("error %v, want %v: half an input is no success", err, torn)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestWriterAndFile(t *testing.T) {
	var out bytes.Buffer
	var errs []string
	cmd := sh("echo data; echo progress >&2")
	cmd.Stdout = &out
	cmd.Line = func(from run.Stream, line string) { errs = append(errs, from.String()+" "+line) }
	if _, err := cmd.Run(t.Context()); err != nil || out.String() != "data\n" || strings.Join(errs, ",") != "stderr progress" {
		t.Errorf("writer got %q, lines %q, error %v", out.String(), errs, err)
	}

	path := filepath.Join(t.TempDir(), "out")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	cmd = sh("echo data; echo three >&3")
	cmd.Stdout, cmd.ExtraFiles = f, []*os.File{f}
	if _, err := cmd.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "data\nthree\n" {
		t.Errorf("file has %q, %v", text, err)
	}
}

func TestPanicInLineEndsTheCommand(t *testing.T) {
	alive, gone := witness(t)
	cmd := sh(`trap '' TERM; while echo flood; do :; done`)
	cmd.ExtraFiles = []*os.File{alive}
	cmd.Line = func(run.Stream, string) { panic("consumer") }
	func() {
		defer func() {
			if v := recover(); v != "consumer" {
				t.Errorf("recovered %v, want the consumer's panic", v)
			}
		}()
		_, _ = cmd.Run(t.Context())
	}()
	gone()
}

func TestTitle(t *testing.T) {
	tests := []struct {
		name string
		argv []string
		want string
	}{
		{"plain", []string{"zfs", "list", "-Hp"}, "zfs list -Hp"},
		{"quoted", []string{"sh", "-c", "echo 'a' $b", ""}, `sh -c 'echo '\''a'\'' $b' ''`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := run.Command(tt.argv...).EventTitle(); got != tt.want {
				t.Errorf("EventTitle = %s, want %s", got, tt.want)
			}
		})
	}
}

func ExampleCmd_Run() {
	_, err := run.Command("sh", "-c", "echo cannot open tank >&2; exit 1").Run(context.Background())
	fmt.Println(err)
	// Output: sh -c 'echo cannot open tank >&2; exit 1': exit status 1: cannot open tank
}

// TestLeash kills the starter of a command that ignores what can be ignored, and wants its group to end.
func TestLeash(t *testing.T) {
	const starterEnv = "IOC_RUN_STARTER"
	if os.Getenv(starterEnv) != "" { // it is killed in Run
		c := sh("trap '' TERM HUP INT PIPE; (while :; do sleep 1000; done) & echo up; wait")
		c.ExtraFiles, c.Leash = []*os.File{os.NewFile(3, "witness")}, true
		c.Line = func(_ run.Stream, line string) { fmt.Println(line) }
		_, err := c.Run(context.Background())
		t.Fatalf("the command ended: %v", err)
	}
	w, gone := witness(t)
	self := exec.Command(os.Args[0], "-test.run=^TestLeash$")
	self.Env, self.ExtraFiles = append(os.Environ(), starterEnv+"=1"), []*os.File{w}
	out, err := self.StdoutPipe()
	if err == nil {
		err = self.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "up\n" {
		t.Fatalf("the command said %q, %v", line, err)
	}
	if err := self.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := self.Wait(); err == nil {
		t.Fatal("the starter was not killed")
	}
	gone()
}

// TestLeashHolds: a command that ends by itself is as without a leash, and nothing of it is left.
func TestLeashHolds(t *testing.T) {
	w, gone := witness(t)
	c := sh(`echo "$1" >&2; cat <&3; exit 3`, "a b")
	c.Leash, c.ExtraFiles = true, []*os.File{openFile(t, "input"), w}
	r, err := c.Run(t.Context())
	if e := failure(t, err); e.ExitCode != 3 || e.Stderr != "a b\n" || string(r.Stdout) != "input" {
		t.Errorf("code %d, stderr %q, stdout %q", e.ExitCode, e.Stderr, r.Stdout)
	}
	gone()
	c = run.Command("ioc-no-such-program")
	c.Leash = true
	if _, err := c.Run(t.Context()); !errors.Is(err, exec.ErrNotFound) {
		t.Errorf("a program that is not there: %v", err)
	}
}

// openFile is an open file with that content.
func openFile(t *testing.T, content string) *os.File {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "file"))
	if err == nil {
		_, err = f.WriteString(content)
	}
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}
