package jail

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/sandbox"
)

// Hook is the payload of a configured command that is run in the jail.
type Hook struct {
	Subject
	Property string // exec_start, exec_stop
	Command  string // a line for the shell
}

// EventType is jail.hook.
func (*Hook) EventType() string { return "jail.hook" }

// EventTitle is for people.
func (p *Hook) EventTitle() string { return p.Property + ": " + p.Command }

// AppendAttrs lists property and command.
func (p *Hook) AppendAttrs(dst []slog.Attr) []slog.Attr {
	return append(dst, slog.String("property", p.Property), slog.String("command", p.Command))
}

// hook runs the command that a property holds, if any, with the jail's shell, and waits for its end as
// long as exec_timeout says. Another exit code than 0 is an error. What it says goes into the stream. What it leaves
// running is the jail's.
func (k *Keeper) hook(s events.Step, i *Info, state sandbox.State, property string) error {
	command := i.value(property)
	if command == "" {
		return nil
	}
	return s.Do(&Hook{Subject{i.Name}, property, command}, func(s events.Step) error {
		bound := i.seconds("exec_timeout")
		ctx, cancel := context.WithTimeout(s.Context(), bound)
		defer cancel()
		console, err := openConsole(i, property, k.Now())
		if err != nil {
			return refused(property, i.Name, err)
		}
		defer console.Close() //nolint:errcheck // of a nil one, and of a log whose last words are not ours
		exit, err := k.heard(ctx, s, i.Name, state, sandbox.Process{Args: []string{"/bin/sh", "-c", command}, User: i.user()}, property == "exec_start", console)
		switch {
		case errors.Is(err, context.DeadlineExceeded):
			return fault.New(property, fault.Timeout, string(i.Name), fmt.Errorf("it did not end within %v", bound)).
				WithRemedy("set exec_timeout higher, or let the command go into the background")
		case err != nil:
			return refused(property, i.Name, err)
		case exit.Status() != 0 || !exit.Known:
			return fault.New(property, fault.Unknown, string(i.Name), errors.New(exit.String()))
		}
		s.Result(exit)
		return nil
	})
}

// heard runs a process in a jail until it ends and puts into the stream what it says. stays: the jail runs on
// when it has ended. What is heard is written to console, too, if that is not nil.
func (k *Keeper) heard(ctx context.Context, s events.Step, name Name, state sandbox.State, process sandbox.Process, stays bool, console *os.File) (sandbox.Exit, error) {
	l, err := listen()
	if err != nil {
		return sandbox.Exit{}, err
	}
	l.log = console
	defer l.close()
	p, err := k.join(s, state, ExecOptions{Process: process, Stdio: sandbox.Stdio{Out: l.w, Err: l.w}})
	if err != nil {
		return sandbox.Exit{}, err
	}
	if err := l.w.Close(); err != nil {
		return sandbox.Exit{}, err
	}
	exit, err := accompany(ctx, s, p, ExecOptions{}, l)
	if err != nil || exit.Status() != 0 || !l.held || !stays {
		return exit, err
	}
	// A process that was left running writes where nobody will read, and would be killed for it. Another one
	// in the jail reads instead, as long as the jail runs and there is somebody left to write. It keeps what comes
	// first, so that no jail can fill the host by talking.
	if err := s.Retain(Key(name)); err != nil {
		return exit, err
	}
	_, err = k.join(s, state, ExecOptions{
		Process: sandbox.Process{Args: []string{"/bin/sh", "-c", fmt.Sprintf("head -c %d; exec cat >/dev/null", consoleMax)}},
		Stdio:   sandbox.Stdio{In: l.r, Out: console},
	})
	return exit, err
}

// user is who commands run as.
func (i *Info) user() sandbox.User {
	if name := i.value("exec_jail_user"); name != "root" {
		return sandbox.User{Name: name}
	}
	return sandbox.User{}
}
