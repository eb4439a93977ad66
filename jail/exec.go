package jail

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"syscall"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/sandbox"
)

// ExecOptions say what runs in a jail and who talks to it.
type ExecOptions struct {
	Process sandbox.Process
	Stdio   sandbox.Stdio // not used with Process.Terminal

	// Resize and Signals pass on to the process what comes through them. Nil: nothing does.
	Resize  <-chan sandbox.Size
	Signals <-chan syscall.Signal

	// Attach is called when the process runs, for example to copy to and from its terminal. What it
	// returns, if anything, is called when the process has ended, before its terminal is closed.
	Attach func(sandbox.Session) (detach func())
}

// Exec is the payload of a command that is run in a jail.
type Exec struct {
	Subject
	Args []string
}

// EventType is jail.exec.
func (*Exec) EventType() string { return "jail.exec" }

// EventTitle is for people. It does not show arguments, which may be secrets.
func (p *Exec) EventTitle() string { return fmt.Sprintf("run %s in %s", p.program(), p.Jail) }

// AppendAttrs lists the program.
func (p *Exec) AppendAttrs(dst []slog.Attr) []slog.Attr {
	return append(dst,
		slog.String("program", p.program()),          // the command's first word
		slog.Int("arguments", max(0, len(p.Args)-1))) // how many follow it
}

func (p *Exec) program() string {
	if len(p.Args) == 0 {
		return "the usual command"
	}
	return p.Args[0]
}

// Exec runs a command in a running jail and waits for its end. How it ended is the operation's value
// and not an error; a program that cannot be run is a *sandbox.ExecError. Cancelling the operation kills
// the command. The jail's lock is not held: a jail can be stopped while somebody is in it.
func (k *Keeper) Exec(name Name, o ExecOptions) events.Op[sandbox.Exit] {
	return events.New(&Exec{Subject{name}, o.Process.Args}, func(s events.Step) (sandbox.Exit, error) {
		if _, err := k.Enter(s, "exec"); err != nil {
			return sandbox.Exit{}, err
		}
		i, err := k.running(s.Context(), "exec", name)
		if err != nil {
			return sandbox.Exit{}, err
		}
		if o.Process.User.Name == "" && o.Process.User.UID == 0 {
			o.Process.User = i.user()
		}
		i.confine(&o.Process)
		exit, err := k.session(s.Context(), s, i.Sandbox, o)
		if err == nil {
			err = k.tellKilled(s, "exec", &i)
		}
		return exit, refused("exec", name, err)
	})
}

// Console is the payload of a shell in a jail.
type Console struct{ Subject }

// EventType is jail.console.
func (*Console) EventType() string { return "jail.console" }

// EventTitle is for people.
func (p *Console) EventTitle() string { return "console of " + string(p.Jail) }

// Console runs a login shell in a running jail, on a terminal of the jail's own. Without o.Process.Args
// it is the shell of the release; without o.Process.Terminal the terminal has no size until Resize says it.
func (k *Keeper) Console(name Name, o ExecOptions) events.Op[sandbox.Exit] {
	if len(o.Process.Args) == 0 {
		o.Process.Args = []string{"/bin/sh", "-l"}
	}
	if o.Process.Terminal == nil {
		o.Process.Terminal = &sandbox.Size{}
	}
	return events.New(&Console{Subject{name}}, func(s events.Step) (sandbox.Exit, error) {
		return events.Call(s, k.Exec(name, o))
	})
}

// running looks at a jail and refuses one that does not run.
func (k *Keeper) running(ctx context.Context, op string, name Name) (Info, error) {
	i, err := k.Look(ctx, name)
	switch {
	case err != nil:
		return i, refused(op, name, err)
	case i.alive:
		return i, nil
	case i.State == Broken:
		return i, i.check(op)
	}
	why := string(i.State)
	if i.Reason != "" {
		why += ": " + i.Reason
	}
	return i, fault.New(op, fault.Unavailable, string(name), errors.New("it is "+why)).
		WithRemedy("start " + string(name) + " first")
}

// session starts a process in a jail and stays with it until it ends or ctx is done. It is killed if s fails.
func (k *Keeper) session(ctx context.Context, s events.Step, state sandbox.State, o ExecOptions) (sandbox.Exit, error) {
	p, err := k.join(s, state, o)
	if err != nil {
		return sandbox.Exit{}, err
	}
	return accompany(ctx, s, p, o, nil)
}

// join starts a process in a jail.
func (k *Keeper) join(s events.Step, state sandbox.State, o ExecOptions) (sandbox.Session, error) {
	if len(o.Process.Args) == 0 || strings.TrimSpace(o.Process.Args[0]) == "" {
		return nil, fault.New("", fault.Invalid, "", errors.New("no command was given"))
	}
	p, err := k.Sandbox.Exec(state, o.Process, o.Stdio)
	if err != nil {
		return nil, err
	}
	// Descriptors are the process's own matter: they are closed when all is over, also the rollback.
	s.Hold(func() { _ = p.Close() })
	return p, s.Apply(p)
}

// accompany passes on what comes for the process until it ends, and puts into the stream what l hears of it.
func accompany(ctx context.Context, s events.Step, p sandbox.Session, o ExecOptions, l *listener) (sandbox.Exit, error) {
	if o.Attach != nil {
		if detach := o.Attach(p); detach != nil {
			defer detach()
		}
	}
	type end struct {
		exit sandbox.Exit
		err  error
	}
	ended := make(chan end, 1)
	go func() {
		exit, err := p.Wait(ctx)
		ended <- end{exit, err}
	}()
	tell := func(o events.Output) { _ = s.Progress(o) } // a stop shows in Wait
	var said <-chan events.Output
	if l != nil {
		said = l.said
		go l.hear()
	}
	for {
		select {
		case o, ok := <-said:
			if !ok {
				said = nil
				continue
			}
			tell(o)
		case e := <-ended:
			if l != nil {
				l.ended(tell)
			}
			s.Result(e.exit)
			return e.exit, e.err
		case size, ok := <-o.Resize:
			if !ok {
				o.Resize = nil
				continue
			}
			if err := p.Resize(size); err != nil { // the process may be ending; that it did comes next
				continue
			}
		case signal, ok := <-o.Signals:
			if !ok {
				o.Signals = nil
				continue
			}
			if err := p.Signal(signal); err != nil {
				_ = s.Progress(&Signalled{Signal: signal.String(), Err: err.Error()}) // a stop shows in Wait
				continue
			}
			_ = s.Progress(&Signalled{Signal: signal.String()}) // as above
		}
	}
}

// Signalled is the Detail of the Progress event of a signal that was passed on.
type Signalled struct {
	Signal string
	Err    string `json:",omitempty"`
}

// String reads "signal: interrupt".
func (d *Signalled) String() string {
	if d.Err != "" {
		return "signal: " + d.Signal + ": " + d.Err
	}
	return "signal: " + d.Signal
}
