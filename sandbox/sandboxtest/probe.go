//go:build unix

package sandboxtest

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Probe is the path of the test program inside a root.
const Probe = "/probe"

// Command is something a probe can do with its arguments; it returns the exit code.
type Command func(args []string) int

// probe does what args say. Text that tests read goes to standard output.
func probe(args []string, more map[string]Command) int {
	if len(args) == 0 {
		return 99
	}
	if c := more[args[0]]; c != nil {
		return c(args[1:])
	}
	a := args[1:]
	switch args[0] {
	case "true":
		return 0
	case "exit":
		n, err := strconv.Atoi(a[0])
		return n + fail(err)
	case "die":
		n, err := strconv.Atoi(a[0])
		_ = syscall.Kill(os.Getpid(), syscall.Signal(n))
		return fail(err)
	case "cat":
		_, err := io.Copy(os.Stdout, os.Stdin)
		return fail(err)
	case "echo":
		fmt.Println(strings.Join(a, " "))
		return 0
	case "complain":
		fmt.Fprintln(os.Stderr, strings.Join(a, " "))
		return 0
	case "write":
		return fail(os.WriteFile(a[0], []byte(a[1]), 0o644))
	case "env":
		fmt.Println(strings.Join(os.Environ(), "\n"))
		return 0
	case "cwd":
		dir, err := os.Getwd()
		fmt.Println(dir)
		return fail(err)
	case "hostname":
		name, err := os.Hostname()
		fmt.Println(name)
		return fail(err)
	default:
		return probeMore(args[0], a)
	}
}

func probeMore(what string, a []string) int {
	switch what {
	case "read":
		return probeRead(a)
	case "list":
		return probeList(a)
	case "id":
		return probeID()
	case "hold":
		return probeHold()
	case "trap":
		return probeTrap()
	case "tty":
		return probeTTY()
	case "orphan":
		return probeOrphan()
	case "loopback":
		return probeLoopback()
	case "fork":
		return probeFork(a)
	case "processes":
		return probeProcesses()
	default:
		fmt.Fprintln(os.Stderr, "probe: unknown:", what)
		return 99
	}
}

func fail(err error) int {
	if err != nil {
		fmt.Fprintln(os.Stderr, "probe:", err)
		return 1
	}
	return 0
}

func probeRead(args []string) int {
	for _, name := range args {
		b, err := os.ReadFile(name)
		if err != nil {
			return fail(err)
		}
		_, _ = os.Stdout.Write(b)
	}
	return 0
}

func probeList(args []string) int {
	entries, err := os.ReadDir(args[0])
	for _, e := range entries {
		fmt.Println(e.Name())
	}
	return fail(err)
}

func probeID() int {
	groups, err := os.Getgroups()
	sort.Ints(groups)
	fmt.Println(os.Getuid(), os.Getgid(), groups, os.Getenv("HOME"))
	return fail(err)
}

// probeHold says that it is there and stays until it is killed.
func probeHold() int {
	fmt.Println("ready")
	for {
		_, _ = unix.Select(0, nil, nil, nil, nil)
	}
}

// probeTrap says that it is there, and what the first signal was.
func probeTrap() int {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGTERM, syscall.SIGUSR1, syscall.SIGHUP, syscall.SIGINT)
	fmt.Println("ready")
	fmt.Println((<-c).String())
	return 0
}

// probeTTY says whether its standard files are a terminal, whose, and how large it is, and again at each
// change of size, until a line comes in.
func probeTTY() int {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGWINCH)
	name, _ := os.Readlink("/proc/self/fd/0")
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return fail(err)
	}
	_ = tty.Close()
	fmt.Println("tty", name, windowSize())
	lines := make(chan string)
	go func() {
		in := bufio.NewScanner(os.Stdin)
		for in.Scan() {
			lines <- in.Text()
		}
		close(lines)
	}()
	for {
		select {
		case <-c:
			fmt.Println("size", windowSize())
		case line := <-lines:
			fmt.Println("line", line)
			return 7
		}
	}
}

// probeOrphan starts a process that outlives this one.
func probeOrphan() int {
	p, err := os.StartProcess(Probe, []string{Probe, "hold"}, &os.ProcAttr{
		Env: os.Environ(), Sys: &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		return fail(err)
	}
	fmt.Println(p.Pid)
	return 0
}

// probeLoopback connects to itself.
func probeLoopback() int {
	listener, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		return fail(err)
	}
	if err := unix.Bind(listener, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return fail(err)
	}
	if err := unix.Listen(listener, 1); err != nil {
		return fail(err)
	}
	where, err := unix.Getsockname(listener)
	if err != nil {
		return fail(err)
	}
	client, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		return fail(err)
	}
	return fail(unix.Connect(client, where))
}

// probeProcesses lists what the other probes of the jail do.
func probeProcesses() int {
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, l := range lines {
		if b, err := os.ReadFile(l); err == nil {
			if words := strings.Split(string(b), "\x00"); words[0] == Probe && len(words) > 1 {
				fmt.Println(words[1])
			}
		}
	}
	return fail(err)
}

// probeFork starts as many processes as it is told and says how many it got.
func probeFork(a []string) int {
	want, err := strconv.Atoi(a[0])
	if err != nil {
		return fail(err)
	}
	got := 0
	for range want {
		_, err := os.StartProcess(Probe, []string{Probe, "hold"}, &os.ProcAttr{Env: os.Environ()})
		if err != nil {
			break
		}
		got++
	}
	fmt.Println(got)
	return 0
}

// windowSize is the size of standard input's terminal, as "rows x columns".
func windowSize() string {
	w, err := unix.IoctlGetWinsize(0, unix.TIOCGWINSZ)
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%dx%d", w.Row, w.Col)
}
