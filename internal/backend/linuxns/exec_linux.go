package linuxns

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/internal/backend/linuxns/stage"
	"github.com/libioc/ioc/sandbox"
)

// Exec is the effect that starts another process in a running jail. Its undo kills that process and
// whatever is in its session.
type Exec struct {
	Jail    sandbox.State
	Program string
	Run     string // the start's file
	PID     int    `json:",omitempty"`
	Started uint64 `json:",omitempty"`

	driver  *Driver
	process sandbox.Process
	stdio   sandbox.Stdio
	program stage.Program
	fds     []int // sent with it

	terminal *os.File
	child    *pidfd
	done     chan struct{} // closed when exit is known
	exit     sandbox.Exit
	ended    atomic.Bool
	closing  sync.Once
}

var _ sandbox.Session = (*Exec)(nil)

// EventType is sandbox.exec.
func (e *Exec) EventType() string { return "sandbox.exec" }

// EventKey is the jail's id.
func (e *Exec) EventKey() string { return e.Jail.ID }

// EventTitle says what is executed.
func (e *Exec) EventTitle() string { return "exec " + e.Program }

// Volatile is true: no process survives a reboot.
func (e *Exec) Volatile() bool { return true }

// Exec plans a process in a running jail.
func (d *Driver) Exec(j sandbox.State, p sandbox.Process, stdio sandbox.Stdio) (sandbox.Session, error) {
	if err := p.Validate(); err != nil {
		return nil, err
	}
	if j.PID == 0 {
		return nil, fault.New("exec", fault.NotFound, "jail "+j.ID, errors.New("not started"))
	}
	if p.Controlling && stdio.In == nil {
		return nil, invalid("process", errors.New("controlling terminal without a standard input"))
	}
	token, err := newToken()
	if err != nil {
		return nil, err
	}
	var null []int64
	for i, f := range []*os.File{stdio.In, stdio.Out, stdio.Err} {
		if f == nil {
			null = append(null, int64(i))
		}
	}
	program := stage.Program{}
	if j.OwnUsers {
		program = append(program, stage.Step{Op: stage.OpBecomeRoot})
	}
	program = append(program, stage.Step{Op: stage.OpKeyring})
	last, err := compileProcess(j.ID, &p, j.Capabilities, j.OwnUsers && oneGroup(j.PID), null)
	if err != nil {
		return nil, err
	}
	return &Exec{
		Jail: j, Program: p.Args[0], Run: filepath.Join(d.options.Run, j.ID+"."+token),
		driver: d, process: p, stdio: stdio, program: append(program, last...),
	}, nil
}

// oneGroup says that a process's user namespace does not allow setgroups(2).
func oneGroup(pid int) bool {
	b, err := os.ReadFile("/proc/" + itoa(pid) + "/setgroups")
	return err == nil && strings.TrimSpace(string(b)) == "deny"
}

// Do starts the process and returns when its program runs.
func (e *Exec) Do(ctx context.Context) error {
	if e.driver == nil {
		return fault.New("exec", fault.Internal, e.Jail.ID, errors.New("effect was read back and can only be undone"))
	}
	self, err := e.driver.openSelf()
	if err != nil {
		return err
	}
	defer self.Close()
	boot := e.driver.host().boot
	init, status, err := find(e.Jail.PID, e.Jail.Started, e.Jail.Boot, boot)
	if err != nil {
		return fault.New("exec", fault.Unknown, "jail "+e.Jail.ID, err)
	}
	if init != nil {
		defer init.Close()
	}
	if status != sandbox.Running {
		return fault.New("exec", fault.NotFound, "jail "+e.Jail.ID, errors.New(string(status)))
	}
	b, err := conceive("process in jail "+e.Jail.ID, e.Run)
	if err != nil {
		return err
	}
	defer b.close()
	pid, err := e.join(self, init, b)
	if err != nil {
		return err
	}
	b.born()
	if err := e.adopt(pid, b, boot); err != nil {
		return err
	}
	if err := joinGroups(e.Jail.Groups, unifiedOf(e.Jail.Groups), pid); err != nil {
		return err
	}
	if err := b.instruct(ctx, e.program, e.fds...); err != nil {
		return err
	}
	if e.process.Terminal != nil {
		if e.terminal, err = b.terminal(ctx); err != nil {
			return err
		}
	}
	return b.outcome(ctx)
}

// adopt notes who the new child is and begins to wait for its end. Somebody has to take its exit status
// at once, whether or not Wait is called: a jail's first process does not end before all others of its
// namespace are not only dead but reaped.
func (e *Exec) adopt(pid int, b *birth, boot string) error {
	child, err := openPidfd(pid)
	if err != nil {
		return fault.New("exec", kindOf(err), "jail "+e.Jail.ID, err)
	}
	id, err := b.identify(pid, boot)
	e.PID, e.Started = id.pid, id.started
	e.child, e.done = child, make(chan struct{})
	go func() {
		defer close(e.done)
		_ = child.wait(context.Background())
		e.exit = child.reap(0)
		_ = removeFile(e.Run)
		e.ended.Store(true)
		child.Close()
	}()
	return err
}

// Undo kills the process and its session.
func (e *Exec) Undo(ctx context.Context) error {
	t := target{
		what: "process in jail " + e.Jail.ID, run: e.Run, id: identity{e.PID, e.Started, e.Jail.Boot}, session: true,
	}
	if err := t.end(ctx, bootID()); err != nil {
		return err
	}
	if e.done != nil && !isDone(e.done, time.After(untilSaid)) { // it is traced, and its tracer has not looked
		_ = events.Report(ctx, "waiting for "+t.what+": "+explain(e.PID))
		select {
		case <-e.done:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return e.Close()
}

// isDone waits for done, but no longer than until the other comes.
func isDone(done <-chan struct{}, other <-chan time.Time) bool {
	select {
	case <-done:
		return true
	case <-other:
		return false
	}
}

// Wait returns how the process ended.
func (e *Exec) Wait(ctx context.Context) (sandbox.Exit, error) {
	if e.done == nil {
		return sandbox.Exit{}, fault.New("wait", fault.Invalid, "process in jail "+e.Jail.ID, errors.New("not started"))
	}
	select {
	case <-e.done:
		return e.exit, nil
	case <-ctx.Done():
		return sandbox.Exit{}, context.Cause(ctx)
	}
}

// Signal sends a signal to the process.
func (e *Exec) Signal(s syscall.Signal) error {
	if e.child == nil {
		return nil
	}
	err := e.child.signal(s)
	if err == nil || errors.Is(err, unix.ESRCH) {
		return nil
	}
	if e.ended.Load() { // and its descriptor is closed
		return nil
	}
	return fault.New("signal", kindOf(err), "process in jail "+e.Jail.ID, err)
}

// Terminal is the controlling side of the process's terminal.
func (e *Exec) Terminal() *os.File { return e.terminal }

// Resize tells the terminal its size; the processes on it get SIGWINCH.
func (e *Exec) Resize(s sandbox.Size) error {
	if e.terminal == nil {
		return nil
	}
	raw, err := e.terminal.SyscallConn()
	if err != nil {
		return err
	}
	inner := error(nil)
	err = raw.Control(func(fd uintptr) {
		inner = unix.IoctlSetWinsize(int(fd), unix.TIOCSWINSZ, &unix.Winsize{Row: s.Rows, Col: s.Cols})
	})
	return errors.Join(err, inner)
}

// Close gives back the terminal. The process is waited for until it ends.
func (e *Exec) Close() error {
	e.closing.Do(func() {
		if e.terminal != nil {
			_ = e.terminal.Close()
		}
	})
	return nil
}

func unifiedOf(dirs []string) string {
	for _, d := range dirs {
		if isUnified(d) {
			return d
		}
	}
	return ""
}
