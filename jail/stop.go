package jail

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"syscall"
	"time"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/sandbox"
	"github.com/libioc/ioc/storage"
)

// StopOptions say how a jail is stopped.
type StopOptions struct {
	// Force leaves out what others have a say in: exec_prestop, exec_stop, and the time the jail's processes have to end.
	Force bool
}

// Stop is the payload of a jail's stop.
type Stop struct {
	Subject
	Force bool // its processes are killed at once
}

// EventType is jail.stop.
func (*Stop) EventType() string { return "jail.stop" }

// EventTitle is for people.
func (p *Stop) EventTitle() string { return "stop " + string(p.Jail) }

// AppendAttrs lists the options.
func (p *Stop) AppendAttrs(dst []slog.Attr) []slog.Attr {
	return append(dst, slog.Bool("force", p.Force))
}

// Terminate is the payload of the step that asks the jail's processes to end and waits for them.
type Terminate struct {
	Subject
	Bound time.Duration // how long is waited before they are killed
}

// EventType is jail.terminate.
func (*Terminate) EventType() string { return "jail.terminate" }

// EventTitle says what is waited for.
func (p *Terminate) EventTitle() string {
	return fmt.Sprintf("wait at most %v for the processes of %s to end", p.Bound, p.Jail)
}

// AppendAttrs lists the bound.
func (p *Terminate) AppendAttrs(dst []slog.Attr) []slog.Attr {
	return append(dst, slog.Duration("bound", p.Bound))
}

// Detach is the payload of the step that undoes what the start retained.
type Detach struct{ Subject }

// EventType is jail.detach.
func (*Detach) EventType() string { return "jail.detach" }

// EventTitle is for people.
func (p *Detach) EventTitle() string { return "detach " + string(p.Jail) }

// Stop stops a jail: its processes are asked to end and have stop_timeout for it, then whatever its
// start did is undone. One that does not run is skipped; one that is dead is cleaned up. If something
// cannot be undone, the stop fails and can be repeated. What was undone stays so.
func (k *Keeper) Stop(name Name, o StopOptions) events.Op[struct{}] {
	return events.New(&Stop{Subject{name}, o.Force}, func(s events.Step) (none struct{}, err error) {
		if _, err := k.Enter(s, "stop", Want{Dataset: storage.Jail(name)}); err != nil {
			return none, err
		}
		i, err := k.Look(s.Context(), name)
		if err != nil {
			return none, refused("stop", name, err)
		}
		if !i.started {
			return none, events.Skip("it is not running")
		}
		return none, k.stop(s, &i, o)
	})
}

// stop ends a jail whose start is on record, running or dead. Once its processes were asked to end it
// goes on to the end, whoever gives up on it: a jail that is half stopped is of no use to anybody.
func (k *Keeper) stop(s events.Step, i *Info, o StopOptions) error {
	if !i.alive {
		return k.settle(s, i)
	}
	if err := k.lastKilled(s, i); err != nil {
		return err
	}
	// A jail whose own command fails is stopped all the same: what went wrong is in the stream.
	if !o.Force {
		env := k.environment(i, func() string { return k.root(s.Context(), i.Name) }, i.Sandbox)
		if err := k.hostHook(s, i, env, "exec_prestop"); err != nil && s.Context().Err() != nil {
			return err
		}
		if err := k.hook(s, i, i.Sandbox, env, "exec_stop"); err != nil && s.Context().Err() != nil {
			return err
		}
	}
	patience := s.Context()
	err := s.Complete(&Detach{Subject{i.Name}}, func(s events.Step) error {
		return k.Records.Release(s, Key(i.Name), func(s events.Step) {
			if bound := i.seconds("stop_timeout"); bound > 0 && !o.Force {
				// What went wrong is in the stream, and what is left is killed. The run's stop ends the waiting.
				_ = k.terminate(patience, s, i, bound)
			}
		})
	})
	if err != nil {
		return refused("stop", i.Name, err)
	}
	i.stopped()
	return nil
}

// terminate asks all processes to end and waits for it, at most until ctx is done.
func (k *Keeper) terminate(ctx context.Context, s events.Step, i *Info, bound time.Duration) error {
	return s.Do(&Terminate{Subject{i.Name}, bound}, func(s events.Step) error {
		patience, cancel := context.WithTimeout(ctx, bound)
		defer cancel()
		err := k.Sandbox.Signal(s.Context(), i.Sandbox, syscall.SIGTERM)
		if errors.Is(err, fault.NotFound) {
			return nil // it has just ended
		}
		if err != nil {
			return err
		}
		exit, err := k.Sandbox.Wait(patience, i.Sandbox)
		if err == nil {
			s.Result(exit)
			return nil
		}
		why := fmt.Errorf("processes were left after %v and are killed", bound)
		if ctx.Err() != nil {
			why = errors.New("nobody waits for the processes that are left, and they are killed")
		}
		return fault.New("wait", fault.Timeout, string(i.Name), why)
	})
}

// Restart is the payload of a jail's restart.
type Restart struct{ Subject }

// EventType is jail.restart.
func (*Restart) EventType() string { return "jail.restart" }

// EventTitle is for people.
func (p *Restart) EventTitle() string { return "restart " + string(p.Jail) }

// Restart stops a jail and starts it as it is configured now. One that does not run is started. What it
// depends on is started before it is stopped. If the start fails the jail is stopped, properly, and the error says so.
func (k *Keeper) Restart(name Name, o StopOptions) events.Op[struct{}] {
	return k.restart(name, o, k.dependencies)
}

// restartAlone restarts a jail; what it depends on is its caller's business.
func (k *Keeper) restartAlone(name Name, o StopOptions) events.Op[struct{}] {
	return k.restart(name, o, func(events.Step, *Info) error { return nil })
}

func (k *Keeper) restart(name Name, o StopOptions, first func(events.Step, *Info) error) events.Op[struct{}] {
	return events.New(&Restart{Subject{name}}, func(s events.Step) (none struct{}, err error) {
		if _, err := k.Enter(s, "restart", Want{Dataset: storage.Jail(name)}); err != nil {
			return none, err
		}
		i, err := k.Look(s.Context(), name)
		if err != nil {
			return none, refused("restart", name, err)
		}
		if i.alive {
			// What would refuse the start is found out while the jail still runs.
			if err := i.check("restart"); err != nil {
				return none, err
			}
			spec, err := k.spec(s.Context(), &i)
			if err == nil {
				_, err = k.connect(s.Context(), &i, &spec, &sandbox.State{})
			}
			if err != nil {
				return none, refused("restart", name, err)
			}
		}
		if err := first(s, &i); err != nil {
			return none, refused("restart", name, err)
		}
		if _, err := events.Call(s, k.Stop(name, o)); err != nil {
			return none, refused("restart", name, err)
		}
		if _, err := events.Call(s, k.startAlone(name)); err != nil {
			return none, refused("restart", name, fmt.Errorf("it is stopped, because it could not be started again: %w", err))
		}
		return none, nil
	})
}
