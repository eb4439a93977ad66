package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// prefix begins the names of all that these tests make outside of a test's own directory.
const prefix = "ioc-cmd-"

// bench is what the tests of one run share.
type bench struct {
	dir     string // everything is below it; others may enter, because an ordinary user runs ioc there
	program string // the built ioc
	people  []*person
}

var shared bench //nolint:gochecknoglobals // made once by TestMain, never changed

func TestMain(m *testing.M) {
	flag.Parse()
	// Transcripts wait for disks and for processes that end more than they compute.
	if p := flag.Lookup("test.parallel"); p.Value.String() == strconv.Itoa(runtime.GOMAXPROCS(0)) {
		_ = p.Value.Set(strconv.Itoa(2 * runtime.GOMAXPROCS(0))) // it is a number
	}
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "cmd/ioc:", err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	sweep()
	dir, err := os.MkdirTemp("", prefix+strconv.Itoa(os.Getpid())+"-")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		return 0, err
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		return 0, err
	}
	shared = bench{dir: dir, program: filepath.Join(dir, "ioc")}
	// As make build does: the program is executed again inside of jails, where there are no libraries.
	build := exec.Command("go", "build", "-trimpath", "-o", shared.program, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	build.Stdout, build.Stderr = os.Stderr, os.Stderr
	if err := build.Run(); err != nil {
		return 0, fmt.Errorf("go build: %w", err)
	}
	if shared.people, err = invite(dir, shared.program); err != nil {
		return 0, err
	}
	defer func() {
		for _, p := range shared.people {
			err = errors.Join(err, p.leave())
		}
	}()
	return m.Run(), nil
}

// sweep ends what tests that were killed have left: jails, directories, users.
func sweep() {
	old, _ := filepath.Glob(filepath.Join(os.TempDir(), prefix+"*-*")) //nolint:errcheck // the pattern is right
	for _, dir := range old {
		words := strings.Split(strings.TrimPrefix(filepath.Base(dir), prefix), "-")
		if pid, err := strconv.Atoi(words[0]); err != nil || alive(pid) {
			continue
		}
		program := filepath.Join(dir, "ioc")
		_ = filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
			if err != nil || !d.IsDir() {
				return nil //nolint:nilerr // what cannot be read is not ours
			}
			if _, err := os.Stat(filepath.Join(path, "journal")); err != nil {
				return nil //nolint:nilerr // no root of jails
			}
			for _, problem := range clear(path, func(args ...string) *exec.Cmd { return exec.Command(program, args...) }) {
				fmt.Fprintln(os.Stderr, "cmd/ioc: sweeping:", problem)
			}
			return filepath.SkipDir
		})
		if err := os.RemoveAll(dir); err != nil {
			fmt.Fprintln(os.Stderr, "cmd/ioc: sweeping:", err)
		}
	}
	sweepUsers()
}

func alive(pid int) bool {
	err := syscall.Kill(pid, 0)
	return err == nil || errors.Is(err, syscall.EPERM)
}

// clear ends and destroys all that is below the root of jails dir, with the program that ioc makes a
// command of, and lists what did not work.
func clear(dir string, ioc func(args ...string) *exec.Cmd) []string {
	var problems []string
	do := func(args ...string) string {
		cmd := ioc(append([]string{"--root", dir, "-q"}, args...)...)
		var stderr strings.Builder
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil {
			problems = append(problems, fmt.Sprintf("ioc %s: %v: %s", strings.Join(args, " "), err, stderr.String()))
		}
		return string(out)
	}
	names := func(table string) []string {
		var all []string
		for line := range strings.Lines(table) {
			name, _, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
			all = append(all, name)
		}
		return all
	}
	do("recover")
	for _, jail := range names(do("list", "-H")) {
		do("destroy", "--force", jail)
	}
	for _, release := range names(do("list", "--releases", "-H")) {
		do("destroy", "--yes", "--release", release)
	}
	if left := do("recover", "--list"); left != "" {
		problems = append(problems, "the journal still has: "+left)
	}
	return problems
}
