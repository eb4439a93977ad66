package itest

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/libioc/ioc"
	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
)

// childEnv tells another process of these tests what to do.
const childEnv = "IOC_ITEST_CHILD"

// task is what another process does.
type task struct {
	Root  string
	Do    []string // operations, as deeds names them
	Jail  string
	Die   string // the point to be killed at, as the crash harness names points
	Leave bool   // and to leave a child that has all its files open
	Hold  string // the event to stop at: "held" is written to standard output and a line read
	Boot  string // a file with another boot id
	Show  bool   // write the picture to standard output at the end

	Within  time.Duration // to be killed after so long, wherever it is then
	Recover bool          // a recovery that fails, also one of another's run, is an error

	failed error // a recovery that did
}

// answer is what the process that failed says on standard error.
type answer struct {
	Error string
	Busy  bool
	Left  bool // something is left behind
	Op    string
	PID   int
	Since time.Time
}

// childMain is the other process.
func childMain() (code int, child bool) {
	order, child := os.LookupEnv(childEnv)
	if !child {
		return 0, false
	}
	var t task
	err := json.Unmarshal([]byte(order), &t)
	if err == nil {
		err = t.do()
	}
	if err == nil {
		return 0, true
	}
	a := answer{Error: err.Error(), Busy: errors.Is(err, fault.Busy), Left: errors.Is(err, fault.Residue)}
	if by, ok := errors.AsType[*fault.HeldError](err); ok {
		a.Op, a.PID, a.Since = by.Op, by.PID, by.Since
	}
	_ = json.NewEncoder(os.Stderr).Encode(a)
	return 1, true
}

// bootedAs lets a mount namespace, which is the caller's own, see another boot id.
func bootedAs(file string) error {
	if err := errors.Join(unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""),
		unix.Mount(file, "/proc/sys/kernel/random/boot_id", "", unix.MS_BIND, "")); err != nil {
		return fmt.Errorf("boot id: %w", err)
	}
	return nil
}

func (t *task) do() error {
	if t.Boot != "" {
		if err := bootedAs(t.Boot); err != nil {
			return err
		}
	}
	ctx := context.Background()
	h, err := ioc.Open(ctx, ioc.Options{Root: t.Root})
	if err != nil {
		return err
	}
	if t.Within > 0 {
		time.AfterFunc(t.Within, func() { _ = syscall.Kill(os.Getpid(), syscall.SIGKILL) })
	}
	all := deeds(h, t.Jail)
	for _, name := range t.Do {
		if err := all[name](ctx, events.WithSink(t.sink), events.WithProbe(t.probe)); err != nil {
			return errors.Join(fmt.Errorf("%s: %w", name, err), t.failed)
		}
	}
	if t.failed != nil {
		return t.failed
	}
	if t.Show {
		text, err := picture(t.Root)
		if err != nil {
			return err
		}
		_, err = os.Stdout.WriteString(text)
		return err
	}
	return nil
}

func (t *task) sink(ev *events.Event) {
	point := ev.Phase.String() + "-" + ev.Type()
	t.die(point)
	if t.Recover && point == "end-run.recover" && ev.Status == events.Failed {
		t.failed = fault.New("recover", fault.Residue, ev.Title(), ev.Err)
	}
	if t.Hold != "" && point == t.Hold {
		fmt.Println("held")
		_, _ = bufio.NewReader(os.Stdin).ReadString('\n') // whoever holds it may be gone
		t.Hold = ""
	}
}

func (t *task) probe(p events.Probe) { t.die(p.Point + "-" + p.Type) }

func (t *task) die(point string) {
	if t.Die == point {
		if t.Leave {
			leaveChild()
		}
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
}

// command makes the process that does t.
func (t task) command(ctx context.Context) (*exec.Cmd, error) {
	order, err := json.Marshal(t)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, "/proc/self/exe")
	cmd.Env = append(os.Environ(), childEnv+"="+string(order))
	cmd.SysProcAttr = &syscall.SysProcAttr{}
	if t.Boot != "" {
		cmd.SysProcAttr.Cloneflags = unix.CLONE_NEWNS
	}
	return cmd, nil
}

// run does t in a process of its own. Its words do not go through a pipe, which a jail could hold open.
func (t task) run(ctx context.Context, dir string) (string, answer, error) {
	cmd, err := t.command(ctx)
	if err != nil {
		return "", answer{}, err
	}
	out, err := os.CreateTemp(dir, "out")
	if err != nil {
		return "", answer{}, err
	}
	defer out.Close()
	said, err := os.CreateTemp(dir, "err")
	if err != nil {
		return "", answer{}, err
	}
	defer said.Close()
	cmd.Stdout, cmd.Stderr = out, said
	failed := cmd.Run()
	text, err := os.ReadFile(out.Name())
	words, err2 := os.ReadFile(said.Name())
	var a answer
	if json.Unmarshal(words, &a) != nil {
		a.Error = string(words)
	}
	if failed != nil && a.Error == "" {
		a.Error = failed.Error()
	}
	return string(text), a, errors.Join(err, err2)
}

// must does t in a process of its own, and wants it to succeed.
func (t task) must(tb testing.TB) string {
	tb.Helper()
	out, a, err := t.run(tb.Context(), tb.TempDir())
	if err != nil || a.Error != "" {
		tb.Fatalf("%s %s: %v: %s", strings.Join(t.Do, ", "), t.Jail, err, a.Error)
	}
	return out
}

// held is a process that waits in the middle of an operation.
type held struct {
	cmd   *exec.Cmd
	goOn  io.WriteCloser
	began time.Time
}

// hold does t until it reaches its event.
func (t task) hold(tb testing.TB) *held {
	tb.Helper()
	cmd, err := t.command(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	h := &held{cmd: cmd, began: time.Now()}
	cmd.Stderr = os.Stderr
	out, theirs, err := os.Pipe()
	if err != nil {
		tb.Fatal(err)
	}
	defer out.Close()
	cmd.Stdout = theirs
	if h.goOn, err = cmd.StdinPipe(); err == nil {
		err = cmd.Start()
	}
	if err = errors.Join(err, theirs.Close()); err != nil {
		tb.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "held\n" {
		tb.Fatalf("%s did not get to %s: %q, %v, %v", t.Do, t.Hold, line, err, cmd.Wait())
	}
	return h
}

// end lets it go on and waits for its end.
func (h *held) end(tb testing.TB) {
	tb.Helper()
	if err := errors.Join(h.goOn.Close(), h.cmd.Wait()); err != nil {
		tb.Error(err)
	}
}
