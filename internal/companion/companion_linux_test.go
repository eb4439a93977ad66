package companion_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/libioc/ioc/internal/companion"
)

const boot = "0a1b2c3d"

// TestMain is also a process that starts a companion and is killed, IOC_COMPANION says where.
func TestMain(m *testing.M) {
	if file := os.Getenv("IOC_COMPANION"); file != "" {
		_, err := companion.Start(companion.Command{File: file, Boot: boot, Argv: []string{"/bin/sleep", "1000"}})
		fmt.Println(err)
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
	os.Exit(m.Run())
}

func alive(pid int) bool { return !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) }

// TestEnd ends companions: one that does as it is told, one that does not, and one that has ended by itself.
func TestEnd(t *testing.T) {
	for name, script := range map[string]string{
		"willing": "echo ready; exec sleep 1000",
		"deaf":    "trap '' TERM; echo ready; while :; do sleep 1000; done",
		"over":    "echo ready",
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			file := filepath.Join(dir, "run", "one")
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			c, err := companion.Start(companion.Command{
				File: file, Boot: boot, Argv: []string{"/bin/sh", "-c", "echo words >&2; exec >&3 3>&-; " + script}, Env: os.Environ(), More: []*os.File{w},
			})
			_ = w.Close()
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if _, err := r.Read(make([]byte, 6)); err != nil {
				t.Fatal(err)
			}
			if said := c.Said(); said != "words" {
				t.Errorf("it said %q", said)
			}
			if name == "over" && !c.Wait(t.Context()) {
				t.Error("it does not end")
			}
			for range 2 {
				if err := companion.End(t.Context(), file, boot, 100*time.Millisecond); err != nil {
					t.Fatal(err)
				}
			}
			if alive(c.PID) {
				t.Errorf("process %d is still there", c.PID)
			}
			if left, _ := os.ReadDir(dir); len(left) > 0 {
				t.Errorf("left: %v", left)
			}
		})
	}
}

// TestAnother ends what a process has started that was killed.
func TestAnother(t *testing.T) {
	file := filepath.Join(t.TempDir(), "one")
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), "IOC_COMPANION="+file)
	if out, err := cmd.Output(); string(out) != "<nil>\n" {
		t.Fatalf("%q, %v", out, err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var pid int
	if _, err := fmt.Sscan(string(text), &pid); err != nil || !alive(pid) {
		t.Fatalf("%q: %v, alive %v", text, err, alive(pid))
	}
	if err := companion.End(t.Context(), file, "another-boot", time.Second); err != nil {
		t.Fatal(err)
	}
	if !alive(pid) {
		t.Fatal("a process of this boot was ended for one of another")
	}
	if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), os.WriteFile(file, text, 0o600)); err != nil {
		t.Fatal(err)
	}
	if err := companion.End(t.Context(), file, boot, time.Second); err != nil {
		t.Fatal(err)
	}
	if state, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)); err == nil && !strings.Contains(string(state), ") Z ") {
		t.Errorf("it is still there: %s", state)
	}
}

// TestNumberUsedAgain leaves a process alone that has the number of one that was started.
func TestNumberUsedAgain(t *testing.T) {
	file := filepath.Join(t.TempDir(), "one")
	if err := os.WriteFile(file, fmt.Appendf(nil, "%d %d %s\n", os.Getpid(), 1, boot), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := companion.End(t.Context(), file, boot, time.Second); err != nil {
		t.Fatal(err) // and would not be here
	}
}

// TestWaitsForStarter waits for somebody who starts a process, and says so when that takes too long.
func TestWaitsForStarter(t *testing.T) {
	file := filepath.Join(t.TempDir(), "one")
	f, err := os.Create(file)
	if err == nil {
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX)
	}
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := companion.End(ctx, file, boot, 0); err == nil || !strings.Contains(err.Error(), "is being started") {
		t.Errorf("got %v", err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if err := companion.End(t.Context(), file, boot, 0); err != nil {
		t.Error(err)
	}
}
