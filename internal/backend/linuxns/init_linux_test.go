package linuxns

import (
	"bufio"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/libioc/ioc/sandbox"
)

// TestHardeningInitForwards: a signal to a jail without a process of its own goes to those that joined.
func TestHardeningInitForwards(t *testing.T) {
	l := newLab(t)
	j := l.begin(t)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	s, err := l.Exec(j, probeProcess("trap"), sandbox.Stdio{Out: w})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Do(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.Close()
	lines := bufio.NewScanner(r)
	if !lines.Scan() || lines.Text() != "ready" {
		t.Fatalf("read %q", lines.Text())
	}
	if err := l.Signal(t.Context(), j, unix.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	if !lines.Scan() || lines.Text() != unix.SIGUSR1.String() {
		t.Errorf("the process got %q", lines.Text())
	}
	if _, err := s.Wait(t.Context()); err != nil {
		t.Error(err)
	}
	if status, err := l.Status(t.Context(), j); err != nil || status != sandbox.Running {
		t.Errorf("the jail is %s after a signal that does not end it (%v)", status, err)
	}
}

// TestHardeningInitReaps: nobody stays dead in a jail.
func TestHardeningInitReaps(t *testing.T) {
	l := newLab(t)
	j := l.begin(t)
	for range 20 {
		orphan := l.probe(t, j, "orphan")
		l.probe(t, j, "kill", orphan)
		for gone := false; !gone; { // its end and its parent's turn are the scheduler's
			gone = !slices.Contains(strings.Split(l.probe(t, j, "list", "/proc"), "\n"), orphan)
		}
	}
}

// probeKill kills a process by its number.
func probeKill(args []string) int {
	if err := unix.Kill(atoi(args[0]), unix.SIGKILL); err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}
