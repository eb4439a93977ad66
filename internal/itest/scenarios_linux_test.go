package itest

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/libioc/ioc"
	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/events/eventstest"
	"github.com/libioc/ioc/journal"
	"github.com/libioc/ioc/release"
	"github.com/libioc/ioc/release/embedded"
	"github.com/libioc/ioc/sandbox"
	"github.com/libioc/ioc/storage"
)

// scenario is an operation that is killed.
type scenario struct {
	name   string
	from   template
	before func(h *ioc.Host) error // what has happened already
	op     func(h *ioc.Host, dir string) eventstest.Operation

	// turns say from which point on which world is right; until the first it is the one before, and from
	// the commit on the one after. Without any, that is all there is.
	turns []turn
}

// turn is a point with the world that is right from there on.
type turn struct {
	point string
	nth   int    // occurrence, from 1; 0: the first
	world string // before, after, or the name of a scenario: the world after that one
}

// all is the matrix. What runs in children is looked up here by its name, so that it is the same in all
// processes.
func all() []scenario {
	web := func(h *ioc.Host) *ioc.JailGenerator { return h.JailGenerator("web") }
	none := ioc.StopOptions{}
	// A stop goes forward as soon as the release of what the start retained has begun: before anything
	// is asked to end, and before anything is undone.
	asked, forced := "begin-jail.terminate", "begin-revert-sandbox.spawn"
	return []scenario{
		{name: "create", from: released, op: func(h *ioc.Host, _ string) eventstest.Operation {
			return eventstest.Run(web(h).Create(ioc.CreateOptions{Release: base, Properties: map[string]string{"notes": "x"}}))
		}},
		{name: "create-embedded", from: brought, op: func(h *ioc.Host, _ string) eventstest.Operation {
			return eventstest.Run(web(h).Create(ioc.CreateOptions{}))
		}},
		// The release that is fetched on the way is sealed: it stays, whatever becomes of the jail.
		{
			name: "create-first", from: empty, turns: []turn{{point: "begin-lock.claim", nth: 2, world: "fetch-embedded"}},
			op: func(h *ioc.Host, _ string) eventstest.Operation {
				return eventstest.Run(web(h).Create(ioc.CreateOptions{}))
			},
		},
		{name: "clone", from: created, op: func(h *ioc.Host, _ string) eventstest.Operation {
			return eventstest.Run(web(h).Clone("copy", ioc.CloneOptions{Properties: map[string]string{"notes": "x"}}))
		}},
		{name: "clone-snapshot", from: history, op: func(h *ioc.Host, _ string) eventstest.Operation {
			return eventstest.Run(web(h).Clone("copy", ioc.CloneOptions{Snapshot: "two"}))
		}},
		{name: "clone-thick", from: history, op: func(h *ioc.Host, _ string) eventstest.Operation {
			return eventstest.Run(web(h).Clone("copy", ioc.CloneOptions{Thick: true}))
		}},
		{name: "start", from: created, op: func(h *ioc.Host, _ string) eventstest.Operation {
			return eventstest.Run(web(h).Start())
		}},
		{name: "start-hook", from: hooked, op: func(h *ioc.Host, _ string) eventstest.Operation {
			return eventstest.Run(web(h).Start())
		}},
		{name: "stop", from: created, before: starts, turns: []turn{{point: asked, world: "after"}}, op: func(h *ioc.Host, _ string) eventstest.Operation {
			return eventstest.Run(web(h).Stop(none))
		}},
		{name: "stop-hook", from: hooked, before: starts, turns: []turn{{point: asked, world: "after"}}, op: func(h *ioc.Host, _ string) eventstest.Operation {
			return eventstest.Run(web(h).Stop(none))
		}},
		{name: "stop-force", from: created, before: starts, turns: []turn{{point: forced, world: "after"}}, op: func(h *ioc.Host, _ string) eventstest.Operation {
			return eventstest.Run(web(h).Stop(ioc.StopOptions{Force: true}))
		}},
		// A restart is a stop, which is final as soon as it has begun, and then a start, which stands when the
		// whole has committed. In between the jail is stopped, as a stop leaves it: to start it again is
		// what was asked for, but how it was started before nobody could bring back.
		{
			name: "restart", from: created, before: starts,
			turns: []turn{{point: asked, world: "stop"}},
			op:    func(h *ioc.Host, _ string) eventstest.Operation { return eventstest.Run(web(h).Restart(none)) },
		},
		{name: "exec", from: created, before: starts, op: func(h *ioc.Host, _ string) eventstest.Operation {
			return eventstest.Run(web(h).Exec(waits(nil)))
		}},
		{name: "exec-terminal", from: created, before: starts, op: func(h *ioc.Host, _ string) eventstest.Operation {
			return eventstest.Run(web(h).Exec(waits(&sandbox.Size{Rows: 24, Cols: 80})))
		}},
		{name: "rename", from: history, op: func(h *ioc.Host, _ string) eventstest.Operation {
			return eventstest.Run(web(h).Rename("db"))
		}},
		{name: "snapshot", from: created, op: func(h *ioc.Host, _ string) eventstest.Operation {
			return eventstest.Run(web(h).Snapshot("one"))
		}},
		{name: "snapshot-destroy", from: history, op: func(h *ioc.Host, _ string) eventstest.Operation {
			return eventstest.Run(web(h).DestroySnapshot("two"))
		}},
		{name: "rollback", from: history, op: func(h *ioc.Host, _ string) eventstest.Operation {
			return eventstest.Run(web(h).Rollback("one", ioc.RollbackOptions{DestroyNewer: true}))
		}},
		{name: "destroy", from: history, op: func(h *ioc.Host, _ string) eventstest.Operation {
			return eventstest.Run(web(h).Destroy(ioc.DestroyOptions{}))
		}},
		// So is a forced destroy: a stop, and then what can be undone until the commit.
		{
			name: "destroy-force", from: created, before: starts,
			turns: []turn{{point: forced, world: "stop-force"}},
			op: func(h *ioc.Host, _ string) eventstest.Operation {
				return eventstest.Run(web(h).Destroy(ioc.DestroyOptions{Force: true}))
			},
		},
		{name: "set", from: created, op: func(h *ioc.Host, _ string) eventstest.Operation {
			return eventstest.Run(web(h).Set(map[string]string{"notes": "second", "host_hostname": ""}))
		}},
		{name: "set-running", from: created, before: starts, op: func(h *ioc.Host, _ string) eventstest.Operation {
			return eventstest.Run(web(h).Set(map[string]string{"notes": "second"}))
		}},
		{name: "fetch", from: empty, op: func(h *ioc.Host, dir string) eventstest.Operation {
			return eventstest.Run(h.Fetch(ioc.FetchOptions{Name: base, Source: release.File(filepath.Join(dir, "base.tar"))}))
		}},
		{name: "fetch-stream", from: empty, op: func(h *ioc.Host, dir string) eventstest.Operation {
			text, err := os.ReadFile(filepath.Join(dir, "base.tar"))
			if err != nil {
				panic(err)
			}
			return eventstest.Run(h.Fetch(ioc.FetchOptions{Name: base, Source: release.Reader("stream", bytes.NewReader(text))}))
		}},
		{name: "fetch-embedded", from: empty, op: func(h *ioc.Host, _ string) eventstest.Operation {
			return eventstest.Run(h.Fetch(ioc.FetchOptions{}))
		}},
		{name: "release-destroy", from: released, op: func(h *ioc.Host, _ string) eventstest.Operation {
			return eventstest.Run(h.DestroyRelease(base))
		}},
		// What comes before the command is sealed: as soon as it is to be executed the jail is there to stay.
		{name: "run", from: released, turns: []turn{{point: "begin-sandbox.exec", world: "after"}}, op: func(h *ioc.Host, _ string) eventstest.Operation {
			return eventstest.Run(web(h).Run(ioc.RunOptions{Create: ioc.CreateOptions{Release: base}, Exec: waits(nil)}))
		}},
		{name: "run-stopped", from: created, turns: []turn{{point: "begin-sandbox.exec", world: "after"}}, op: func(h *ioc.Host, _ string) eventstest.Operation {
			return eventstest.Run(web(h).Run(ioc.RunOptions{Exec: waits(nil)}))
		}},
		// A jail that died is stopped first, which is final, too.
		{
			name: "start-dead", from: created, before: perishes,
			turns: []turn{{point: forced, world: "stop-dead"}},
			op:    func(h *ioc.Host, _ string) eventstest.Operation { return eventstest.Run(web(h).Start()) },
		},
		{
			name: "stop-dead", from: created, before: perishes, turns: []turn{{point: forced, world: "after"}},
			op: func(h *ioc.Host, _ string) eventstest.Operation { return eventstest.Run(web(h).Stop(none)) },
		},
		{
			name: "rename-dead", from: created, before: perishes,
			turns: []turn{{point: forced, world: "stop-dead"}},
			op:    func(h *ioc.Host, _ string) eventstest.Operation { return eventstest.Run(web(h).Rename("db")) },
		},
		recovery("create", released, dies("end-storage.write", "create")),
		recovery("start", created, dies("done-sandbox.spawn", "start")),
		recovery("stop", created, dies("end-jail.terminate", "start", "stop")),
		recovery("restart", created, dies("done-sandbox.spawn", "start", "restart")),
		recovery("exec", created, dies("done-sandbox.exec", "start", "stay")),
		recovery("clone", history, dies("done-storage.clone", "thick")),
		recovery("snapshot", created, dies("done-storage.snapshot", "snapshot")),
		recovery("forget", history, dies("done-storage.merge", "forget")),
		recovery("rollback", history, dies("committed-jail.rollback", "rollback")),
		recovery("destroy", history, dies("committed-jail.destroy", "destroy")),
		recovery("fetch", empty, dies("end-release.unpack", "fetch")),
	}
}

// waits is a command that runs until it is killed. That is done as soon as it runs, so that the operation
// ends; whoever is killed before leaves it running.
func waits(terminal *sandbox.Size) ioc.ExecOptions {
	return ioc.ExecOptions{
		Process: sandbox.Process{Args: []string{"/bin/wait"}, Terminal: terminal},
		Attach: func(s sandbox.Session) func() {
			if err := s.Signal(syscall.SIGKILL); err != nil {
				panic(err)
			}
			return nil
		},
	}
}

// needs tells what a scenario needs that may not be there.
func (s *scenario) needs(t testing.TB) {
	t.Helper()
	needsJails(t)
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
