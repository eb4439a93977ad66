//go:build linux

package process

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/libioc/ioc/userland/internal/applet"
	"golang.org/x/sys/unix"
)

// ParseSignal reads a signal's name, with or without SIG, or number.
func ParseSignal(s string) (syscall.Signal, error) {
	if n, err := strconv.Atoi(s); err == nil && n >= 0 && n < 65 {
		return syscall.Signal(n), nil
	}
	name := strings.ToUpper(s)
	if !strings.HasPrefix(name, "SIG") {
		name = "SIG" + name
	}
	if sig := unix.SignalNum(name); sig != 0 {
		return sig, nil
	}
	return 0, fmt.Errorf("unknown signal %q", s)
}

// SignalName is the name of a signal without SIG, or its number.
func SignalName(sig syscall.Signal) string {
	if name := strings.TrimPrefix(unix.SignalName(sig), "SIG"); name != "" {
		return name
	}
	return strconv.Itoa(int(sig))
}

// TakeSignal takes -9, -KILL or -s KILL from the beginning of the arguments.
func TakeSignal(args []string) (syscall.Signal, []string, error) {
	if len(args) == 0 || len(args[0]) < 2 || args[0][0] != '-' || args[0] == "--" {
		return syscall.SIGTERM, args, nil
	}
	switch {
	case (args[0] == "-s" || args[0] == "-n") && len(args) > 1:
		sig, err := ParseSignal(args[1])
		return sig, args[2:], err
	case strings.HasPrefix(args[0], "--signal="):
		sig, err := ParseSignal(args[0][9:])
		return sig, args[1:], err
	case args[0] == "-l" || strings.HasPrefix(args[0], "--"):
		return syscall.SIGTERM, args, nil
	}
	if sig, err := ParseSignal(args[0][1:]); err == nil {
		return sig, args[1:], nil
	}
	return syscall.SIGTERM, args, nil
}

func listSignals(p *applet.Proc, args []string) error {
	if len(args) == 0 {
		for n := 1; n < 32; n++ {
			p.Printf("%2d) %-8s", n, SignalName(syscall.Signal(n)))
			if n%6 == 0 || n == 31 {
				p.Printf("\n")
			}
		}
		return nil
	}
	for _, arg := range args {
		if n, err := strconv.Atoi(arg); err == nil {
			p.Println(SignalName(syscall.Signal(n & 127)))
			continue
		}
		sig, err := ParseSignal(arg)
		if err != nil {
			return err
		}
		p.Printf("%d\n", int(sig))
	}
	return nil
}

func kill(_ context.Context, p *applet.Proc) error {
	if p.Help("  -SIGNAL, -s SIGNAL      the signal, by name or number (default: TERM)\n  -l [SIGNAL]             list signals\n\nA negative PID is a process group, -1 all processes; signal 0 only tests.") {
		return nil
	}
	sig, args, err := TakeSignal(p.Args)
	if err != nil {
		return applet.Usagef("%s", err)
	}
	if len(args) > 0 && args[0] == "-l" {
		return listSignals(p, args[1:])
	}
	if len(args) > 0 && args[0] == "--" {
		args = args[1:]
	}
	if len(args) == 0 {
		return applet.Usagef("a process is needed")
	}
	for _, arg := range args {
		pid, err := strconv.Atoi(arg)
		if err != nil {
			if strings.HasPrefix(arg, "-") {
				return applet.Usagef("unknown signal or option %s", arg)
			}
			p.Errorf("%q is not a process", arg)
			continue
		}
		p.Fail(arg, Send(pid, sig))
	}
	return nil
}

// Send is kill(2), with what POSIX promises a process that signals itself kept for one of many threads: the
// signal arrives before the call returns. kill(2) may choose another thread, and what follows `kill -TERM $$`
// in a script, be it its end, would run first.
func Send(pid int, sig syscall.Signal) error {
	if pid != os.Getpid() {
		return syscall.Kill(pid, sig)
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	return unix.Tgkill(pid, unix.Gettid(), sig)
}

// named finds processes by the name of their program, without the applet itself.
func named(p *applet.Proc, name string) ([]info, error) {
	all, err := processes()
	return slices.DeleteFunc(all, func(in info) bool {
		if in.pid == os.Getpid() && !p.Inside {
			return true
		}
		script := len(in.args) > 1 && baseName(in.args[1]) == name
		return in.name() != name && in.comm != name && (len(in.args) == 0 || baseName(in.args[0]) != name) && !script
	}), err
}

func baseName(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }

func killall(_ context.Context, p *applet.Proc) error {
	sig, args, err := TakeSignal(p.Args)
	if err != nil {
		return applet.Usagef("%s", err)
	}
	p.Args = args
	o := p.Options()
	quiet := o.Flag("q quiet", "do not report names without processes")
	list := o.Flag("l list", "list signals")
	o.Note("  -SIGNAL, -s SIGNAL      the signal, by name or number (default: TERM)")
	names, err := o.Parse()
	if err != nil {
		return err
	}
	if *list {
		return listSignals(p, names)
	}
	if len(names) == 0 {
		return applet.Usagef("a name is needed")
	}
	missing := false
	for _, name := range names {
		found, err := named(p, name)
		if err != nil {
			return err
		}
		// A script named like the program it runs in is found by its second word; killall means programs.
		found = slices.DeleteFunc(found, func(in info) bool { return in.comm != name && in.name() != name && baseName(first(in.args)) != name })
		if len(found) == 0 {
			missing = true
			if !*quiet {
				p.Errorf("%s: no process found", name)
			}
		}
		for _, in := range found {
			p.Fail(strconv.Itoa(in.pid), syscall.Kill(in.pid, sig))
		}
	}
	if missing {
		return applet.Exit(1)
	}
	return nil
}

func first(args []string) string {
	if len(args) == 0 {
		return ""
	}
	return args[0]
}

func pidof(_ context.Context, p *applet.Proc) error {
	o := p.Options()
	single := o.Flag("s single-shot", "print only one process")
	names, err := o.Parse()
	if err != nil {
		return err
	}
	if len(names) == 0 {
		return applet.Usagef("a name is needed")
	}
	var pids []string
	for _, name := range names {
		found, err := named(p, name)
		if err != nil {
			return err
		}
		for _, in := range slices.Backward(found) {
			pids = append(pids, strconv.Itoa(in.pid))
		}
	}
	if len(pids) == 0 {
		return applet.Exit(1)
	}
	if *single {
		pids = pids[:1]
	}
	return p.Println(strings.Join(pids, " "))
}

func pgrep(_ context.Context, p *applet.Proc) error {
	sig := syscall.SIGTERM
	if p.Name == "pkill" {
		var err error
		if sig, p.Args, err = TakeSignal(p.Args); err != nil {
			return applet.Usagef("%s", err)
		}
	}
	o := p.Options()
	full := o.Flag("f full", "match the whole command line")
	exact := o.Flag("x exact", "match the whole name")
	invert := o.Flag("v inverse", "take what does not match")
	newest := o.Flag("n newest", "only the newest process")
	oldest := o.Flag("o oldest", "only the oldest process")
	user := o.String("u euid", "USER", "", "only processes of USER")
	parent := o.Int("P parent", "PID", 0, "only children of PID")
	names, lines := new(bool), false
	if p.Name == "pgrep" {
		names = o.Flag("l list-name", "print names too")
		o.Func("a list-full", "", "print command lines too", func(string) error { lines = true; return nil })
	}
	count := o.Flag("c count", "print the number of processes")
	args, err := o.Parse()
	if err != nil {
		return err
	}
	if len(args) != 1 && *user == "" && *parent == 0 {
		return applet.Usagef("one pattern is needed")
	}
	pattern := strings.Join(args, "")
	if *exact {
		pattern = "^(?:" + pattern + ")$"
	}
	re, err := regexp.Compile(pattern)
	if err != nil {
		return applet.Usagef("bad pattern %q", pattern)
	}
	all, err := processes()
	if err != nil {
		return err
	}
	v := newView()
	owner, err := v.names.User(*user)
	if *user != "" && err != nil {
		return err
	}
	found := slices.DeleteFunc(all, func(in info) bool {
		text := in.name()
		if *full {
			text = in.command()
		}
		hit := re.MatchString(text) && (*user == "" || in.uid == owner.UID) && (*parent == 0 || in.ppid == *parent)
		return in.pid == os.Getpid() && !p.Inside || hit == *invert
	})
	slices.SortStableFunc(found, func(a, b info) int { return int(int64(a.start) - int64(b.start)) })
	switch {
	case len(found) == 0:
	case *newest:
		found = found[len(found)-1:]
	case *oldest:
		found = found[:1]
	}
	if *count {
		p.Printf("%d\n", len(found))
	}
	for _, in := range found {
		switch {
		case p.Name == "pkill":
			p.Fail(strconv.Itoa(in.pid), syscall.Kill(in.pid, sig))
		case *count:
		case lines:
			p.Printf("%d %s\n", in.pid, in.command())
		case *names:
			p.Printf("%d %s\n", in.pid, in.name())
		default:
			p.Printf("%d\n", in.pid)
		}
	}
	if len(found) == 0 {
		p.Flush()
		return applet.Exit(1)
	}
	return nil
}
