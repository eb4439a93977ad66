package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// slow makes a jail whose start is at work in exec_start until somebody ends it.
func slow(at *place) {
	at.do("create", "web", "exec_start=sleep 1000")
}

// TestInterrupt breaks off a start by each signal that asks for it. It is rolled back, and the exit code
// says that all is as it was.
func TestInterrupt(t *testing.T) {
	for name, sig := range map[string]syscall.Signal{"INT": syscall.SIGINT, "TERM": syscall.SIGTERM, "HUP": syscall.SIGHUP} {
		t.Run(name, func(t *testing.T) {
			everywhere(t, func(t *testing.T, at *place) {
				slow(at)
				w := at.watch(at.ioc("--events", "ndjson", "start", "web"))
				w.until("begin", "jail.hook")
				if err := w.Process.Signal(sig); err != nil {
					t.Fatal(err)
				}
				code, stream := w.end()
				if code != 130 {
					t.Errorf("exit code %d, want 130: %s", code, w.stderr.String())
				}
				if !strings.Contains(stream, `"kind":"undo"`) || !strings.Contains(stream, `"reason":"cancelled"`) {
					t.Errorf("the stream shows no rollback:\n%s", stream)
				}
				for _, want := range []string{
					": taking back what was done; once more leaves it as it is\n", "\nioc: exec_start web: ",
				} {
					if !strings.Contains(w.stderr.String(), want) {
						t.Errorf("standard error does not say %q but\n%s", want, w.stderr.String())
					}
				}
				if got := at.state("web"); got != "stopped" {
					t.Errorf("the jail is %s, want stopped", got)
				}
				if left := at.do("recover", "--list"); left != "" {
					t.Errorf("something is left behind:\n%s", left)
				}
			})
		})
	}
}

// TestInterruptWhileReading breaks off a fetch whose archive does not come.
func TestInterruptWhileReading(t *testing.T) {
	everywhere(t, func(t *testing.T, at *place) {
		r, writer, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer writer.Close()
		cmd := at.ioc("--events", "ndjson", "fetch", "--from-tar", "-", "slow")
		cmd.Stdin = r
		w := at.watch(cmd)
		r.Close()
		w.until("begin", "release.unpack")
		if err := w.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if code, _ := w.end(); code != 130 {
			t.Errorf("exit code %d, want 130: %s", code, w.stderr.String())
		}
		if got := at.do("list", "--releases", "-H"); got != "" {
			t.Errorf("there is a release:\n%s", got)
		}
	})
}

// TestInterruptedRecover breaks off a recovery: what it has begun comes to its end, the rest is there for the next one, and the
// error says so.
func TestInterruptedRecover(t *testing.T) {
	everywhere(t, func(t *testing.T, at *place) {
		gate := filepath.Join(at.dir, "gate") // the hook gives up if the test dies
		at.do("create", "web", "exec_start=sleep 1000", "exec_poststop=n=0; until [ -e "+gate+" ] || [ $n = 6000 ]; do sleep 0.01; n=$((n+1)); done")
		start := at.watch(at.ioc("--events", "ndjson", "start", "web"))
		start.until("begin", "jail.hook")
		if err := start.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		start.end()
		w := at.watch(at.ioc("--events", "ndjson", "recover"))
		w.until("begin", "jail.hook")
		if err := w.Process.Signal(syscall.SIGINT); err != nil {
			t.Fatal(err)
		}
		w.untilSaid(": taking back what was done")
		if err := os.WriteFile(gate, nil, 0o644); err != nil {
			t.Fatal(err)
		}
		code, stream := w.end()
		if code != 2 || !strings.Contains(w.stderr.String(), "\nioc: recover: broken off: 1 of the things that were left behind are still there\n  ioc recover goes on\n") {
			t.Errorf("exit code %d, want 2: %s\n%s", code, w.stderr.String(), stream)
		}
		at.do("recover")
		if left := at.do("recover", "--list"); left != "" {
			t.Errorf("something is left behind:\n%s", left)
		}
		if got := at.state("web"); got != "stopped" {
			t.Errorf("the jail is %s, want stopped", got)
		}
	})
}

// TestIgnoredSignals are those that were ignored when ioc began: nohup, and jobs in the background. They
// do not break off anything, and what runs in a jail does not inherit them.
func TestIgnoredSignals(t *testing.T) {
	everywhere(t, func(t *testing.T, at *place) {
		at.do("create", "web", "exec_start=cat /proc/self/status >/status; sleep 0.3")
		cmd := at.ioc("--events", "ndjson", "start", "web")
		cmd.Args = append([]string{"sh", "-c", `trap "" HUP INT; exec "$0" "$@"`}, cmd.Args...)
		cmd.Args[3] = cmd.Path
		shell, err := exec.LookPath("sh")
		if err != nil {
			t.Fatal(err)
		}
		cmd.Path = shell
		w := at.watch(cmd)
		w.until("begin", "jail.hook")
		for _, sig := range []os.Signal{syscall.SIGHUP, syscall.SIGINT} {
			if err := w.Process.Signal(sig); err != nil {
				t.Fatal(err)
			}
		}
		if code, _ := w.end(); code != 0 {
			t.Errorf("exit code %d, want 0: %s", code, w.stderr.String())
		}
		if got := at.state("web"); got != "running" {
			t.Errorf("the jail is %s, want running", got)
		}
		for line := range strings.Lines(at.do("exec", "web", "cat", "/status")) {
			if mask, ok := strings.CutPrefix(line, "SigIgn:"); ok && strings.Trim(mask, "\t0\n") != "" {
				t.Errorf("a program in the jail ignores signals: %s", mask)
			}
		}
	})
}

// TestKilled leaves to the next command what a killed one had begun.
func TestKilled(t *testing.T) {
	everywhere(t, func(t *testing.T, at *place) {
		slow(at)
		kill := func() {
			t.Helper()
			w := at.watch(at.ioc("--events", "ndjson", "start", "web"))
			w.until("begin", "jail.hook")
			if err := w.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			if code, _ := w.end(); code != -1 {
				t.Fatalf("exit code %d of a killed program", code)
			}
		}
		kill()
		left := at.do("recover", "--list")
		if !strings.Contains(left, "jail.start web, of pid ") {
			t.Errorf("recover --list does not tell of the dead start:\n%s", left)
		}
		at.do("recover")
		if left := at.do("recover", "--list"); left != "" {
			t.Errorf("after recover something is left behind:\n%s", left)
		}
		if got := at.state("web"); got != "stopped" {
			t.Errorf("the jail is %s, want stopped", got)
		}
		kill()
		at.do("set", "exec_start=none", "web") // any operation recovers first
		at.do("start", "web")
		if left := at.do("recover", "--list"); left != "" {
			t.Errorf("after the next start something is left behind:\n%s", left)
		}
	})
}

// TestBusy lets two operations meet on one jail: the second one is told about the first.
func TestBusy(t *testing.T) {
	everywhere(t, func(t *testing.T, at *place) {
		slow(at)
		w := at.watch(at.ioc("--events", "ndjson", "start", "web"))
		w.until("begin", "jail.hook")
		code, out := at.fails("stop", "web")
		if code != 1 || !strings.HasPrefix(out, "ioc: stop web: busy: start by pid ") || !strings.Contains(out, "\n  wait for it, then try again\n") {
			t.Errorf("a second operation ended with %d and said %q", code, out)
		}
		if err := w.Process.Signal(syscall.SIGINT); err != nil {
			t.Fatal(err)
		}
		w.end()
		at.do("stop", "web")
	})
}

// TestNobodyReads goes on when the reader of its output has left.
func TestNobodyReads(t *testing.T) {
	everywhere(t, func(t *testing.T, at *place) {
		at.do("create", "web")
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		r.Close()
		cmd := at.ioc("--events", "ndjson", "start", "web")
		cmd.Stdout, cmd.Stderr = w, w
		begin(t, cmd)
		w.Close()
		if code := finish(t, cmd); code != 0 {
			t.Errorf("exit code %d, want 0", code)
		}
		if got := at.state("web"); got != "running" {
			t.Errorf("the jail is %s, want running", got)
		}
	})
}
