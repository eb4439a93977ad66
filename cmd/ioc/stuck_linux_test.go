package main

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

// hold keeps a process from being gone when it is killed, as a process does that hangs in a file system: nobody
// can reap it until release is called. What ends its jail waits for that.
func hold(t *testing.T, pid int) (release func()) {
	t.Helper()
	held, let, gone := make(chan error), make(chan struct{}), make(chan struct{})
	var holder func()
	holder = func() {
		runtime.LockOSThread() // and it is not unlocked: the thread ends, and its hold with it
		if unix.Gettid() == unix.Getpid() {
			// The first thread of a program does not end. While it is ours, another goroutine gets another one.
			go holder()
			<-let
			runtime.UnlockOSThread()
			return
		}
		defer close(gone)
		held <- unix.PtraceSeize(pid)
		<-let
	}
	go holder()
	if err := <-held; err != nil {
		t.Fatalf("hold process %d: %v", pid, err)
	}
	done := false
	release = func() {
		if !done {
			done = true
			close(let)
			<-gone
		}
	}
	t.Cleanup(release)
	return release
}

// sleeper makes a command that sleeps, and finds the process that does, by an argument that nobody else has.
func sleeper(t *testing.T) (command string, find func() int) {
	t.Helper()
	seconds := strconv.Itoa(1_000_000 + os.Getpid())
	return "sleep " + seconds, func() int {
		t.Helper()
		all, err := filepath.Glob("/proc/[0-9]*/cmdline")
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range all {
			words, err := os.ReadFile(path)
			if err != nil || !bytes.HasSuffix(words, []byte("sleep "+seconds+"\x00")) { // the jail's shell sleeps itself
				continue
			}
			pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
			if err != nil {
				t.Fatal(err)
			}
			return pid
		}
		t.Fatalf("nobody sleeps %s seconds", seconds)
		return 0
	}
}
