package jail

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
)

// Commands runs commands on the host.
type Commands interface {
	// Run runs a line for the host's shell and waits for its end. env is all of its environment. said is called, on the
	// caller's goroutine, for every line that it writes. When ctx is done the command is ended with all of its process group,
	// and the error is ctx's. Another exit code than 0 is an error.
	Run(ctx context.Context, line string, env []string, said func(line string)) error
}

// Around is the effect of a pair of commands on the host: the first is run when it is done, the last when it is
// undone, also by a recovery. The last one is run as well where the first has failed or was killed, and may be run again after
// a crash; what goes wrong in it is in the stream and keeps nobody from going on.
type Around struct {
	Jail        Name
	First, Last Line
	Env         []string      // of both
	Bound       time.Duration // how long each may take

	commands Commands
}

// Line is what a property holds: a command, for the shell.
type Line struct {
	Property string
	Command  string // empty: nothing is run
}

// On is the same pair where c runs the commands.
func (a *Around) On(c Commands) *Around {
	other := *a
	other.commands = c
	return &other
}

// EventType is jail.around.
func (*Around) EventType() string { return "jail.around" }

// EventKey is the jail's name.
func (a *Around) EventKey() string { return string(a.Jail) }

// EventTitle names the properties.
func (a *Around) EventTitle() string {
	switch {
	case a.First.Command == "":
		return a.Last.Property + " of " + string(a.Jail) + ", for later"
	case a.Last.Command == "":
		return a.First.Property + " of " + string(a.Jail)
	}
	return a.First.Property + " of " + string(a.Jail) + ", and " + a.Last.Property + " for later"
}

// AppendAttrs lists the properties that have a command.
func (a *Around) AppendAttrs(dst []slog.Attr) []slog.Attr {
	if a.First.Command != "" {
		dst = append(dst, slog.String("first", a.First.Property)) // the property whose command is run at once
	}
	if a.Last.Command != "" {
		dst = append(dst, slog.String("last", a.Last.Property)) // the property whose command is run when it is undone
	}
	return dst
}

// Volatile is true: what a command prepares on the host for a jail that runs is gone with a reboot, as the jail is.
func (*Around) Volatile() bool { return true }

// Do runs the first command.
func (a *Around) Do(ctx context.Context) error { return a.run(ctx, a.First) }

// Undo runs the last command. Only one that was not let finish is an error: it is to be run again.
func (a *Around) Undo(ctx context.Context) error {
	if err := a.run(ctx, a.Last); err != nil && ctx.Err() != nil {
		return err
	}
	return nil
}

func (a *Around) run(ctx context.Context, l Line) error {
	s, ok := events.StepOf(ctx)
	switch {
	case l.Command == "":
		return nil
	case !ok || a.commands == nil:
		return fault.New(l.Property, fault.Internal, string(a.Jail), errors.New("nothing here runs commands on the host"))
	}
	return onHost(ctx, s, a.commands, &Hook{Subject{a.Jail}, l.Property, l.Command}, a.Env, a.Bound)
}

// onHost runs a command on the host and puts into the stream what it says. ctx is s's, or that of the effect which s is.
func onHost(ctx context.Context, s events.Step, c Commands, h *Hook, env []string, bound time.Duration) error {
	return s.Do(h, func(s events.Step) error {
		ctx, cancel := context.WithTimeout(ctx, bound)
		defer cancel()
		err := c.Run(ctx, h.Command, env, func(line string) {
			_ = s.Progress(events.Output{Lines: []string{line}}) // a stop shows in Run
		})
		return late(ctx, h, bound, err)
	})
}

// late says of a command that was ended by its bound what happened to it.
func late(ctx context.Context, h *Hook, bound time.Duration, err error) error {
	if err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) && errors.Is(err, context.DeadlineExceeded) {
		return fault.New(h.Property, fault.Timeout, string(h.Jail), fmt.Errorf("it did not end within %v and was killed", bound)).
			WithRemedy("set exec_timeout higher, or let the command go into the background")
	}
	return refused(h.Property, h.Jail, err)
}

// hostHook runs the command that a property holds, if any, on the host.
func (k *Keeper) hostHook(s events.Step, i *Info, env surroundings, property string) error {
	command := i.value(property)
	if command == "" {
		return nil
	}
	return onHost(s.Context(), s, k.Commands, &Hook{Subject{i.Name}, property, command}, env(), i.seconds("exec_timeout"))
}

// around is the pair of commands that two properties hold; nil if there is neither.
func (k *Keeper) around(i *Info, env surroundings, first, last string) *Around {
	if i.value(first) == "" && i.value(last) == "" {
		return nil
	}
	return &Around{
		Jail: i.Name, First: Line{first, i.value(first)}, Last: Line{last, i.value(last)},
		Env: env(), Bound: i.seconds("exec_timeout"), commands: k.Commands,
	}
}
