package applet

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"syscall"
)

// ErrNotFound is the error of a command that is neither in PATH nor an applet.
var ErrNotFound = errors.New("not found")

// Look finds the file that a command name stands for. A name without a slash that PATH does not know
// may still be an applet: then path is this very program, to be started under that name.
func (p *Proc) Look(name string) (path string, err error) {
	path, err = LookPath(name, p.Getenv("PATH"), p.Path)
	if errors.Is(err, ErrNotFound) && p.Find != nil && !strings.Contains(name, "/") {
		if _, ok := p.Find(name); ok {
			return Self(), nil
		}
	}
	return path, err
}

// Self is a path of the running program.
func Self() string {
	if _, err := os.Stat("/proc/self/exe"); err == nil {
		return "/proc/self/exe"
	}
	if path, err := os.Executable(); err == nil {
		return path
	}
	return "/bin/userland"
}

// LookPath finds name in the directories of pathList. It returns ErrNotFound, or a permission error if
// only files that may not be executed were found.
func LookPath(name, pathList string, resolve func(string) string) (string, error) {
	executable := func(file string) error {
		fi, err := os.Stat(resolve(file))
		switch {
		case err != nil:
			return err
		case fi.IsDir():
			return syscall.EISDIR
		case fi.Mode()&0o111 == 0:
			return syscall.EACCES
		}
		return nil
	}
	if strings.Contains(name, "/") {
		err := executable(name)
		if errors.Is(err, fs.ErrNotExist) {
			err = ErrNotFound
		}
		return resolve(name), err
	}
	err := error(ErrNotFound)
	for dir := range strings.SplitSeq(pathList, ":") {
		if dir == "" {
			dir = "."
		}
		file := dir + "/" + name
		switch e := executable(file); {
		case e == nil:
			return resolve(file), nil
		case errors.Is(e, syscall.EACCES):
			err = e
		}
	}
	return "", err
}

// Command prepares a child process with the applet's streams, directory and environment.
func (p *Proc) Command(ctx context.Context, argv []string) (*exec.Cmd, error) {
	path, err := p.Look(argv[0])
	if err != nil {
		return nil, err
	}
	p.Flush()
	cmd := exec.CommandContext(ctx, path)
	cmd.Args = argv
	cmd.Dir = p.Dir
	cmd.Env = append([]string{}, p.Env...) // nil would mean this process's own
	cmd.Stdin = p.Stdin
	if f := File(p.Stdin); f != nil {
		cmd.Stdin = f
	}
	cmd.Stdout, cmd.Stderr = p.Stdout, p.Stderr
	return cmd, nil
}

// Status is the exit status of a command that was run, as a shell counts: 127 if it was not found, 126
// if it may not be executed, 128 and the number of the signal that ended it.
func Status(err error) int {
	if err == nil {
		return 0
	}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		if ws, ok := exit.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
			return 128 + int(ws.Signal())
		}
		return exit.ExitCode()
	}
	if errors.Is(err, ErrNotFound) || errors.Is(err, fs.ErrNotExist) {
		return 127
	}
	return 126
}

// RunCommand runs a command to its end and returns its exit status; that it could not be started is
// reported on standard error.
func (p *Proc) RunCommand(ctx context.Context, argv []string) int {
	cmd, err := p.Command(ctx, argv)
	if err == nil {
		err = cmd.Run()
	}
	if _, ran := errors.AsType[*exec.ExitError](err); err != nil && !ran {
		p.Fail(argv[0], err)
	}
	return Status(err)
}
