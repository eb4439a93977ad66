//go:build linux

package files

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"

	"github.com/libioc/ioc/userland/internal/applet"
	"golang.org/x/sys/unix"
)

func test(_ context.Context, p *applet.Proc) error {
	const help = "Files: -e exists, -f file, -d directory, -h -L link, -s not empty, -r -w -x may be read, written, executed,\n" +
		"-p pipe, -S socket, -b -c device, -u -g -k mode bits, -O -G own, A -nt B newer, A -ot B older, A -ef B same.\n" +
		"Strings: -n S not empty, -z S empty, A = B, A != B, A < B, A > B. Numbers: A -eq B, -ne, -lt, -le, -gt, -ge.\n" +
		"Also: -t FD is a terminal, ! E, E -a E, E -o E, ( E ). The status is 0 for true, 1 for false, 2 after an error."
	args := p.Args
	if p.Name == "[" {
		if !p.Inside && p.Help(help) {
			return nil
		}
		if len(args) == 0 || args[len(args)-1] != "]" {
			p.Errorf("a closing ] is missing")
			return applet.Exit(2)
		}
		args = args[:len(args)-1]
	} else if !p.Inside && p.Help(help) {
		return nil
	}
	t := &condition{p: p, args: args}
	ok, err := t.evaluate()
	if err != nil {
		p.Errorf("%s", err)
		return applet.Exit(2)
	}
	if !ok {
		return applet.Exit(1)
	}
	return nil
}

// condition evaluates the words of a test. With up to four words their number decides what they mean,
// as POSIX has it; with more they are parsed.
type condition struct {
	p    *applet.Proc
	args []string
}

func (t *condition) evaluate() (bool, error) {
	a := t.args
	switch {
	case len(a) == 0:
		return false, nil
	case len(a) == 1:
		return a[0] != "", nil
	case len(a) == 2 && a[0] == "!":
		return a[1] == "", nil
	case len(a) == 2:
		return t.unary(a[0], a[1])
	case len(a) == 3 && isBinary(a[1]):
		return t.binary(a[0], a[1], a[2])
	case len(a) == 3 && a[0] == "!":
		t.args = a[1:]
		ok, err := t.evaluate()
		return !ok, err
	case len(a) == 3 && a[0] == "(" && a[2] == ")":
		return a[1] != "", nil
	case len(a) == 4 && a[0] == "!":
		t.args = a[1:]
		ok, err := t.evaluate()
		return !ok, err
	}
	ok, err := t.or()
	if err == nil && len(t.args) > 0 {
		err = fmt.Errorf("unexpected %q", t.args[0])
	}
	return ok, err
}

func (t *condition) peek() string {
	if len(t.args) == 0 {
		return ""
	}
	return t.args[0]
}

func (t *condition) or() (bool, error) {
	ok, err := t.and()
	for err == nil && t.peek() == "-o" {
		t.args = t.args[1:]
		var more bool
		more, err = t.and()
		ok = ok || more
	}
	return ok, err
}

func (t *condition) and() (bool, error) {
	ok, err := t.not()
	for err == nil && t.peek() == "-a" {
		t.args = t.args[1:]
		var more bool
		more, err = t.not()
		ok = ok && more
	}
	return ok, err
}

func (t *condition) not() (bool, error) {
	if t.peek() == "!" && len(t.args) > 1 {
		t.args = t.args[1:]
		ok, err := t.not()
		return !ok, err
	}
	return t.primary()
}

func (t *condition) primary() (bool, error) {
	a := t.args
	switch {
	case len(a) == 0:
		return false, fmt.Errorf("an argument is missing")
	case len(a) >= 3 && isBinary(a[1]):
		t.args = a[3:]
		return t.binary(a[0], a[1], a[2])
	case a[0] == "(":
		t.args = a[1:]
		ok, err := t.or()
		if err == nil && t.peek() != ")" {
			return false, fmt.Errorf("a ) is missing")
		}
		if err == nil {
			t.args = t.args[1:]
		}
		return ok, err
	case len(a) >= 2 && IsUnaryTest(a[0]):
		t.args = a[2:]
		return t.unary(a[0], a[1])
	}
	t.args = a[1:]
	return a[0] != "", nil
}

func isBinary(op string) bool {
	switch op {
	case "=", "==", "!=", "<", ">", "-eq", "-ne", "-lt", "-le", "-gt", "-ge", "-nt", "-ot", "-ef":
		return true
	}
	return false
}

// IsUnaryTest reports whether op is an operator of test with one operand.
func IsUnaryTest(op string) bool {
	return len(op) == 2 && op[0] == '-' && strings.IndexByte("bcdefghkLprsStuwxOGnzN", op[1]) >= 0
}

func (t *condition) unary(op, arg string) (bool, error) {
	if !IsUnaryTest(op) {
		return false, fmt.Errorf("unknown operator %q", op)
	}
	switch op {
	case "-n":
		return arg != "", nil
	case "-z":
		return arg == "", nil
	case "-t":
		fd, err := strconv.Atoi(arg)
		if err != nil {
			return false, fmt.Errorf("%q is not a number", arg)
		}
		return t.terminal(fd), nil
	}
	return FileTest(op[1], t.p.Path(arg)), nil
}

// terminal reports whether one of the applet's streams is a terminal.
func (t *condition) terminal(fd int) bool {
	var f *os.File
	switch fd {
	case 0:
		f = applet.File(t.p.Stdin)
	case 1:
		f = applet.File(t.p.Stdout)
	case 2:
		f = applet.File(t.p.Stderr)
	}
	if f == nil {
		return false
	}
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}

// FileTest answers the unary file tests of test and [[.
func FileTest(op byte, path string) bool {
	switch op {
	case 'r':
		return unix.Faccessat(unix.AT_FDCWD, path, unix.R_OK, unix.AT_EACCESS) == nil
	case 'w':
		return unix.Faccessat(unix.AT_FDCWD, path, unix.W_OK, unix.AT_EACCESS) == nil
	case 'x':
		return unix.Faccessat(unix.AT_FDCWD, path, unix.X_OK, unix.AT_EACCESS) == nil
	case 'h', 'L':
		fi, err := os.Lstat(path)
		return err == nil && fi.Mode()&os.ModeSymlink != 0
	}
	fi, err := os.Stat(path)
	if err != nil {
		return false
	}
	mode := fi.Mode()
	st := fi.Sys().(*syscall.Stat_t)
	switch op {
	case 'e', 'a':
		return true
	case 'f':
		return mode.IsRegular()
	case 'd':
		return mode.IsDir()
	case 's':
		return fi.Size() > 0
	case 'p':
		return mode&os.ModeNamedPipe != 0
	case 'S':
		return mode&os.ModeSocket != 0
	case 'c':
		return mode&os.ModeCharDevice != 0
	case 'b':
		return mode&os.ModeDevice != 0 && mode&os.ModeCharDevice == 0
	case 'u':
		return mode&os.ModeSetuid != 0
	case 'g':
		return mode&os.ModeSetgid != 0
	case 'k':
		return mode&os.ModeSticky != 0
	case 'O':
		return int(st.Uid) == os.Geteuid()
	case 'G':
		return int(st.Gid) == os.Getegid()
	case 'N':
		return st.Mtim.Nano() > st.Atim.Nano()
	}
	return false
}

// CompareFiles answers -nt, -ot and -ef.
func CompareFiles(op, a, b string) bool {
	x, errX := os.Stat(a)
	y, errY := os.Stat(b)
	switch op {
	case "-nt":
		return errX == nil && (errY != nil || x.ModTime().After(y.ModTime()))
	case "-ot":
		return errY == nil && (errX != nil || x.ModTime().Before(y.ModTime()))
	}
	return errX == nil && errY == nil && os.SameFile(x, y)
}

func (t *condition) binary(a, op, b string) (bool, error) {
	switch op {
	case "=", "==":
		return a == b, nil
	case "!=":
		return a != b, nil
	case "<":
		return a < b, nil
	case ">":
		return a > b, nil
	case "-nt", "-ot", "-ef":
		return CompareFiles(op, t.p.Path(a), t.p.Path(b)), nil
	}
	x, err := strconv.ParseInt(strings.TrimSpace(a), 10, 64)
	if err != nil {
		return false, fmt.Errorf("%q is not a number", a)
	}
	y, err := strconv.ParseInt(strings.TrimSpace(b), 10, 64)
	if err != nil {
		return false, fmt.Errorf("%q is not a number", b)
	}
	switch op {
	case "-eq":
		return x == y, nil
	case "-ne":
		return x != y, nil
	case "-lt":
		return x < y, nil
	case "-le":
		return x <= y, nil
	case "-gt":
		return x > y, nil
	}
	return x >= y, nil
}
