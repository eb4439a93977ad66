//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain builds the program as it is shipped, because what is tested is the program.
func TestMain(m *testing.M) {
	os.Exit(run(m))
}

// binDir is the environment variable that tells the tests where the program and its links are.
const binDir = "USERLAND_TEST_BIN"

func run(m *testing.M) int {
	if os.Getenv(binDir) != "" {
		return m.Run() // built already, for example by another user
	}
	dir, err := os.MkdirTemp("", "userland")
	if err == nil {
		defer os.RemoveAll(dir)
		err = build(dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	os.Setenv(binDir, dir)
	return m.Run()
}

func build(dir string) error {
	if err := os.Chmod(dir, 0o755); err != nil {
		return err
	}
	cmd := exec.Command("go", "build", "-tags=nethttpomithttp2", "-trimpath", "-ldflags=-s -w", "-o", filepath.Join(dir, program), ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("go build: %w", err)
	}
	for _, name := range names() {
		if err := os.Symlink(program, filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	return nil
}

// TestTranscripts runs the transcripts of testdata: what people type and what they get.
func TestTranscripts(t *testing.T) {
	bin := os.Getenv(binDir)
	testscript.Run(t, testscript.Params{
		Dir:           "testdata",
		UpdateScripts: os.Getenv("UPDATE") != "",
		Setup: func(env *testscript.Env) error {
			env.Setenv("PATH", bin)
			env.Setenv("HOME", env.WorkDir)
			env.Setenv("TMPDIR", env.WorkDir)
			env.Setenv("TZ", "UTC")
			env.Setenv("BIN", bin)
			env.Setenv("COLUMNS", "80")
			env.Setenv("GORACE", os.Getenv("GORACE"))
			// Others than root must be able to look at the files.
			return os.Chmod(env.WorkDir, 0o755)
		},
		Condition: func(cond string) (bool, error) {
			switch cond {
			case "root":
				return os.Geteuid() == 0, nil
			case "userns":
				return exec.Command(filepath.Join(bin, "unshare"), "-U", "true").Run() == nil, nil
			}
			return false, fmt.Errorf("unknown condition %q", cond)
		},
	})
}

// TestEveryApplet sees to it that each applet has a transcript of a success and of a failure, and a help
// that begins as all do.
func TestEveryApplet(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	good, bad := map[string]bool{}, map[string]bool{}
	line := regexp.MustCompile(`(?m)^(?:\[[^]]*\] )*(!? ?)exec ([^ \n]+)`)
	inScript := regexp.MustCompile(`(?m)(?:^\t?|[|;&('] *)([a-z0-9]+)(?:[ ']|$)`)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range line.FindAllStringSubmatch(string(text), -1) {
			if strings.HasPrefix(m[1], "!") {
				bad[m[2]] = true
			} else {
				good[m[2]] = true
			}
		}
		for _, m := range inScript.FindAllStringSubmatch(string(text), -1) {
			good[m[1]] = true
		}
	}
	// What these cannot do.
	never := map[string]string{"true": "bad", "echo": "bad", "false": "good"}
	for _, name := range names() {
		if !good[name] && never[name] != "good" {
			t.Errorf("%s: no transcript of a success", name)
		}
		if !bad[name] && never[name] != "bad" {
			t.Errorf("%s: no transcript of a failure", name)
		}
		out, err := exec.Command(filepath.Join(os.Getenv(binDir), name), "--help").Output()
		if name != "false" && err != nil {
			t.Errorf("%s --help: %v", name, err)
		}
		if !strings.HasPrefix(string(out), "Usage: "+name) {
			t.Errorf("%s --help begins with %.40q", name, out)
		}
	}
}

// TestNames keeps the table free of doubles.
func TestNames(t *testing.T) {
	all := names()
	if unique := slices.Compact(slices.Clone(all)); len(unique) != len(all) {
		t.Errorf("%d names, %d of them different", len(all), len(unique))
	}
	for _, name := range all {
		a, ok := find(name)
		if !ok || a.About == "" || !strings.HasSuffix(a.About, ".") {
			t.Errorf("%s: about is %q, want a sentence", name, a.About)
		}
	}
}

// TestSignalToItselfArrivesAtOnce loads the machine with as many scripts as make a signal late that is not
// sent to the thread which sends it: nothing of a script runs after it has killed its shell.
func TestSignalToItselfArrivesAtOnce(t *testing.T) {
	t.Parallel()
	sh := filepath.Join(os.Getenv(binDir), "sh")
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 40 {
				out, err := exec.Command(sh, "-c", "kill -TERM $$; echo ran on").Output()
				if exit := new(exec.ExitError); !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGTERM || len(out) > 0 {
					t.Errorf("a shell that killed itself wrote %q and ended with %v, want signal: terminated", out, err)
					return
				}
			}
		})
	}
	group.Wait()
}
