package jail

import (
	"errors"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/sandbox"
	"github.com/libioc/ioc/storage"
)

// RunOptions describe a jail that may not be there yet and what runs in it.
type RunOptions struct {
	Create CreateOptions // of a jail that is missing; one that is there is taken as it is
	Exec   ExecOptions
}

// Run is the payload of running a command in a jail that is made and started for it.
type Run struct {
	Subject
	Args []string
}

// EventType is jail.run.
func (*Run) EventType() string { return "jail.run" }

// EventTitle is for people.
func (p *Run) EventTitle() string { return (&Exec{p.Subject, p.Args}).EventTitle() }

// Run runs a command in a jail, which is created if it is missing and started if it does not run. If
// the command cannot be started, all of that is undone. As soon as it runs, the jail is there to stay: it
// may hold what nobody could bring back, and others can enter and stop it while the command runs.
func (k *Keeper) Run(name Name, o RunOptions) events.Op[sandbox.Exit] {
	return events.New(&Run{Subject{name}, o.Exec.Process.Args}, func(s events.Step) (exit sandbox.Exit, err error) {
		letGo, err := k.Enter(s, "run", Want{Dataset: storage.Jail(name)})
		if err != nil {
			return exit, err
		}
		before, err := k.Look(s.Context(), name)
		missing := errors.Is(err, fault.NotFound)
		if err != nil && !missing {
			return exit, refused("run", name, err)
		}
		if missing {
			if _, err := events.Call(s, k.Create(name, o.Create)); err != nil {
				return exit, err
			}
		}
		state, err := events.Call(s, k.Start(name))
		if err != nil {
			return exit, err
		}
		// The start is published only when it is final, and a session must be found by recovery but not be
		// kept. So what came before is sealed, and taken back by operations of its own if nothing comes of it.
		if err := s.Seal(); err != nil {
			return exit, err
		}
		session, err := k.enter(s, name, state, o.Exec)
		if err != nil {
			return exit, errors.Join(err, k.takeBack(s, name, missing, !before.alive))
		}
		letGo()
		return accompany(s.Context(), s, session, o.Exec, nil)
	})
}

// enter starts the command as the jail's configured user.
func (k *Keeper) enter(s events.Step, name Name, state sandbox.State, o ExecOptions) (sandbox.Session, error) {
	i, err := k.running(s.Context(), "run", name)
	if err != nil {
		return nil, err
	}
	if o.Process.User.Name == "" && o.Process.User.UID == 0 {
		o.Process.User = i.user()
	}
	session, err := k.join(s, state, o)
	return session, refused("run", name, err)
}

// takeBack undoes what Run did for a command that could not be started.
func (k *Keeper) takeBack(s events.Step, name Name, created, started bool) error {
	if started {
		if _, err := events.Call(s, k.Stop(name, StopOptions{Force: true})); err != nil {
			return err
		}
	}
	if created {
		if _, err := events.Call(s, k.Destroy(name, DestroyOptions{})); err != nil {
			return err
		}
		return s.Seal()
	}
	return nil
}
