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

	Existing  bool // a jail that is missing is not created but fault.NotFound
	Temporary bool // see [Keeper.Run]; one that is there is fault.Exists
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
//
// What the command leaves open is as the image says that the jail's release was made of: an entrypoint that comes before
// its arguments, the arguments if there are none, variables, user and directory. Without an image, no arguments are
// a login shell.
//
// A temporary jail is never there for others. Making and starting it are steps that are taken back when the
// command has ended: by this process, or by a recovery if it is killed.
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
		switch {
		case o.Existing && missing:
			return exit, refused("run", name, err)
		case o.Temporary && !missing:
			return exit, fault.New("run", fault.Exists, string(name), errors.New("it is there, and a temporary jail must be made for its command")).
				WithRemedy("choose another name")
		case o.Temporary:
			return k.temporary(s, name, o)
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

// Temporary is the payload of a jail's life that is as long as a command's.
type Temporary struct{ Subject }

// EventType is jail.temporary.
func (*Temporary) EventType() string { return "jail.temporary" }

// EventTitle is for people.
func (p *Temporary) EventTitle() string { return "temporary jail " + string(p.Jail) }

// temporary runs the command in a jail that is there as long as the step is: it ends as one whose work was not
// to stay, and what it did is undone.
func (k *Keeper) temporary(s events.Step, name Name, o RunOptions) (exit sandbox.Exit, err error) {
	ended := false
	err = s.Do(&Temporary{Subject{name}}, func(s events.Step) error {
		i, err := events.Call(s, k.Create(name, o.Create))
		if err != nil {
			return err
		}
		state, err := events.Call(s, k.Start(name))
		if err != nil {
			return err
		}
		if err := k.usual(s.Context(), &i, &o.Exec.Process); err != nil {
			return refused("run", name, err)
		}
		i.confine(&o.Exec.Process)
		session, err := k.join(s, state, o.Exec)
		if err != nil {
			return refused("run", name, err)
		}
		if exit, err = accompany(s.Context(), s, session, o.Exec, nil); err != nil {
			return err
		}
		ended = true
		return events.Skip("it was there for its command only")
	})
	if err == nil && ended {
		s.Result(exit)
	}
	return exit, err
}

// enter starts the command.
func (k *Keeper) enter(s events.Step, name Name, state sandbox.State, o ExecOptions) (sandbox.Session, error) {
	i, err := k.running(s.Context(), "run", name)
	if err != nil {
		return nil, err
	}
	if err := k.usual(s.Context(), &i, &o.Process); err != nil {
		return nil, refused("run", name, err)
	}
	i.confine(&o.Process)
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
