package eventstest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// bound is how long one child may take; one that hangs is told to show its stacks.
const bound = 2 * time.Minute

// keepEnv names the environment variable that keeps the directory of a cell that failed.
const keepEnv = "IOC_KEEP"

// cell is one crash of a scenario.
type cell struct {
	t     testing.TB
	s     *Scenario
	dir   string
	notes []string // what was run, for the message of a failure
	n     int      // children so far
}

// Dry runs the whole of s once, not killed, and tells the worlds and the points where it can be killed:
// every record that a sink sees and every probe.
func Dry(t testing.TB, s Scenario) World {
	t.Helper()
	c := newCell(t, &s)
	w := World{Before: c.begin()}
	r := c.child(order{Phase: "operation"}, 0)
	w.After, w.Points, w.At, w.Took = c.snapshot(), r.Points, r.At, r.Took
	if r.Err != "" && w.After != w.Before && s.Allowed == nil {
		c.fatalf("it failed (%s) and left the world changed (-before +after):\n%s", r.Err, cmp.Diff(w.Before, w.After))
	}
	c.clean()
	return w
}

// Crash runs s once, kills it as kill says, lets it be recovered by other processes, of which up to two
// are killed, too, at points that seed chooses, and compares the world with w.
//
// If the operation came to its end before kill, the world must be the one after it, and killed is false.
func Crash(t testing.TB, s Scenario, w World, kill Kill, seed uint64) (killed bool) {
	t.Helper()
	c := newCell(t, &s)
	if before := c.begin(); before != w.Before {
		c.fatalf("the world before differs from that of the dry run (-want +got):\n%s", cmp.Diff(w.Before, before))
	}
	o := order{Phase: "operation", Point: kill.Point, Late: kill.Late}
	if i := kill.Point - 1; i >= 0 && i < len(w.Points) {
		o.Name = w.Points[i]
		for _, p := range w.Points[:kill.Point] {
			if p == o.Name {
				o.Nth++
			}
		}
	}
	r := c.child(o, kill.After)
	c.cut()
	killed = r.Killed != "" || r.Points == nil
	wants := map[string]string{"before": w.Before, "after": w.After}
	switch {
	case r.Points == nil: // from outside: nobody knows where
	case c.s.Forward && r.Killed != "":
	case r.Committed || r.Killed == "":
		delete(wants, "before")
	default:
		delete(wants, "after")
	}
	c.recover(rand.New(rand.NewPCG(seed, 1))) //nolint:gosec // to be repeated
	world := c.snapshot()
	c.compare(world, w, wants)
	c.clean()
	if s.Once || s.Allowed != nil || world != w.Before || w.Before == w.After {
		return killed
	}
	if r := c.child(order{Phase: "operation"}, 0); r.Err != "" {
		c.fatalf("it cannot be repeated after the recovery: %s", r.Err)
	}
	c.again()
	c.compare(c.snapshot(), w, map[string]string{"after": w.After})
	c.clean()
	return killed
}

// compare fails the test if world is none of wants.
func (c *cell) compare(world string, w World, wants map[string]string) {
	c.t.Helper()
	if c.s.Allowed != nil {
		if !c.s.Allowed(world, w.Before, w.After) {
			c.fatalf("the world is not allowed:\n%s", world)
		}
		return
	}
	var diffs []string
	for name, want := range wants {
		if world == want {
			return
		}
		diffs = append(diffs, fmt.Sprintf("the world is not the one %s (-want +got):\n%s", name, cmp.Diff(want, world)))
	}
	c.fatalf("%s", strings.Join(diffs, "\n"))
}

func newCell(t testing.TB, s *Scenario) *cell {
	t.Helper()
	dir, err := os.MkdirTemp("", "ioc-crash-")
	if err != nil {
		t.Fatal(err)
	}
	c := &cell{t: t, s: s, dir: dir}
	t.Cleanup(func() {
		if t.Failed() && os.Getenv(keepEnv) != "" {
			t.Logf("the wreck is kept in %s", dir)
			return
		}
		if s.Cleanup != nil {
			if err := s.Cleanup(c.place()); err != nil {
				t.Errorf("cleanup: %v", err)
			}
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return c
}

// place is the scenario's directory; reports are beside it.
func (c *cell) place() string { return filepath.Join(c.dir, "world") }

// begin makes the world before and returns it.
func (c *cell) begin() string {
	c.t.Helper()
	if err := os.Mkdir(c.place(), 0o700); err != nil {
		c.t.Fatal(err)
	}
	if c.s.Setup != nil {
		if err := c.s.Setup(c.place()); err != nil {
			c.fatalf("setup: %v", err)
		}
	}
	if c.s.Before != nil {
		if r := c.child(order{Phase: "before"}, 0); r.Err != "" {
			c.fatalf("the operation before failed: %s", r.Err)
		}
	}
	return c.snapshot()
}

func (c *cell) snapshot() string {
	c.t.Helper()
	text, err := c.s.Snapshot(c.place())
	if err != nil {
		c.fatalf("snapshot: %v", err)
	}
	return text
}

// recover runs recoveries until one came to its end.
func (c *cell) recover(rng *rand.Rand) {
	c.t.Helper()
	for range 2 {
		r := c.child(order{Phase: "recover", Point: 1 + rng.IntN(16)}, 0)
		if r.Killed == "" {
			c.judge(r)
			c.again()
			return
		}
		c.cut()
	}
	c.judge(c.child(order{Phase: "recover"}, 0))
	c.again()
}

// again lets the power go when all was done, and what comes next recovers: it may find again what needs no more undoing.
func (c *cell) again() {
	c.t.Helper()
	if c.s.Cut != nil {
		c.cut()
		c.judge(c.child(order{Phase: "recover"}, 0))
	}
}

// cut lets the power go, if the scenario can.
func (c *cell) cut() {
	c.t.Helper()
	if c.s.Cut == nil {
		return
	}
	if err := c.s.Cut(c.place()); err != nil {
		c.fatalf("cut: %v", err)
	}
	c.notes = append(c.notes, "the power is cut")
}

func (c *cell) judge(r report) {
	c.t.Helper()
	if r.Err != "" || len(r.Residue) > 0 {
		c.fatalf("the recovery failed: %s; residue: %s", r.Err, strings.Join(r.Residue, "; "))
	}
}

// clean checks that recovery has nothing more to do.
func (c *cell) clean() {
	c.t.Helper()
	if c.s.Clean != nil {
		if err := c.s.Clean(c.place()); err != nil {
			c.fatalf("not clean: %v", err)
		}
		return
	}
	if r := c.child(order{Phase: "recover"}, 0); r.Work > 0 || r.Err != "" {
		c.fatalf("a further recovery still had %d things to do: %s", r.Work, strings.Join(r.Points, " "))
	}
}

// child runs one process to its end, whatever that is.
func (c *cell) child(o order, after time.Duration) (r report) {
	c.t.Helper()
	c.n++
	base := filepath.Join(c.dir, fmt.Sprintf("%d-%s", c.n, o.Phase))
	o.Scenario, o.Dir, o.Report, o.Begun = c.s.Name, c.place(), base+".json", after > 0
	text, err := json.Marshal(o)
	if err != nil {
		c.t.Fatal(err)
	}
	output, err := os.Create(base + ".out") // a file: what the child leaves alive may hold it
	if err != nil {
		c.t.Fatal(err)
	}
	defer output.Close()
	exe, err := os.Executable()
	if err != nil {
		c.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), bound)
	defer cancel()
	cmd := exec.CommandContext(ctx, exe)
	cmd.Env = append(os.Environ(), childEnv+"="+string(text),
		"GORACE="+strings.TrimSpace(os.Getenv("GORACE")+" atexit_sleep_ms=0")) // else every child of a -race test waits a second
	cmd.Stdout, cmd.Stderr = output, output
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGQUIT) }
	cmd.WaitDelay = 10 * time.Second
	err = c.start(cmd, after)
	killed := cmd.ProcessState != nil && killedBy(cmd.ProcessState)
	note := fmt.Sprintf("%s: %v", o.Phase, cmd.ProcessState)
	if text, err := os.ReadFile(o.Report); err == nil {
		if err := json.Unmarshal(text, &r); err != nil {
			c.fatalf("report of %s: %v", o.Phase, err)
		}
		if r.Killed != "" {
			note += fmt.Sprintf(" at point %d, %s", len(r.Points), r.Killed)
		}
	} else if err == nil || !killed || after == 0 && o.Late == 0 {
		out, _ := os.ReadFile(base + ".out") //nolint:errcheck // for the message
		c.fatalf("%s ended without a report (%v):\n%s", o.Phase, err, out)
	}
	c.notes = append(c.notes, note)
	switch {
	case r.Fault != "":
		c.fatalf("the stream of %s: %s", o.Phase, r.Fault)
	case err != nil && !killed:
		c.fatalf("%s: %v", o.Phase, err)
	}
	return r
}

// start runs cmd, and kills it that long after it said that it begins.
func (c *cell) start(cmd *exec.Cmd, after time.Duration) error {
	if after <= 0 {
		return cmd.Run()
	}
	begun, theirs, err := os.Pipe()
	if err != nil {
		return err
	}
	defer begun.Close()
	cmd.ExtraFiles = []*os.File{theirs}
	err = errors.Join(cmd.Start(), theirs.Close())
	if err != nil {
		return err
	}
	if _, err := begun.Read(make([]byte, 1)); err != nil {
		return errors.Join(err, cmd.Wait())
	}
	kill := time.AfterFunc(after, func() { _ = cmd.Process.Kill() }) // it may be over
	defer kill.Stop()
	return cmd.Wait()
}

func killedBy(p *os.ProcessState) bool {
	status, ok := p.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGKILL
}

func (c *cell) fatalf(format string, args ...any) {
	c.t.Helper()
	c.t.Fatalf("%s: %s\nprocesses:\n  %s", c.s.Name, fmt.Sprintf(format, args...), strings.Join(c.notes, "\n  "))
}
