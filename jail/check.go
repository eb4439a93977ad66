package jail

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/libioc/ioc/config"
	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/internal/transfer"
	"github.com/libioc/ioc/sandbox"
)

// check is a question to a running jail whether it does what it is there for.
type check struct {
	port    uint16 // a process listens on it; 0: it is none of those
	file    string // it is there; empty: as above
	command string // it ends with 0
}

// parseCheck reads tcp:PORT, file:PATH or exec:COMMAND.
func parseCheck(value string) (c check, err error) {
	kind, what, _ := strings.Cut(value, ":")
	wrong := func(why string) (check, error) {
		return check{}, fault.New("", fault.Invalid, "", fmt.Errorf("%q: %s", value, why)).
			WithRemedy("write tcp:PORT, file:PATH or exec:COMMAND")
	}
	switch kind {
	case "tcp":
		n, err := strconv.ParseUint(what, 10, 16)
		if err != nil || n == 0 {
			return wrong("there is no such port")
		}
		return check{port: uint16(n)}, nil
	case "file":
		if !path.IsAbs(what) {
			return wrong("the path does not begin with /")
		}
		return check{file: what}, nil
	case "exec":
		if strings.TrimSpace(what) == "" {
			return wrong("there is no command")
		}
		return check{command: what}, nil
	}
	return wrong("it is no check")
}

// isCheck tells whether a property holds a check.
func isCheck(key string) bool { return key == "ready" || key == "health" }

// Attempt is the payload of one run of a check's command. One that fails is skipped: the answer is no.
type Attempt struct {
	Subject
	Command string // a line for the shell
}

// EventType is jail.attempt.
func (*Attempt) EventType() string { return "jail.attempt" }

// EventTitle is for people.
func (p *Attempt) EventTitle() string { return p.Command }

// AppendAttrs lists the command.
func (p *Attempt) AppendAttrs(dst []slog.Attr) []slog.Attr {
	return append(dst, slog.String("command", p.Command))
}

// ask gives nil if the answer is yes, else a *noError with what is so instead, or why it cannot be known.
func (k *Keeper) ask(ctx context.Context, s events.Step, i *Info, state sandbox.State, c check) error {
	switch {
	case c.port != 0:
		l, ok := k.Sandbox.(sandbox.Listener)
		if !ok {
			return fault.Unsupported("asking jails about ports", "another back end")
		}
		if ok, err := l.Listening(ctx, state, c.port); ok || err != nil {
			return err
		}
		return &noError{"nothing listens there"}
	case c.file != "":
		if ok, err := k.exists(ctx, state, c.file); ok || err != nil {
			return err
		}
		return &noError{"it is not there"}
	}
	var no error
	err := s.Do(&Attempt{Subject{i.Name}, c.command}, func(s events.Step) error {
		exit, err := k.heard(ctx, s, i.Name, state, sandbox.Process{Args: []string{"/bin/sh", "-c", c.command}, User: i.user()}, false, nil)
		if err == nil && (exit.Status() != 0 || !exit.Known) {
			no = &noError{exit.String()}
			return events.Skip(exit.String())
		}
		return err
	})
	if err == nil {
		err = no
	}
	return err
}

// exists looks whether a jail has a file.
func (k *Keeper) exists(ctx context.Context, state sandbox.State, file string) (bool, error) {
	if f, ok := k.Sandbox.(sandbox.Finder); ok {
		return f.Exists(ctx, state, file)
	}
	opener, _ := k.Sandbox.(sandbox.Opener)
	return transfer.Exists(ctx, opener, state, file)
}

// noError is the answer no.
type noError struct{ why string }

func (e *noError) Error() string { return e.why }

// Ready is the payload of waiting until a started jail does what it is there for.
type Ready struct {
	Subject
	Check string        // the property
	Bound time.Duration // how long is waited at most
}

// EventType is jail.ready.
func (*Ready) EventType() string { return "jail.ready" }

// EventTitle says on what is waited.
func (p *Ready) EventTitle() string { return fmt.Sprintf("wait at most %v for %s", p.Bound, p.Check) }

// AppendAttrs lists check and bound.
func (p *Ready) AppendAttrs(dst []slog.Attr) []slog.Attr {
	return append(dst, slog.String("check", p.Check), slog.Duration("bound", p.Bound))
}

// ready waits until the jail is ready, as its property of that name says it.
func (k *Keeper) ready(s events.Step, i *Info, state sandbox.State) error {
	value := i.value("ready")
	if value == "" {
		return nil
	}
	c, err := parseCheck(value)
	if err != nil {
		return fault.New("ready", fault.Unknown, string(i.Name), err)
	}
	bound := i.seconds("ready_timeout")
	return s.Do(&Ready{Subject{i.Name}, value, bound}, func(s events.Step) error {
		ctx, cancel := context.WithTimeout(s.Context(), bound)
		defer cancel()
		const least, most = 10 * time.Millisecond, time.Second
		pause := time.NewTimer(least)
		defer pause.Stop()
		var last error
		for next := least; ; next = min(2*next, most) {
			err := k.ask(ctx, s, i, state, c)
			if _, no := errors.AsType[*noError](err); no {
				last = err
			} else if err == nil || ctx.Err() == nil {
				return refused("ready", i.Name, err)
			}
			if status, err := k.Sandbox.Status(s.Context(), state); err != nil || status != sandbox.Running {
				return fault.New("ready", fault.Unavailable, string(i.Name), errors.Join(errors.New("it ended while it was waited for"), err))
			}
			pause.Reset(next)
			select {
			case <-pause.C:
				continue
			case <-ctx.Done():
			}
			if s.Context().Err() != nil {
				return context.Cause(s.Context())
			}
			why := fmt.Errorf("%s within %v", value, bound)
			if last != nil {
				why = fmt.Errorf("%s: %w after %v", value, last, bound)
			}
			return fault.New("ready", fault.Timeout, string(i.Name), why).
				WithRemedy("look at what it says: ioc logs " + string(i.Name) + "; or set ready_timeout higher")
		}
	})
}

// meaning checks what values have to say beyond their type.
func meaning(key, value string) (err error) {
	switch {
	case config.Unset(value):
	case key == depends:
		_, err = parseDepends(value)
	case isCheck(key):
		_, err = parseCheck(value)
	case key == "maxproc" || key == "nthr":
		n, _ := config.Limit(value, false) // it has been checked
		err = enough(n)
	case key == cpuset:
		err = parseProcessors(value)
	case key == "devices":
		_, err = parseDevices(value)
	case key == restart && !slices.Contains(policies(), value):
		err = fault.New("", fault.Invalid, "", fmt.Errorf("%q: it is no policy", value)).WithRemedy("write " + strings.Join(policies(), ", "))
	}
	if err != nil {
		return fault.New("property", fault.Unknown, key, err)
	}
	return nil
}
