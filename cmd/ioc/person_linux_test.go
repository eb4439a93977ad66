package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// person is somebody who runs ioc: root, or an ordinary user.
type person struct {
	name     string // of subtests: "root", "user"
	uid, gid int
	bin      string // a directory in which "ioc" is the program, run as this person
	login    string // of a user who was made for the tests
}

// userPrefix begins the names of users that are made for the tests; their process's number follows.
const userPrefix = "ioctest"

// invite lists those whose jails can be tried here. Root tries both root's and an ordinary user's.
func invite(dir, program string) ([]*person, error) {
	if os.Geteuid() != 0 {
		fmt.Fprintln(os.Stderr, "cmd/ioc: not root: everything is tried as an ordinary user only")
		p := &person{name: "user", uid: os.Geteuid(), gid: os.Getegid()}
		return []*person{p}, p.settle(dir, program)
	}
	root := &person{name: "root"}
	if err := root.settle(dir, program); err != nil {
		return nil, err
	}
	p, err := newUser()
	if err != nil {
		fmt.Fprintln(os.Stderr, "cmd/ioc: no ordinary user could be made, so nothing is tried as one:", err)
		return []*person{root}, nil //nolint:nilerr // said loudly
	}
	return []*person{root, p}, p.settle(dir, program)
}

func newUser() (*person, error) {
	if _, err := exec.LookPath("setpriv"); err != nil {
		return nil, err
	}
	p := &person{name: "user", login: userPrefix + strconv.Itoa(os.Getpid())}
	out, err := exec.Command("useradd", "--no-create-home", "--shell", "/bin/false", p.login).CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("useradd: %w: %s", err, out)
	}
	u, err := user.Lookup(p.login)
	if err != nil {
		return nil, errors.Join(err, p.leave())
	}
	p.uid, err = strconv.Atoi(u.Uid)
	if err == nil {
		p.gid, err = strconv.Atoi(u.Gid)
	}
	return p, err
}

// settle gives the person a program to call.
func (p *person) settle(dir, program string) error {
	p.bin = filepath.Join(dir, "bin-"+p.name)
	if err := os.Mkdir(p.bin, 0o755); err != nil {
		return err
	}
	ioc := filepath.Join(p.bin, "ioc")
	if p.login == "" {
		return os.Symlink(program, ioc)
	}
	script := fmt.Sprintf("#!/bin/sh\nexec setpriv --reuid=%d --regid=%d --clear-groups --inh-caps=-all -- %s \"$@\"\n", p.uid, p.gid, program)
	return os.WriteFile(ioc, []byte(script), 0o755)
}

// leave removes a user who was made.
func (p *person) leave() error {
	if p.login == "" {
		return nil
	}
	return removeUser(p.login)
}

func removeUser(login string) error {
	out, err := exec.Command("userdel", login).CombinedOutput()
	if err != nil {
		return fmt.Errorf("userdel %s: %w: %s", login, err, out)
	}
	return nil
}

// sweepUsers removes users of tests that were killed.
func sweepUsers() {
	passwd, err := os.ReadFile("/etc/passwd")
	if err != nil || os.Geteuid() != 0 {
		return
	}
	for line := range strings.Lines(string(passwd)) {
		login, _, _ := strings.Cut(line, ":")
		number, ours := strings.CutPrefix(login, userPrefix)
		if pid, err := strconv.Atoi(number); !ours || err != nil || alive(pid) {
			continue
		}
		if err := removeUser(login); err != nil {
			fmt.Fprintln(os.Stderr, "cmd/ioc: sweeping:", err)
		}
	}
}

// own gives a tree of files to the person.
func (p *person) own(dir string) error {
	return filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, p.uid, p.gid)
	})
}

// command is a call of ioc by the person, with nothing of the tester's environment.
func (p *person) command(env []string, args ...string) *exec.Cmd {
	cmd := exec.Command(shared.program, args...)
	cmd.Env = env
	if p.login != "" {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(p.uid), Gid: uint32(p.gid)}}
	}
	return cmd
}
