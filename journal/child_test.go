package journal

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/libioc/ioc/events"
)

// runChild is the test binary as another process. Its world and journal are directories, and it kills
// itself with SIGKILL at the point number JOURNAL_TEST_KILL: before a change of the world, or at a
// point of the engine.
func runChild(role string) int {
	dir := os.Getenv("JOURNAL_TEST_DIR")
	j, w, err := openTestDir(dir)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	at, _ := strconv.Atoi(os.Getenv("JOURNAL_TEST_KILL"))
	n := 0
	point := func() error {
		if n++; n == at {
			if err := syscall.Kill(os.Getpid(), syscall.SIGKILL); err != nil {
				return err
			}
			select {} // until it arrives
		}
		return nil
	}
	w.step = point
	opts := []events.Option{
		events.WithJournal(j), events.WithRegistry(w.registry()), events.WithOrigin("", os.Getpid()),
		events.WithProbe(func(events.Probe) { _ = point() }),
	}
	var out any
	switch role {
	case "run":
		out, err = w.op(os.Getenv("JOURNAL_TEST_OP")).Do(context.Background(), opts...)
	case "recover":
		out, err = j.Recover(w.registry()).Do(context.Background(), opts[3])
	case "parent":
		err = runParent(w, opts)
	case "helper": // holds what it inherited until its stdin ends
		fmt.Println("ready")
		_, err = io.Copy(io.Discard, os.Stdin)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if err := json.NewEncoder(os.Stdout).Encode(out); err != nil {
		return 1
	}
	return 0
}

// runParent starts a helper that inherits the slot's lock, then waits to be killed.
func runParent(w *world, opts []events.Option) error {
	_, err := events.New(&events.Named{Type: "parent"}, func(s events.Step) (int, error) {
		return 0, s.Apply(&helped{put{Name: "a", w: w}})
	}).Do(context.Background(), opts...)
	return err
}

// helped is a put whose Do starts a helper.
type helped struct{ put }

func (h *helped) Do(ctx context.Context) error {
	if err := h.put.Do(ctx); err != nil {
		return err
	}
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), "JOURNAL_TEST_ROLE=helper", "JOURNAL_TEST_KILL=")
	c.Stdin, c.Stdout, c.Stderr = os.Stdin, os.Stdout, os.Stderr
	c.ExtraFiles = []*os.File{events.LogOf(ctx).(interface{ LockFile() *os.File }).LockFile()}
	if err := c.Start(); err != nil {
		return err
	}
	select {}
}

func openTestDir(dir string) (*Journal, *world, error) {
	w := newWorld()
	w.dir = filepath.Join(dir, "world")
	j, err := Open(filepath.Join(dir, "journal"), Options{SlotSize: 4 << 10})
	w.j = j
	return j, w, errors.Join(err, os.MkdirAll(w.dir, 0o700))
}

// child prepares the test binary in role.
func child(t *testing.T, dir, role, op string, kill int) *exec.Cmd {
	t.Helper()
	c := exec.CommandContext(t.Context(), os.Args[0])
	c.Env = append(os.Environ(), "JOURNAL_TEST_ROLE="+role, "JOURNAL_TEST_DIR="+dir, "JOURNAL_TEST_OP="+op, "JOURNAL_TEST_KILL="+strconv.Itoa(kill))
	c.Stderr = new(bytes.Buffer)
	return c
}

// finish runs c and tells whether it was killed, and what it printed.
func finish(t *testing.T, c *exec.Cmd) (killed bool, out string) {
	t.Helper()
	text, err := c.Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		status, ok := exit.Sys().(syscall.WaitStatus)
		if ok && status.Signaled() && status.Signal() == syscall.SIGKILL {
			return true, ""
		}
	}
	if err != nil {
		t.Fatalf("%v: %v: %s", c.Env[len(c.Env)-4:], err, c.Stderr)
	}
	return false, string(text)
}

// TestKilledProcesses kills a process at every point, kills its recovery, too, then lets two
// recoveries run at once, and compares worlds.
func TestKilledProcesses(t *testing.T) {
	stride := 1
	if testing.Short() {
		stride = 4
	}
	for i, p := range programs {
		if !slices.Contains([]int{3, 4, 7, 10, 14, 17}, i) {
			continue
		}
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			for k := 1; ; k += stride {
				dir := t.TempDir()
				j, w, err := openTestDir(dir)
				if err != nil {
					t.Fatal(err)
				}
				for _, words := range []string{"x y", p.before} {
					if err := w.do(t, j, words); err != nil {
						t.Fatal(err)
					}
				}
				killed, _ := finish(t, child(t, dir, "run", p.words, k))
				finish(t, child(t, dir, "recover", "", 1+k%5))
				first, second := child(t, dir, "recover", "", 0), child(t, dir, "recover", "", 0)
				if err := first.Start(); err != nil {
					t.Fatal(err)
				}
				finish(t, second)
				if err := first.Wait(); err != nil {
					t.Fatalf("%v: %s", err, first.Stderr)
				}
				got := w.String()
				if !slices.Contains(p.worlds, got) || !killed && got != p.worlds[len(p.worlds)-1] {
					t.Errorf("%q killed at point %d: world is %q", p.words, k, got)
				}
				wantClean(t, j)
				if !killed {
					return
				}
			}
		})
	}
}

// TestTwoRecoveriesShareTheWork: what one has the other leaves alone, and nothing is done twice.
func TestTwoRecoveriesShareTheWork(t *testing.T) {
	dir := t.TempDir()
	j, w, err := openTestDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	const runs = 20
	for i := range runs {
		w.dir = "" // the things are made below, so that undoing twice would show
		w.die(t, j, fmt.Sprintf("a%d b%d", i, i))
		w.dir = filepath.Join(dir, "world")
		for _, n := range []string{"a", "b"} {
			if err := w.set(n+strconv.Itoa(i), false); err != nil {
				t.Fatal(err)
			}
		}
	}
	w.things = nil
	var cs []*exec.Cmd
	var outs []*bytes.Buffer
	for range 3 {
		c := child(t, dir, "recover", "", 0)
		out := new(bytes.Buffer)
		c.Stdout = out
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		cs, outs = append(cs, c), append(outs, out)
	}
	var sum Recovered
	for i, c := range cs {
		if err := c.Wait(); err != nil {
			t.Fatalf("%v: %s", err, c.Stderr)
		}
		var r Recovered
		if err := json.Unmarshal(outs[i].Bytes(), &r); err != nil {
			t.Fatal(err)
		}
		sum.Runs += r.Runs
		sum.Undone += r.Undone
	}
	if sum != (Recovered{Runs: runs, Undone: 2 * runs}) {
		t.Errorf("together they did %+v", sum)
	}
	wantWorld(t, w, "")
	wantClean(t, j)
}

// TestHelperHoldsTheLock: recovery waits for a helper that outlives its killed parent.
func TestHelperHoldsTheLock(t *testing.T) {
	dir := t.TempDir()
	j, w, err := openTestDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	c := child(t, dir, "parent", "", 0)
	stdin, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r, pw, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	c.Stdin, c.Stdout, c.Stderr = stdin, pw, os.Stderr // no pipe of exec, which would wait for the helper
	if err := errors.Join(c.Start(), stdin.Close(), pw.Close()); err != nil {
		t.Fatal(err)
	}
	out := bufio.NewReader(r)
	if line, err := out.ReadString('\n'); err != nil || strings.TrimSpace(line) != "ready" {
		t.Fatalf("%q, %v", line, err)
	}
	if err := c.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = c.Wait()
	if got := recoverAll(t, j, w); got != (Recovered{}) {
		t.Errorf("recovered while the helper lives: %+v", got)
	}
	wantWorld(t, w, "a")
	if err := in.Close(); err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, out) // until the helper is gone, but for its last descriptors
	for recoverAll(t, j, w) == (Recovered{}) {
		if err := t.Context().Err(); err != nil {
			t.Fatal(err)
		}
	}
	wantWorld(t, w, "")
	wantClean(t, j)
}
