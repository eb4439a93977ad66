package main

import (
	"bytes"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// patience is how long something may take that should take no time: it bounds a test that hangs.
const patience = time.Minute

// terminal is one that a program can be started on, and a person at it.
type terminal struct {
	t      *testing.T
	keys   *os.File // what is typed goes in, what is shown comes out
	screen *os.File // the program's side
	seen   bytes.Buffer
	last   string // what was shown between the last two that were waited for
}

func newTerminal(t *testing.T, p *person, rows, cols uint16) *terminal {
	t.Helper()
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	x := &terminal{t: t, keys: os.NewFile(uintptr(fd), "keys")}
	t.Cleanup(func() { x.keys.Close() })
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if x.screen, err = os.OpenFile("/dev/pts/"+strconv.Itoa(n), os.O_RDWR|syscall.O_NOCTTY, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { x.screen.Close() })
	if err := x.screen.Chown(p.uid, -1); err != nil {
		t.Fatal(err)
	}
	x.resize(rows, cols)
	return x
}

// control calls do with the descriptor of the program's side.
func (x *terminal) control(do func(fd int) error) {
	x.t.Helper()
	raw, err := x.screen.SyscallConn()
	if err != nil {
		x.t.Fatal(err)
	}
	var inner error
	if err := raw.Control(func(fd uintptr) { inner = do(int(fd)) }); err != nil || inner != nil {
		x.t.Fatal(err, inner)
	}
}

func (x *terminal) resize(rows, cols uint16) {
	x.t.Helper()
	x.control(func(fd int) error {
		return unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: rows, Col: cols})
	})
}

// settings are what a program can change and must restore.
func (x *terminal) settings() (s unix.Termios) {
	x.t.Helper()
	x.control(func(fd int) error {
		got, err := unix.IoctlGetTermios(fd, unix.TCGETS)
		if err == nil {
			s = *got
		}
		return err
	})
	return s
}

// start starts cmd with the terminal as its own, in a session of its own.
func (x *terminal) start(cmd *exec.Cmd) {
	x.t.Helper()
	cmd.Stdin, cmd.Stdout, cmd.Stderr = x.screen, x.screen, x.screen
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setsid, cmd.SysProcAttr.Setctty = true, true
	begin(x.t, cmd)
}

// close closes the terminal, as its window or its connection does.
func (x *terminal) close() {
	x.t.Helper()
	for _, f := range []*os.File{x.screen, x.keys} {
		if err := f.Close(); err != nil {
			x.t.Fatal(err)
		}
	}
}

// press types.
func (x *terminal) press(keys string) {
	x.t.Helper()
	if _, err := x.keys.WriteString(keys); err != nil {
		x.t.Fatal(err)
	}
}

// wait waits until text is shown, after what was waited for before.
func (x *terminal) wait(text string) {
	x.t.Helper()
	if err := x.keys.SetReadDeadline(time.Now().Add(patience)); err != nil {
		x.t.Fatal(err)
	}
	buf := make([]byte, 4096)
	for {
		if i := strings.Index(x.seen.String(), text); i >= 0 {
			x.last = string(x.seen.Next(i + len(text))[:i])
			return
		}
		n, err := x.keys.Read(buf)
		x.seen.Write(buf[:n])
		if err != nil && n == 0 {
			x.t.Fatalf("%q was not shown (%v); what was is:\n%s", text, err, x.seen.String())
		}
	}
}

// rest is all that is still to be shown; the program has ended.
func (x *terminal) rest() string {
	x.t.Helper()
	for buf := make([]byte, 4096); ; {
		if err := x.keys.SetReadDeadline(time.Now()); err != nil {
			x.t.Fatal(err)
		}
		n, err := x.keys.Read(buf)
		x.seen.Write(buf[:n])
		if err != nil {
			return x.seen.String()
		}
	}
}
