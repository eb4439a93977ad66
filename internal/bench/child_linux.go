package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/libioc/ioc"
	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/internal/backend/linuxns"
	"github.com/libioc/ioc/journal"
	"github.com/libioc/ioc/sandbox"
	"github.com/libioc/ioc/storage"
)

// childFlag makes this program one that uses the library, once.
const childFlag = "-child"

// child is what a program of somebody else's does with the library; its start and end are measured, too.
func child(args []string) int {
	var err error
	ctx := context.Background()
	switch verb, args := args[0], args[1:]; verb {
	case "run":
		err = once(ctx, args[0], args[1], args[2], args[3])
	case "cycle":
		err = opened(ctx, args[0], func(h *ioc.Host) error { return cycle(ctx, h, args[1], args[2]) })
	case "exec":
		err = opened(ctx, args[0], func(h *ioc.Host) error { return join(ctx, h, args[1]) })
	case "memory":
		err = pid(ctx, args[0], args[1])
	case "zfs":
		err = onPool(ctx, args[0], args[1])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// program is the payload of a jail for one program.
type program struct{}

func (*program) EventType() string { return "bench.program" }

// errOver ends a jail for one program: nothing of it is to stay, so it is rolled back.
var errOver = errors.New("the program has ended")

// once runs /bin/true in a jail of its own: one operation, in effects, with a journal.
func once(ctx context.Context, root, dir, group, id string) error {
	j, err := journal.Open(filepath.Join(dir, "journal"), journal.Options{})
	if err != nil {
		return err
	}
	driver := linuxns.New(linuxns.Options{Run: filepath.Join(dir, "run"), Group: group})
	registry := events.NewRegistry()
	linuxns.Register(registry)
	op := events.New(&program{}, func(s events.Step) (exit sandbox.Exit, err error) {
		effects, err := driver.Start(sandbox.Spec{
			ID: id, Root: sandbox.Root{Dir: root, ReadOnly: true}, Process: &sandbox.Process{Args: []string{"/bin/true"}},
		})
		if err != nil {
			return exit, err
		}
		for _, e := range effects {
			if err := s.Apply(e); err != nil {
				return exit, err
			}
		}
		held, ok := effects[len(effects)-1].(sandbox.Held)
		if !ok {
			return exit, errors.New("nothing holds the jail")
		}
		if exit, err = driver.Wait(s.Context(), held.State()); err != nil {
			return exit, err
		}
		if exit.Status() != 0 {
			return exit, fmt.Errorf("/bin/true: %v", exit)
		}
		return exit, errOver
	})
	_, err = op.Do(ctx, events.WithJournal(j), events.WithRegistry(registry))
	if failed, ok := errors.AsType[*events.RollbackError](err); ok {
		return failed
	}
	if errors.Is(err, errOver) {
		return nil
	}
	return err
}

// opened does something with a host that is opened for it.
func opened(ctx context.Context, root string, f func(*ioc.Host) error) error {
	host, err := ioc.Open(ctx, ioc.Options{Root: root})
	if err != nil {
		return err
	}
	return f(host)
}

// cycle creates, starts, stops and destroys a jail.
func cycle(ctx context.Context, host *ioc.Host, id, release string) error {
	j := host.Jail(id)
	if err := j.Create(ctx, ioc.CreateOptions{Release: storage.Name(release)}); err != nil {
		return err
	}
	if err := j.Start(ctx); err != nil {
		return err
	}
	if err := j.Stop(ctx, ioc.StopOptions{}); err != nil {
		return err
	}
	return j.Destroy(ctx, ioc.DestroyOptions{})
}

// join runs /bin/true in a jail that runs.
func join(ctx context.Context, host *ioc.Host, id string) error {
	exit, err := host.Jail(id).Exec(ctx, ioc.ExecOptions{Process: sandbox.Process{Args: []string{"/bin/true"}}})
	if err == nil && exit.Status() != 0 {
		err = fmt.Errorf("/bin/true: %v", exit)
	}
	return err
}

// pid says which process holds a jail.
func pid(ctx context.Context, root, id string) error {
	host, err := ioc.Open(ctx, ioc.Options{Root: root})
	if err != nil {
		return err
	}
	info, err := host.Jail(id).Info(ctx)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(os.Stdout, info.Sandbox.PID)
	return err
}
