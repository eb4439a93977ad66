package mem

import (
	"context"
	"os"
	"strings"
	"syscall"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/sandbox"
)

// Join is the effect that starts another process in a jail.
type Join struct {
	k     *Kernel
	Jail  sandbox.State
	Token string
	PID   int

	command sandbox.Process
	stdio   sandbox.Stdio
	process *process
}

var _ sandbox.Session = (*Join)(nil)

// Exec plans another process in a jail.
func (k *Kernel) Exec(s sandbox.State, p sandbox.Process, stdio sandbox.Stdio) (sandbox.Session, error) {
	if err := p.Validate(); err != nil {
		return nil, err
	}
	return &Join{k: k, Jail: s, Token: newID(), command: p, stdio: stdio}, nil
}

// EventType is the effect's name in events.
func (*Join) EventType() string { return "sandbox.exec" }

// EventTitle is for people.
func (e *Join) EventTitle() string {
	return "exec " + strings.Join(e.command.Args[:min(1, len(e.command.Args))], "")
}

// EventKey is the jail's id.
func (e *Join) EventKey() string { return e.Jail.ID }

// Volatile tells that a reboot takes it away.
func (*Join) Volatile() bool { return true }

// Do starts the process.
func (e *Join) Do(context.Context) error {
	e.k.mu.Lock()
	defer e.k.mu.Unlock()
	if e.k.find(e.Jail) == nil {
		return events.Untouched(fault.New("join", fault.NotFound, "jail "+e.Jail.ID, nil))
	}
	if name := e.command.Args[0]; name == e.k.Missing {
		return events.Untouched(&sandbox.ExecError{Path: name, Err: syscall.ENOENT})
	}
	p := e.k.next(e.Jail.ID)
	e.k.sessions[e.Token], e.process, e.PID = p, p, p.pid
	ctx, cancel := context.WithCancel(context.Background())
	p.stop = cancel
	program := e.k.Program
	if program == nil {
		e.k.endSession(e.Token, sandbox.Exit{Known: true})
		return nil
	}
	go func() {
		exit, err := program(ctx, e.command, e.stdio)
		if err != nil {
			exit = sandbox.Exit{Code: 1, Known: true}
		}
		e.k.mu.Lock()
		defer e.k.mu.Unlock()
		e.k.endSession(e.Token, exit)
	}()
	return nil
}

// Undo kills it.
func (e *Join) Undo(context.Context) error {
	e.k.mu.Lock()
	defer e.k.mu.Unlock()
	e.k.endSession(e.Token, sandbox.Exit{Signal: syscall.SIGKILL, Known: true})
	return nil
}

// Wait returns how it ended.
func (e *Join) Wait(ctx context.Context) (sandbox.Exit, error) {
	if e.process == nil {
		return sandbox.Exit{}, nil
	}
	return e.process.wait(ctx)
}

// Signal ends it if the signal is one that does.
func (e *Join) Signal(signal syscall.Signal) error {
	e.k.mu.Lock()
	defer e.k.mu.Unlock()
	switch signal { //nolint:exhaustive // the others are ignored
	case syscall.SIGTERM, syscall.SIGKILL, syscall.SIGINT, syscall.SIGHUP:
		e.k.endSession(e.Token, sandbox.Exit{Signal: signal, Known: true})
	}
	return nil
}

// Terminal is nil: there is none in memory.
func (*Join) Terminal() *os.File { return nil }

// Resize does nothing.
func (*Join) Resize(sandbox.Size) error { return nil }

// Close does nothing.
func (*Join) Close() error { return nil }
