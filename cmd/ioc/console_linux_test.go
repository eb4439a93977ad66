package main

import (
	"bufio"
	"strings"
	"syscall"
	"testing"
)

// TestConsole is a person at a terminal: what is typed reaches the shell in the jail, the size of the
// terminal and its changes too, keys that mean a signal are the shell's, and in the end the exit code is
// the shell's and the terminal is as it was.
func TestConsole(t *testing.T) {
	everywhere(t, func(t *testing.T, at *place) {
		at.do("create", "web")
		at.do("start", "web")
		x := newTerminal(t, at.p, 30, 77)
		before := x.settings()
		cmd := at.ioc("console", "web")
		cmd.Env = append(cmd.Env, "TERM=xterm-test")
		x.start(cmd)
		x.press("echo he''re $(tty) $TERM\r")
		x.wait("here /dev/pts/0 xterm-test")
		x.press("echo size $(stty size)\r")
		x.wait("size 30 77")
		x.resize(20, 66)
		x.press("while [ \"$(stty size)\" != '20 66' ]; do sleep 0.01; done; echo ch''anged\r")
		x.wait("changed")
		x.press("echo sle''eping; sleep 1000\r")
		x.wait("sleeping")
		x.press("\x03")
		x.press("echo st''atus $?\r")
		x.wait("status 130")
		if during := x.settings(); during == before {
			t.Error("the terminal was not given to the shell")
		}
		x.press("exit 7\r")
		if code := finish(t, cmd); code != 7 {
			t.Errorf("exit code %d, want the shell's, 7: %s", code, x.rest())
		}
		if after := x.settings(); after != before {
			t.Errorf("terminal settings were %+v and are %+v", before, after)
		}
		if got := at.state("web"); got != "running" {
			t.Errorf("the jail is %s, want running", got)
		}
	})
}

// TestConsoleEndsFromOutside gives the terminal back when the jail is stopped.
func TestConsoleEndsFromOutside(t *testing.T) {
	everywhere(t, func(t *testing.T, at *place) {
		at.do("run", "web", "true")
		x := newTerminal(t, at.p, 24, 80)
		before := x.settings()
		cmd := at.ioc("console", "web")
		x.start(cmd)
		x.press("echo he''re\r")
		x.wait("here")
		at.do("stop", "--force", "web")
		if code := finish(t, cmd); code != 137 {
			t.Errorf("exit code %d, want that of a killed shell, 137: %s", code, x.rest())
		}
		if after := x.settings(); after != before {
			t.Errorf("terminal settings were %+v and are %+v", before, after)
		}
	})
}

// TestTerminalCloses ends the shell of a terminal that is closed.
func TestTerminalCloses(t *testing.T) {
	everywhere(t, func(t *testing.T, at *place) {
		at.do("run", "web", "true")
		x := newTerminal(t, at.p, 24, 80)
		cmd := at.ioc("console", "web")
		x.start(cmd)
		x.press("echo he''re\r")
		x.wait("here")
		x.screen.Close()
		x.keys.Close()
		if code := finish(t, cmd); code == 0 {
			t.Errorf("exit code %d of a shell that was hung up", code)
		}
		if got := at.do("exec", "web", "ps", "-e"); strings.Contains(got, " sh\n") {
			t.Errorf("the shell is there still:\n%s", got)
		}
	})
}

// TestSignalsArePassedOn lets the program in the jail have them.
func TestSignalsArePassedOn(t *testing.T) {
	everywhere(t, func(t *testing.T, at *place) {
		at.do("run", "web", "true")
		for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGUSR1} {
			cmd := at.ioc("exec", "web", "sh", "-c", "trap 'echo caught; exit 9' INT TERM HUP USR1; echo ready; while :; do sleep 0.01; done")
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			begin(t, cmd)
			in := bufio.NewScanner(out)
			in.Scan()
			if in.Text() != "ready" {
				t.Fatalf("the program says %q", in.Text())
			}
			if err := cmd.Process.Signal(sig); err != nil {
				t.Fatal(err)
			}
			in.Scan()
			if code := finish(t, cmd); in.Text() != "caught" || code != 9 {
				t.Errorf("after %v: exit code %d, and the program said %q", sig, code, in.Text())
			}
		}
	})
}
