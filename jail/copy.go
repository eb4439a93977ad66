package jail

import (
	"fmt"
	"io"
	"log/slog"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/internal/transfer"
	"github.com/libioc/ioc/sandbox"
	"github.com/libioc/ioc/storage"
)

// CopyOptions say what is copied, and where to. A goal that is a directory gets the source under its own name; a
// source that ends in "/." is what is in the directory.
type CopyOptions struct {
	Host string // a path of the host; relative ones are of the working directory
	Path string // a path of the jail; links in it stay in the jail

	// Owners keeps who files belong to, if the host lets ioc, and the right of programs to run as their owner.
	// Otherwise what comes into a jail belongs to its root, and what comes out of it to the caller.
	Owners bool

	// Archive is copied into the jail instead of Host: a tar stream, unpacked in the directory Path.
	Archive io.Reader
}

// Copy is the payload of a copy into a jail or out of it.
type Copy struct {
	Subject
	From string // a path
	To   string // as From
	Out  bool   // From is in the jail, and To on the host
}

// EventType is jail.copy.
func (*Copy) EventType() string { return "jail.copy" }

// EventTitle is for people.
func (p *Copy) EventTitle() string {
	from, to := p.From, string(p.Jail)+":"+p.To
	if p.Out {
		from, to = string(p.Jail)+":"+p.From, p.To
	}
	return "copy " + from + " to " + to
}

// AppendAttrs lists both ends.
func (p *Copy) AppendAttrs(dst []slog.Attr) []slog.Attr {
	return append(dst, slog.String("from", p.From), slog.String("to", p.To), slog.Bool("out", p.Out))
}

// Put is the payload of the step that is final when it has ended: all of the copy is there.
type Put struct {
	Subject
	Goal string // a path in the jail
}

// EventType is jail.put.
func (*Put) EventType() string { return "jail.put" }

// EventTitle is for people.
func (p *Put) EventTitle() string { return "put " + p.Goal }

// AppendAttrs lists the goal.
func (p *Put) AppendAttrs(dst []slog.Attr) []slog.Attr {
	return append(dst, slog.String("goal", p.Goal))
}

// Visit is the payload of holding a jail that does not run, so that its files can be reached: without any process
// or command of its own. It is taken back when what was to be done is done.
type Visit struct{ Subject }

// EventType is jail.visit.
func (*Visit) EventType() string { return "jail.visit" }

// EventTitle is for people.
func (p *Visit) EventTitle() string { return "open the files of " + string(p.Jail) }

// CopyIn copies files of the host into a jail, running or not. No path and no link leads out of the jail's own
// files. What is replaced stays as it was until all is written; when it fails nothing has changed. The value is the
// goal as a path of the jail.
func (k *Keeper) CopyIn(name Name, o CopyOptions) events.Op[string] {
	from := o.Host
	if o.Archive != nil {
		from = "-"
	}
	return events.New(&Copy{Subject: Subject{name}, From: from, To: o.Path}, func(s events.Step) (goal string, err error) {
		source := transfer.Source{Archive: o.Archive}
		if o.Archive == nil {
			source, err = transfer.HostSource(o.Host)
		}
		if err != nil {
			return "", refused("copy", name, err)
		}
		opts := transfer.Options{Owners: o.Owners, Setuid: o.Owners}
		err = k.visit(s, "copy", name, func(s events.Step, p transfer.Place) error {
			goal, err = k.put(s, name, p, o.Path, source, opts)
			return err
		})
		return goal, refused("copy", name, err)
	})
}

// CopyOut copies files of a jail, running or not, to the host, as CopyIn does.
func (k *Keeper) CopyOut(name Name, o CopyOptions) events.Op[string] {
	p := &Copy{Subject: Subject{name}, From: o.Path, To: o.Host, Out: true}
	return events.New(p, func(s events.Step) (goal string, err error) {
		to, path, err := transfer.HostGoal(o.Host)
		if err != nil {
			return "", refused("copy", name, err)
		}
		opts := transfer.Caller()
		opts.Owners, opts.Setuid = o.Owners, o.Owners
		err = k.visit(s, "copy", name, func(s events.Step, p transfer.Place) error {
			goal, err = k.put(s, name, to, path, transfer.Source{Place: p, Path: o.Path}, opts)
			return err
		})
		return goal, refused("copy", name, err)
	})
}

// CopyTar writes files of a jail, running or not, to w as a tar stream.
func (k *Keeper) CopyTar(name Name, path string, w io.Writer) events.Op[struct{}] {
	return events.New(&Copy{Subject{name}, path, "-", true}, func(s events.Step) (none struct{}, err error) {
		err = k.visit(s, "copy", name, func(s events.Step, p transfer.Place) error {
			return transfer.Archive(s.Context(), k.opener(), transfer.Source{Place: p, Path: path}, w)
		})
		return none, refused("copy", name, err)
	})
}

// put copies and makes it final.
func (k *Keeper) put(s events.Step, name Name, to transfer.Place, path string, from transfer.Source, o transfer.Options) (string, error) {
	c, err := transfer.Plan(s.Context(), k.opener(), to, path, from, o)
	if err != nil {
		return "", err
	}
	return c.Goal(), s.Do(&Put{Subject{name}, c.Goal()}, func(s events.Step) error {
		if err := s.Apply(c.Stage()); err != nil {
			return err
		}
		install, err := c.Install(s.Context())
		if err == nil {
			err = s.Apply(install)
		}
		if err == nil {
			err = s.Defer(c.Sweep())
		}
		if err != nil {
			return err
		}
		return s.Seal()
	})
}

// opener is how the files of a running jail are reached, nil if they cannot be.
func (k *Keeper) opener() sandbox.Opener {
	o, _ := k.Sandbox.(sandbox.Opener)
	return o
}

// visit does something with the files of a jail, which is held for it if it does not run.
func (k *Keeper) visit(s events.Step, op string, name Name, do func(events.Step, transfer.Place) error) error {
	jail := storage.Jail(name)
	if k.opener() == nil {
		return fault.Unsupported("copying files into and out of jails", "another back end")
	}
	if _, err := k.Enter(s, op, Want{Dataset: jail}); err != nil {
		return err
	}
	i, err := k.Look(s.Context(), name)
	if err != nil {
		return err
	}
	if err := k.settle(s, &i); err != nil {
		return err
	}
	if err := i.check(op); err != nil {
		return err
	}
	root, err := k.Storage.Root(s.Context(), jail)
	if err != nil {
		return err
	}
	place := transfer.Place{State: i.Sandbox, Root: root}
	if i.alive {
		if err := k.Claim(s, op, true, []storage.Dataset{jail}, nil); err != nil {
			return err
		}
		return do(s, place)
	}
	effects, err := k.Sandbox.Start(sandbox.Spec{ID: k.ID + "-" + string(name), Root: sandboxRoot(root)})
	if err != nil {
		return err
	}
	if err := k.Claim(s, op, true, []storage.Dataset{jail}, nil); err != nil {
		return err
	}
	return s.Do(&Visit{Subject{name}}, func(s events.Step) error {
		for _, e := range effects {
			if err := s.Apply(e); err != nil {
				return err
			}
			if held, ok := e.(sandbox.Held); ok {
				place.State = held.State()
			}
		}
		if err := do(s, place); err != nil {
			return err
		}
		return events.Skip(fmt.Sprintf("%s is as it was otherwise", name))
	})
}
