//go:build linux

package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// console is a shell on a terminal, with the test in the place of the person.
type console struct {
	t    *testing.T
	fd   int // of pty
	pty  *os.File
	cmd  *exec.Cmd
	home string

	mu   sync.Mutex
	out  bytes.Buffer
	seen int
	more chan struct{}
}

// patience bounds a wait for what the shell is expected to print.
const patience = 20 * time.Second

func newConsole(t *testing.T, args ...string) *console {
	t.Helper()
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	master := os.NewFile(uintptr(fd), "ptmx")
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		err = unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 60})
	}
	if err != nil {
		t.Fatal(err)
	}
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	bin := os.Getenv(binDir)
	c := &console{t: t, fd: fd, pty: master, home: t.TempDir(), more: make(chan struct{}, 1)}
	c.cmd = exec.Command(filepath.Join(bin, "sh"), args...)
	c.cmd.Env = []string{"PATH=" + bin, "HOME=" + c.home, "TERM=xterm", "PS1=$ ", "PS2=> "}
	c.cmd.Dir = c.home
	c.cmd.Stdin, c.cmd.Stdout, c.cmd.Stderr = slave, slave, slave
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	slave.Close()
	go c.read()
	t.Cleanup(func() {
		c.cmd.Process.Kill()
		c.cmd.Wait()
		master.Close()
	})
	return c
}

func (c *console) read() {
	buf := make([]byte, 4096)
	for {
		n, err := c.pty.Read(buf)
		c.mu.Lock()
		c.out.Write(buf[:n])
		c.mu.Unlock()
		select {
		case c.more <- struct{}{}:
		default:
		}
		if err != nil {
			return
		}
	}
}

// want waits until the shell has printed text after what was wanted before.
func (c *console) want(text string) {
	c.t.Helper()
	deadline := time.After(patience)
	for {
		c.mu.Lock()
		rest := c.out.String()[c.seen:]
		i := strings.Index(rest, text)
		if i >= 0 {
			c.seen += i + len(text)
		}
		c.mu.Unlock()
		if i >= 0 {
			return
		}
		select {
		case <-c.more:
		case <-deadline:
			c.t.Fatalf("no %q in what the shell printed: %q", text, rest)
		}
	}
}

func (c *console) send(keys string) {
	c.t.Helper()
	if _, err := c.pty.WriteString(keys); err != nil {
		c.t.Fatal(err)
	}
}

// end waits for the end of the shell and returns its exit status.
func (c *console) end() int {
	c.t.Helper()
	done := make(chan error, 1)
	go func() { done <- c.cmd.Wait() }()
	select {
	case <-done:
		return c.cmd.ProcessState.ExitCode()
	case <-time.After(patience):
		c.t.Fatalf("the shell did not end; it printed %q", c.out.String())
		return -1
	}
}

func TestConversation(t *testing.T) {
	c := newConsole(t)
	c.want("$ ")
	c.send("echo one two\r")
	c.want("\none two\r\n")
	c.send("for i in a b; do\r")
	c.want("> ")
	c.send("echo <$i>")
	c.send("\x15echo \"<$i>\"\r")
	c.send("done\r")
	c.want("<a>\r\n<b>\r\n")
	c.send("cat <<E\rtext\rE\r")
	c.want("\ntext\r\n")
	c.send("echo 'unfinished\rquote'\r")
	c.want("\nunfinished\r\nquote\r\n")
	c.send("nosuchcommand\r")
	c.want("nosuchcommand: not found")
	c.send("echo $?\r")
	c.want("\n127\r\n")
	c.send("if\x03")
	c.want("^C")
	c.send("echo ) oops\r")
	c.want("syntax error")
	c.send("exit 7\r")
	if status := c.end(); status != 7 {
		t.Errorf("exit status %d, want 7", status)
	}
	history, err := os.ReadFile(filepath.Join(c.home, ".sh_history"))
	if err != nil || !strings.HasPrefix(string(history), "echo one two\n") {
		t.Errorf("history is %q, %v", history, err)
	}
}

func TestEditing(t *testing.T) {
	c := newConsole(t)
	c.want("$ ")
	c.send("echo abd\x1b[Dc\r") // left
	c.want("\nabcd\r\n")
	c.want("$ ")
	c.send("cho x\x01e\x05y\r") // Ctrl-A, Ctrl-E
	c.want("\nxy\r\n")
	c.want("$ ")
	c.send("echo first second\x17third\r") // Ctrl-W
	c.want("\nfirst third\r\n")
	c.want("$ ")
	c.send("\x1b[A\x1b[A\x7fz\r") // up twice, backspace
	c.want("\nxz\r\n")
	c.want("$ ")
	c.send("\x12first\r") // Ctrl-R
	c.want("\nfirst third\r\n")
	c.want("$ ")
	c.send("echo häße\x1b[D\x1b[D\x1b[D\x7f\r") // over characters of two bytes
	c.want("\näße\r\n")
	c.want("$ ")
	long := strings.Repeat("0123456789", 9)
	c.send("echo " + long + "\x01\x1b[C\x1b[C\x1b[C\x1b[C\x1b[3~ X\r") // wraps twice; delete the blank, put " X"
	c.want("\r\nX" + long + "\r\n")
	c.want("$ ")
	c.send("echo lost\x15echo kept\x19\r") // Ctrl-U, Ctrl-Y
	c.want("\nkeptecho lost\r\n")
	c.want("$ ")
	c.send("ec\tdone\r") // completion of a command
	c.want("\ndone\r\n")
	c.want("$ ")
	if err := os.WriteFile(filepath.Join(c.home, "some file"), []byte("found\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	c.send("cat so\t\r") // completion of a file
	c.want("\nfound\r\n")
	c.want("$ ")
	c.send("gr\t\t") // two Tabs list
	c.want("grep")
	c.want("groups")
	c.send("\x15exit\r")
	c.end()
}

func TestInterrupt(t *testing.T) {
	c := newConsole(t)
	c.want("$ ")
	for _, command := range []string{
		"sleep 1000",                 // an applet in the shell's process
		"cat",                        // one that waits for the terminal
		"sleep 1000 | cat | sort",    // a pipeline of them
		"env sleep 1000",             // a program
		"while true; do true; done",  // nothing but the shell
		"x=$(sleep 1000); echo no",   // a substitution
		"(sleep 1000; echo no)",      // a subshell
		"read x",                     // a builtin
		"sleep 1000 & wait",          // a job
		"timeout 1000 sleep 1000",    // an applet with a process of its own
		"cat | head -n 1 && echo no", // a condition
		"yes >/dev/null",             // one that is busy
	} {
		c.t.Log(command)
		c.send(command + "; echo not reached\r")
		c.want("; echo not reached")
		c.want("\r\n")
		c.running()
		c.send("\x03")
		c.want("^C")
		c.want("$ ")
		c.send("echo st\"\"ill here\r")
		c.want("still here")
		c.want("$ ")
	}
	if strings.Contains(c.out.String(), "\r\nnot reached\r") || strings.Contains(c.out.String(), "\r\nno\r") {
		t.Errorf("something went on after an interrupt: %q", c.out.String())
	}
	c.send("exit 0\r")
	if status := c.end(); status != 0 {
		t.Errorf("exit status %d", status)
	}
}

// running waits until the terminal is out of the editor's hands: then a command has it.
func (c *console) running() {
	c.t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		t, err := unix.IoctlGetTermios(c.fd, unix.TCGETS)
		if err == nil && t.Lflag&unix.ISIG != 0 {
			return
		}
	}
	c.t.Fatal("no command runs")
}

func TestJobs(t *testing.T) {
	c := newConsole(t)
	c.want("$ ")
	c.send("sleep 1000 &\r")
	c.want("[1] ")
	c.send("jobs\r")
	c.want("[1]+ Running  sleep 1000")
	c.send("kill %1; wait\r")
	c.want("$ ")
	c.send("{ echo in the back; } &\r")
	c.want("in the back")
	c.send("wait; sleep 1000 &\r")
	c.send("fg\r")
	c.want("sleep 1000\r\n")
	c.send("\x03")
	c.want("$ ")
	c.send("exit\r")
	c.end()
}

// TestTypedAhead sees that what was typed for a command is not eaten by the editor.
func TestTypedAhead(t *testing.T) {
	c := newConsole(t)
	c.want("$ ")
	c.send("read x; echo \"got $x\"\rfor read\recho next\r")
	c.want("\ngot for read\r\n")
	c.want("\nnext\r\n")
	c.send("cat\r")
	c.want("\r\n")
	c.running()
	c.send("to cat\r")
	c.want("\r\nto cat\r\n")
	c.send("\x04echo after\r")
	c.want("\nafter\r\n")
	c.want("$ ")
	c.send("\x04") // the end of the input
	if status := c.end(); status != 0 {
		t.Errorf("exit status %d", status)
	}
}

// TestHangUp sees that a shell whose terminal is gone does not stay.
func TestHangUp(t *testing.T) {
	c := newConsole(t)
	c.want("$ ")
	c.pty.Close()
	c.end()
}

// TestScreens runs what fills a screen.
func TestScreens(t *testing.T) {
	c := newConsole(t)
	c.want("$ ")
	c.send("seq 100 | more\r")
	c.want("\r\n23\r\n")
	c.want("--More--")
	c.send("\r")
	c.want("24\r\n")
	c.want("--More--")
	c.send(" ")
	c.want("\r\n47\r\n")
	c.want("--More--")
	c.send("q")
	c.want("$ ")
	c.send("top\r")
	c.want("PID USER")
	c.send("M")
	c.want("PID USER")
	c.send("q")
	c.want("$ ")
	c.send("ls --color=auto /; stty size\r")
	c.want("\x1b[1;34m")
	c.want("24 60\r\n")
	c.want("$ ")
	c.send("exit\r")
	c.end()
}
