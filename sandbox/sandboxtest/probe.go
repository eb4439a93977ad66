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
	"testing"
)

// Probe is the path of the test program inside a root.
const Probe = "/probe"

// probeMark in the environment makes the test program a probe.
const probeMark = "IOC_PROBE"

// Main runs the tests, or what a jail's process is to do. It does not return.
func Main(m *testing.M) {
	if os.Getenv(probeMark) != "" {
		os.Exit(probe(os.Args[1:]))
	}
	os.Exit(m.Run())
}

// probe does what args say and returns the exit code. Text that tests read goes to standard output.
func probe(args []string) int {
	if extra := probes[args[0]]; extra != nil {
		return extra(args[1:])
	}
	fmt.Fprintln(os.Stderr, "probe: unknown:", args[0])
	return 99
}

// Command is something a probe can do.
type Command func(args []string) int

// AddProbe lets a driver's own tests have probes of their own. It is called before Main.
func AddProbe(name string, c Command) { probes[name] = c }

// probes is filled before Main and read in the jail.
var probes = map[string]Command{
	"exit":     func(a []string) int { n, _ := strconv.Atoi(a[0]); return n },
	"true":     func([]string) int { return 0 },
	"cat":      func([]string) int { return fail(io.Copy(os.Stdout, os.Stdin)) },
	"echo":     func(a []string) int { return fail(fmt.Println(strings.Join(a, " "))) },
	"complain": func(a []string) int { return fail(fmt.Fprintln(os.Stderr, strings.Join(a, " "))) },
	"env":      func([]string) int { return fail(fmt.Println(strings.Join(os.Environ(), "\n"))) },
	"read":     probeRead,
	"write":    func(a []string) int { return fail(0, os.WriteFile(a[0], []byte(a[1]), 0o644)) },
	"list":     probeList,
	"cwd":      func([]string) int { d, err := os.Getwd(); fmt.Println(d); return fail(0, err) },
	"host":     func([]string) int { h, err := os.Hostname(); fmt.Println(h); return fail(0, err) },
	"id":       probeID,
	"fds":      probeFDs,
	"hold":     probeHold,
	"trap":     probeTrap,
	"die": func(a []string) int {
		n, _ := strconv.Atoi(a[0])
		_ = syscall.Kill(os.Getpid(), syscall.Signal(n))
		select {}
	},
	"tty":    probeTTY,
	"orphan": probeOrphan,
	"pids":   probePids,
}

func fail[T any](_ T, err error) int {
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
			return fail(0, err)
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
	return fail(0, err)
}

func probeID([]string) int {
	groups, err := os.Getgroups()
	sort.Ints(groups)
	fmt.Println(os.Getuid(), os.Getgid(), groups, os.Getenv("HOME"))
	return fail(0, err)
}

// probeFDs lists the process's descriptors but the one that lists.
func probeFDs([]string) int {
	entries, err := os.ReadDir("/proc/self/fd")
	for _, e := range entries {
		if to, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil && !strings.HasPrefix(to, "anon_inode:") && !strings.HasSuffix(to, "/fd") {
			fmt.Println(e.Name(), to)
		}
	}
	return fail(0, err)
}

// probeHold says that it is there and stays until its input ends or it is killed.
func probeHold([]string) int {
	fmt.Println("ready")
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		return 1
	}
	select {}
}

// probeTrap says that it is there, and what the first signal was.
func probeTrap(args []string) int {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGTERM, syscall.SIGUSR1, syscall.SIGHUP, syscall.SIGINT)
	fmt.Println("ready")
	fmt.Println((<-c).String())
	return 0
}

// probeTTY says whether its standard files are a terminal, whose, and how large it is, and again at each
// change of size, until a line comes in.
func probeTTY([]string) int {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGWINCH)
	name, _ := os.Readlink("/proc/self/fd/0")
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return fail(0, err)
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
func probeOrphan([]string) int {
	p, err := os.StartProcess(Probe, []string{Probe, "hold"}, &os.ProcAttr{
		Env: os.Environ(), Files: []*os.File{nil, os.Stdout}, Sys: &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		return fail(0, err)
	}
	fmt.Println(p.Pid)
	return 0
}

// probePids lists the processes one can see, with their names.
func probePids([]string) int {
	names, err := filepath.Glob("/proc/[0-9]*/comm")
	for _, n := range names {
		if b, err := os.ReadFile(n); err == nil {
			fmt.Printf("%s %s", strings.Split(n, "/")[2], b)
		}
	}
	return fail(0, err)
}
