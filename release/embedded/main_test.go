package embedded

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// guard is set in a test binary that is not to be built again.
const guard = "IOC_EMBEDDED_TEST"

// TestMain sees to it that what is tested is what the sources make: the blob is part of the test
// binary, so if it is missing or old, it is generated and the test binary is built and run once more.
func TestMain(m *testing.M) {
	if os.Getenv(guard) != "" {
		os.Exit(m.Run())
	}
	status, err := current(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		status = 1
	}
	os.Exit(status)
}

func current(m *testing.M) (status int, err error) {
	tmp, err := os.MkdirTemp("", "ioc-embedded")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(tmp)) }()
	if err := goCommand(".", "run", "gen.go", Arch(), tmp).Run(); err != nil {
		return 0, fmt.Errorf("generate: %w", err)
	}
	fresh, err := os.ReadFile(filepath.Join(tmp, filepath.Base(blobName())))
	if err != nil {
		return 0, err
	}
	if have, err := blob(); err == nil && bytes.Equal(have, fresh) {
		return m.Run(), nil
	}
	if err := goCommand(".", "generate", ".").Run(); err != nil {
		return 0, fmt.Errorf("go generate: %w", err)
	}
	again := filepath.Join(tmp, "again.test")
	if err := goCommand(".", "test", "-c", "-o", again, ".").Run(); err != nil {
		return 0, fmt.Errorf("go test -c: %w", err)
	}
	cmd := exec.Command(again, os.Args[1:]...)
	cmd.Env = append(os.Environ(), guard+"=1")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	err = cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode(), nil
	}
	return 0, err
}

// goCommand is the go command in a directory; what it prints is shown if it fails, and lost otherwise.
func goCommand(dir string, args ...string) *command {
	cmd := exec.Command("go", args...)
	cmd.Dir = dir
	// Flags of the test run, such as -race, are not those of the program.
	cmd.Env = append(os.Environ(), "GOFLAGS=")
	return &command{cmd}
}

type command struct{ cmd *exec.Cmd }

func (c *command) Run() error {
	out, err := c.cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return nil
}
