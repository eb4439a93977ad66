package main

import (
	"errors"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// stageVariable tells the bench that it is where enclose puts it.
const stageVariable = "IOC_BENCH_STAGE"

// enclose starts this program again in a mount namespace of its own, and takes the place of the
// machine's first process for whatever is started there: it reaps what others leave to be reaped. Mounts
// that were forgotten go with the namespace; processes that were forgotten are killed.
func enclose() (code int, err error) {
	self, err := os.Executable()
	if err != nil {
		return 1, err
	}
	attr := &syscall.SysProcAttr{}
	if os.Geteuid() == 0 {
		attr.Unshareflags = unix.CLONE_NEWNS // makes all propagation private, too
		if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
			return 1, err
		}
	}
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(signals)
	p, err := os.StartProcess(self, os.Args, &os.ProcAttr{
		Env:   append(os.Environ(), stageVariable+"=1"), //nolint:forbidigo // passed on as it is
		Files: []*os.File{os.Stdin, os.Stdout, os.Stderr},
		Sys:   attr,
	})
	if err != nil {
		return 1, err
	}
	go func() {
		for s := range signals {
			if s != os.Interrupt { // the terminal sends that one to both
				_ = p.Signal(s)
			}
		}
	}()
	status, err := reapUntil(p.Pid)
	if err != nil {
		return 1, err
	}
	return status.ExitStatus(), killOrphans()
}

// reapUntil reaps every child until the one with this number has ended.
func reapUntil(pid int) (unix.WaitStatus, error) {
	for {
		var status unix.WaitStatus
		ended, err := unix.Wait4(-1, &status, 0, nil)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil || ended == pid {
			return status, err
		}
	}
}

// killOrphans ends what nobody has ended. Only this process's children are concerned: what they
// started becomes its child when they end.
func killOrphans() error {
	for {
		for _, pid := range children() {
			if n, err := strconv.Atoi(pid); err == nil {
				_ = unix.Kill(n, unix.SIGKILL)
			}
		}
		_, err := unix.Wait4(-1, nil, 0, nil)
		if errors.Is(err, unix.ECHILD) {
			return nil
		}
		if err != nil && !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// children lists the children of all threads of this process.
func children() []string {
	var all []string
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return nil
	}
	for _, t := range tasks {
		if b, err := os.ReadFile("/proc/self/task/" + t.Name() + "/children"); err == nil {
			all = append(all, strings.Fields(string(b))...)
		}
	}
	return all
}
