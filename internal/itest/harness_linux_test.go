package itest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/libioc/ioc"
	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/events/eventstest"
	"github.com/libioc/ioc/journal"
	"github.com/libioc/ioc/release/embedded"
	"github.com/libioc/ioc/storage"
)

// needs tells what a scenario needs that may not be there.
func (s *scenario) needs(t testing.TB) {
	t.Helper()
	needsJails(t)
	if strings.HasSuffix(s.name, "-dhcp") {
		serveDHCP(t)
	}
	if strings.Contains(s.name, "embedded") || s.name == "create-first" {
		if err := embedded.Available(); err != nil {
			t.Skip(err)
		}
	}
}

// sweepable are all scenarios as children look them up.
func sweepable() []eventstest.Scenario {
	var list []eventstest.Scenario
	for _, s := range all() {
		list = append(list, s.harness())
	}
	return list
}

// harness is s as the crash harness takes it.
func (s *scenario) harness() eventstest.Scenario {
	onHost := func(op func(h *ioc.Host, dir string) eventstest.Operation) func(dir string) (eventstest.Operation, error) {
		return func(dir string) (eventstest.Operation, error) {
			h, err := open(dir)
			if err != nil {
				return eventstest.Operation{}, err
			}
			return op(h, dir), nil
		}
	}
	e := eventstest.Scenario{
		Name: s.name,
		Setup: func(dir string) error {
			text, err := archive()
			if err == nil {
				err = os.WriteFile(filepath.Join(dir, "base.tar"), text, 0o600)
			}
			if err != nil {
				return err
			}
			return s.from.stamp(dir)
		},
		Operation: onHost(s.op),
		Recover: onHost(func(h *ioc.Host, _ string) eventstest.Operation {
			return eventstest.Run(h.Recover())
		}),
		Clean:    isClean,
		Within:   storage.WithPoints,
		Snapshot: func(dir string) (string, error) { return picture(filepath.Join(dir, "root")) },
		Cleanup:  func(dir string) error { return raze(filepath.Join(dir, "root")) },
	}
	if s.last != nil {
		e.Cleanup = func(dir string) error {
			h, err := open(dir)
			if err == nil {
				err = s.last(h)
			}
			return errors.Join(err, raze(filepath.Join(dir, "root")))
		}
	}
	if s.before != nil {
		e.Before = func(dir string) (eventstest.Operation, error) {
			h, err := open(dir)
			if err == nil {
				err = s.before(h)
			}
			return eventstest.Run(events.New(&events.Named{Type: "before"}, func(events.Step) (none struct{}, _ error) { return none, nil })), err
		}
	}
	return e
}

// starts starts the jail.
func starts(h *ioc.Host) error { return h.Jail("web").Start(context.Background()) }

// changes changes the jail's configuration twice.
func changes(h *ioc.Host) error {
	_, err := h.Jail("web").Set(context.Background(), map[string]string{"notes": "second"})
	if err == nil {
		_, err = h.Jail("web").Set(context.Background(), map[string]string{"notes": "third"})
	}
	return err
}

// readies lets a start wait for a command.
func readies(h *ioc.Host) error {
	_, err := h.Jail("web").Set(context.Background(), map[string]string{"ready": "exec:true"})
	return err
}

// copies makes a second jail of the first.
func copies(h *ioc.Host) error {
	return h.Jail("web").Clone(context.Background(), "copy", ioc.CloneOptions{})
}

// depends makes a second jail, and lets the first one depend on it.
func depends(h *ioc.Host) error {
	if err := copies(h); err != nil {
		return err
	}
	_, err := h.Jail("web").Set(context.Background(), map[string]string{"depends": "copy"})
	return err
}

// dependsRunning is the same, and both run.
func dependsRunning(h *ioc.Host) error {
	if err := depends(h); err != nil {
		return err
	}
	return starts(h)
}

// branches makes two more jails: the first depends on one of them.
func branches(h *ioc.Host) error {
	if err := depends(h); err != nil {
		return err
	}
	return h.Jail("web").Clone(context.Background(), "third", ioc.CloneOptions{Properties: map[string]string{"depends": "", "exec_start": ""}})
}

// perishes starts the jail and kills its first process.
func perishes(h *ioc.Host) error {
	state, err := h.JailGenerator("web").Start().Do(context.Background())
	if err != nil {
		return err
	}
	fd, err := unix.PidfdOpen(state.PID, 0)
	if err != nil {
		return err
	}
	p := &process{pid: state.PID, fd: fd}
	err = p.kill()
	p.gone()
	return err
}

// dies lets another process do things and be killed at a point of the last.
func dies(point string, do ...string) func(h *ioc.Host) error {
	return func(h *ioc.Host) error {
		t := task{Root: h.Root(), Jail: "web", Do: do, Die: point}
		_, a, err := t.run(context.Background(), filepath.Dir(h.Root()))
		if err == nil && a.Error != "signal: killed" {
			err = fmt.Errorf("it was not killed at %s: %s", point, a.Error)
		}
		return err
	}
}

// recovery is the recovery of what somebody left who died at a point. It goes to where it has to, wherever
// it is killed.
func recovery(name string, from template, before func(h *ioc.Host) error) scenario {
	return scenario{
		name: "recover-" + name, from: from, before: before,
		turns: []turn{{point: "begin-host.recover", world: "after"}},
		op:    func(h *ioc.Host, _ string) eventstest.Operation { return eventstest.Run(h.Recover()) },
	}
}

// isClean wants a journal in which nothing is left to do.
func isClean(dir string) error {
	j, err := journal.Open(filepath.Join(dir, "root", "journal"), journal.Options{})
	if err != nil {
		return err
	}
	if dirty, err := j.Dirty(); dirty || err != nil {
		return fmt.Errorf("the journal is dirty: %v, %w", dirty, err)
	}
	return nil
}
