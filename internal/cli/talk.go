package cli

import (
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/libioc/ioc/internal/view/term"
)

// drain bounds how long output is waited for that a program has left behind.
const drain = 2 * time.Second

// talk copies between the caller's files and the program's terminal until the returned function is
// called: it waits for what the program wrote last, and gives the terminal back. typed: the caller's
// input is a terminal.
func (s *session) talk(master *os.File, typed bool, restore func()) (end func()) {
	guard := func() { // a panic ends the program: it must not leave the terminal as it is
		if v := recover(); v != nil {
			restore()
			panic(v)
		}
	}
	var input sync.WaitGroup
	keys, err := term.NewKeys(s.c.env.Stdin, io.EOF)
	if err == nil {
		input.Go(func() {
			defer guard()
			s.feed(master, keys, typed)
		})
	}
	shown := make(chan struct{})
	go func() {
		defer close(shown)
		defer guard()
		s.show(master)
	}()
	resized := s.watchSize()
	return func() {
		defer restore()
		resized()
		bound := time.NewTimer(drain)
		defer bound.Stop()
		select {
		case <-shown:
		case <-bound.C:
		}
		if err == nil {
			keys.Stop()
			input.Wait()
			_ = keys.Close() // a pipe
		}
	}
}

// show copies what the program writes, until its side of the terminal is closed. If nobody can see it
// any more, the program is told so as by a terminal that is closed, and is not kept from ending.
func (s *session) show(master *os.File) {
	seen := &watchedWriter{w: s.out}
	_, _ = io.Copy(seen, master) // reading ends with EIO
	if seen.failed {
		s.pass(syscall.SIGHUP)
		_, _ = io.Copy(io.Discard, master) // as above
	}
}

// watchedWriter notes that a write failed.
type watchedWriter struct {
	w      io.Writer
	failed bool
}

func (w *watchedWriter) Write(b []byte) (int, error) {
	n, err := w.w.Write(b)
	w.failed = w.failed || err != nil
	return n, err
}

// feed gives the program what is typed. At the end of a file it says what a key would say; a terminal
// has no end, it is closed, and that is a signal.
func (s *session) feed(master *os.File, keys *term.Keys, typed bool) {
	const endOfTransmission = 4
	_, err := io.Copy(master, keys)
	if err == nil && keys.Ended() && !typed {
		_, _ = master.Write([]byte{endOfTransmission}) // the program may have gone
	}
}

// watchSize passes on the size of the caller's terminal when it changes.
func (s *session) watchSize() (stop func()) {
	ch := make(chan os.Signal, 1)
	signal.Notify(ch, syscall.SIGWINCH)
	done := make(chan struct{})
	var wait sync.WaitGroup
	wait.Go(func() {
		for {
			select {
			case <-done:
				return
			case <-ch:
			}
			select {
			case s.resize <- s.size():
			case <-done:
				return
			}
		}
	})
	return func() {
		signal.Stop(ch)
		close(done)
		wait.Wait()
	}
}
