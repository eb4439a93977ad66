package cli

import (
	"io"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/libioc/ioc"
	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/internal/view/term"
	"github.com/libioc/ioc/jail"
	"github.com/libioc/ioc/sandbox"
)

// session connects the caller's files, terminal and signals with a program in a jail.
type session struct {
	c        *call
	screen   screen
	terminal bool     // the program has one of its own
	out      *os.File // what the program writes

	signals chan syscall.Signal
	resize  chan sandbox.Size
	phase   atomic.Int32
	hook    events.ID // of a configured command, whose program is not ours
}

// The phases of a session.
const (
	before   = iota // the program is not there
	starting        // it may run already, and nobody listens to it yet
	attached
)

// session makes one. quiet: nothing is shown but the program unless it was asked for.
func (c *call) session(quiet, terminal bool) *session {
	s := &session{
		c: c, screen: c.screen(quiet), terminal: terminal, out: c.env.Stdout,
		signals: make(chan syscall.Signal, 8), resize: make(chan sandbox.Size, 1),
	}
	if c.events == modeNDJSON {
		s.out = c.env.Stderr
	}
	return s
}

// wantsTerminal decides whether a program gets a terminal.
func (c *call) wantsTerminal(o *processOptions) bool {
	if o.terminal || o.noTerminal {
		return o.terminal
	}
	return term.IsTerminal(c.env.Stdin) && term.IsTerminal(c.env.Stdout) && term.IsTerminal(c.env.Stderr)
}

// options lets p be run with this session around it.
func (s *session) options(p sandbox.Process) ioc.ExecOptions {
	o := ioc.ExecOptions{Process: p, Signals: s.signals, Attach: s.attach}
	if !s.terminal {
		o.Stdio = sandbox.Stdio{In: s.c.env.Stdin, Out: s.out, Err: s.c.env.Stderr}
		return o
	}
	size := s.size()
	o.Process.Terminal, o.Resize = &size, s.resize
	if name := s.c.env.Getenv("TERM"); name != "" {
		o.Process.Env = append([]string{"TERM=" + name}, p.Env...)
	}
	return o
}

// size is that of the caller's terminal.
func (s *session) size() sandbox.Size {
	for _, f := range []*os.File{s.out, s.c.env.Stdin} {
		if rows, cols := term.Size(f); rows|cols != 0 {
			return sandbox.Size{Rows: rows, Cols: cols}
		}
	}
	return sandbox.Size{}
}

// saw notes in the stream when the program is about to run.
func (s *session) saw(ev events.Event) {
	if s == nil || ev.Kind != events.Forward || ev.Phase != events.Begin {
		return
	}
	switch ev.Payload.(type) {
	case *jail.Hook:
		s.hook = ev.ID
	case sandbox.Session:
		if ev.Parent != s.hook {
			s.phase.Store(starting)
		}
	}
}

// pass hands a signal to the program if it runs. While it is being started one is kept for it; who
// sends another one then means ioc. One that comes faster than it can be passed on is dropped.
func (s *session) pass(sig os.Signal) bool {
	n, ok := sig.(syscall.Signal)
	if s == nil || !ok {
		return false
	}
	switch s.phase.Load() {
	case starting:
		if len(s.signals) > 0 {
			return false
		}
	case before:
		return false
	}
	select {
	case s.signals <- n:
	default:
	}
	return true
}

// attach is called when the program runs, and what it returns when it has ended.
func (s *session) attach(p sandbox.Session) (detach func()) {
	s.screen.Mute()
	s.phase.Store(attached)
	if p.Terminal() == nil {
		return func() { s.phase.Store(before) }
	}
	restore, err := term.MakeRaw(s.c.env.Stdin)
	typed := err == nil
	if !typed { // it is no terminal
		restore = func() {}
	}
	end := s.talk(p.Terminal(), typed, restore)
	return func() {
		s.phase.Store(before)
		end()
	}
}

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
