package cli

import (
	"os"
	"sync/atomic"
	"syscall"

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
