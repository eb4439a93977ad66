package main

import (
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// startOnTerminal starts a jail whose exec_start does not end, on a terminal, and waits until it runs.
func startOnTerminal(t *testing.T, at *place, command string) (*terminal, *exec.Cmd) {
	t.Helper()
	at.do("create", "web", "exec_start="+command)
	x := newTerminal(t, at.p, 24, 100)
	cmd := at.ioc("start", "web")
	cmd.Env = append(cmd.Env, "TERM=xterm", "NO_COLOR=1")
	x.start(cmd)
	x.wait("exec_start: " + command)
	x.wait("✓ exec /bin/sh")
	return x, cmd
}

// TestInterruptOnTerminal breaks off a start by the key, by SIGTERM and by SIGHUP, and sees the rollback.
func TestInterruptOnTerminal(t *testing.T) {
	for name, stop := range map[string]func(*terminal, *exec.Cmd) error{
		"interrupt":  func(x *terminal, _ *exec.Cmd) error { x.press("\x03"); return nil },
		"terminated": func(_ *terminal, cmd *exec.Cmd) error { return cmd.Process.Signal(syscall.SIGTERM) },
		"hangup":     func(_ *terminal, cmd *exec.Cmd) error { return cmd.Process.Signal(syscall.SIGHUP) },
	} {
		t.Run(name, func(t *testing.T) {
			everywhere(t, func(t *testing.T, at *place) {
				command, _ := sleeper(t)
				x, cmd := startOnTerminal(t, at, command)
				before := x.settings()
				if err := stop(x, cmd); err != nil {
					t.Fatal(err)
				}
				x.wait("ioc: " + name + ": taking back what was done; once more leaves it as it is")
				x.wait("✗ start web")
				x.wait("↩ undo start init")
				x.wait("ioc: exec_start web: " + name)
				if code := finish(t, cmd); code != 130 {
					t.Errorf("exit code %d, want 130", code)
				}
				if after := x.settings(); after != before {
					t.Errorf("terminal settings were %+v and are %+v", before, after)
				}
				if got := at.state("web"); got != "stopped" {
					t.Errorf("the jail is %s, want stopped", got)
				}
			})
		})
	}
}

// TestInterruptTwice gives up a rollback that does not get on: what is left is said, and the command that is
// named clears it when it can be cleared.
func TestInterruptTwice(t *testing.T) {
	everywhere(t, func(t *testing.T, at *place) {
		command, find := sleeper(t)
		x, cmd := startOnTerminal(t, at, command)
		release := hold(t, find())
		x.press("\x03")
		x.wait("taking back what was done; once more leaves it as it is")
		x.wait("waiting for ") // it does not get on, and says on whom it waits
		x.press("\x03")
		x.wait("ioc: exec_start web: interrupt")
		x.wait("left behind: ")
		x.wait("clear it with: ioc recover")
		if code := finish(t, cmd); code != 2 {
			t.Errorf("exit code %d, want 2: %s", code, x.rest())
		}
		if left := at.do("recover", "--list"); !strings.Contains(left, "jail.start web") {
			t.Errorf("recover --list says %q", left)
		}
		release()
		at.do("recover")
		if left := at.do("recover", "--list"); left != "" {
			t.Errorf("after recover something is left behind:\n%s", left)
		}
		if got := at.state("web"); got != "stopped" {
			t.Errorf("the jail is %s, want stopped", got)
		}
	})
}

// TestTerminalClosesInRollback rolls back to the end when the terminal is closed, although its shell says so once more,
// as shells do, and although nothing can be written any more.
func TestTerminalClosesInRollback(t *testing.T) {
	everywhere(t, func(t *testing.T, at *place) {
		command, find := sleeper(t)
		x, cmd := startOnTerminal(t, at, command)
		release := hold(t, find())
		x.close()
		if err := cmd.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		release()
		if code := finish(t, cmd); code != 130 {
			t.Errorf("exit code %d, want 130", code)
		}
		// What nobody could see any more is kept.
		if got := at.do("events", "-H", "--jail", "web", "-o", "what,outcome", "--sort=-started"); !strings.HasPrefix(got, "start web\tcancelled\n") {
			t.Errorf("the history is\n%s", got)
		}
		shown, err := at.ioc("events", "last").CombinedOutput()
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"exec_start: " + command, "undo start init", "hangup"} {
			if !strings.Contains(string(shown), want) {
				t.Errorf("shown again it does not say %q but\n%s", want, shown)
			}
		}
		if left := at.do("recover", "--list"); left != "" {
			t.Errorf("something is left behind:\n%s", left)
		}
		if got := at.state("web"); got != "stopped" {
			t.Errorf("the jail is %s, want stopped", got)
		}
	})
}
