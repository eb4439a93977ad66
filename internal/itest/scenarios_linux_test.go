package itest

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/libioc/ioc"
	"github.com/libioc/ioc/apply"
	"github.com/libioc/ioc/events/eventstest"
	"github.com/libioc/ioc/jail"
	"github.com/libioc/ioc/release"
	"github.com/libioc/ioc/sandbox"
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

	sample bool // an ordinary run kills at every fifth of its points only
	// any are scenarios whose worlds are right, too, from any point on: what happens in lanes has no order.
	any []string

	last func(h *ioc.Host) error // looks at the world at the very end, and may change it

	only bool // its world is of use to others, and it is not killed itself
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
		{name: "start-ready", sample: true, from: created, before: readies, op: func(h *ioc.Host, _ string) eventstest.Operation {
			return eventstest.Run(web(h).Start())
		}},
		{name: "start-hook", from: hooked, op: func(h *ioc.Host, _ string) eventstest.Operation {
			return eventstest.Run(web(h).Start())
		}},
		// What commands on the host did is taken back by others.
		{name: "start-around", sample: true, from: created, before: surrounds, op: func(h *ioc.Host, _ string) eventstest.Operation {
			return eventstest.Run(web(h).Start())
		}},
		{name: "stop-around", sample: true, from: created, before: both(surrounds, starts), turns: []turn{{point: asked, world: "after"}}, op: func(h *ioc.Host, _ string) eventstest.Operation {
			return eventstest.Run(web(h).Stop(none))
		}},
		// Mounts come to a jail that runs, and go; what was mounted goes with the jail.
		{name: "fstab-add", sample: true, from: created, before: starts, op: func(h *ioc.Host, dir string) eventstest.Operation {
			return eventstest.Run(web(h).AddMount(jail.Mount{Source: filepath.Join(dir, "root", "trash"), Target: "/data"}))
		}},
		{name: "fstab-rm", sample: true, from: created, before: both(starts, mounts), op: func(h *ioc.Host, _ string) eventstest.Operation {
			return eventstest.Run(web(h).RemoveMount("/data"))
		}},
		{
			name: "stop-mounted", sample: true, from: created, before: both(starts, mounts), turns: []turn{{point: asked, world: "after"}},
			op: func(h *ioc.Host, _ string) eventstest.Operation { return eventstest.Run(web(h).Stop(none)) },
		},
		{name: "start-network", sample: true, from: created, before: connects, op: func(h *ioc.Host, _ string) eventstest.Operation {
			return eventstest.Run(web(h).Start())
		}},
		{
			name: "stop-network", sample: true, from: created, before: both(connects, starts),
			turns: []turn{{point: asked, world: "after"}}, op: func(h *ioc.Host, _ string) eventstest.Operation {
				return eventstest.Run(web(h).Stop(none))
			},
		},
		{name: "start-dhcp", sample: true, from: created, before: asks, op: func(h *ioc.Host, _ string) eventstest.Operation {
			return eventstest.Run(web(h).Start())
		}},
		{
			name: "stop-dhcp", sample: true, from: created, before: both(asks, starts),
			turns: []turn{{point: asked, world: "after"}}, op: func(h *ioc.Host, _ string) eventstest.Operation {
				return eventstest.Run(web(h).Stop(none))
			},
		},
		// A client that was killed is started again by a start, and ended by a stop however that went.
		{name: "attend-dhcp", sample: true, from: created, before: both(both(asks, starts), loses), op: func(h *ioc.Host, _ string) eventstest.Operation {
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
		{name: "set-limits", sample: true, from: created, before: both(limits, starts), op: func(h *ioc.Host, _ string) eventstest.Operation {
			return eventstest.Run(web(h).Set(map[string]string{"memoryuse": "96M", "nmsgq": "5", "pseudoterminals": "9"}))
		}},
		// What is noted of a jail goes with its stop, whoever noted it.
		{name: "health", sample: true, from: created, before: both(checked, starts), op: func(h *ioc.Host, _ string) eventstest.Operation {
			return eventstest.Run(web(h).Check())
		}},
		{
			name: "stop-checked", sample: true, from: created, before: both(both(checked, starts), checks),
			turns: []turn{{point: asked, world: "after"}}, op: func(h *ioc.Host, _ string) eventstest.Operation {
				return eventstest.Run(web(h).Stop(none))
			},
		},
		{name: "set-running", from: created, before: starts, op: func(h *ioc.Host, _ string) eventstest.Operation {
			return eventstest.Run(web(h).Set(map[string]string{"notes": "second"}))
		}},
		{name: "revert", from: created, before: changes, op: func(h *ioc.Host, _ string) eventstest.Operation {
			return eventstest.Run(web(h).Revert(1))
		}},
		{name: "set-several", from: created, before: copies, op: func(h *ioc.Host, _ string) eventstest.Operation {
			return eventstest.Run(h.JailsGenerator("web", "copy").Set(map[string]string{"notes": "second"}))
		}},
		{name: "set-defaults", from: created, op: func(h *ioc.Host, _ string) eventstest.Operation {
			return eventstest.Run(h.SetDefaults(map[string]string{"notes": "second"}))
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
		// Another program makes the files, mounts something and has children that do not end.
		{name: "fetch-bootstrap", from: empty, op: func(h *ioc.Host, dir string) eventstest.Operation {
			standIn(dir)
			return eventstest.Run(h.Fetch(ioc.FetchOptions{From: "debian/bookworm"}))
		}},
		{name: "fetch-published", from: empty, op: func(h *ioc.Host, dir string) eventstest.Operation {
			return eventstest.Run(h.Fetch(ioc.FetchOptions{From: "alpine/3.21", Mirror: publish(dir, "")}))
		}},
		// Layers are downloaded in lanes, unpacked once, and shared with the release that has some of them already, or with none.
		{name: "fetch-image", from: empty, before: pulls, last: layersAreWhole, op: func(h *ioc.Host, dir string) eventstest.Operation {
			return eventstest.Run(h.Fetch(ioc.FetchOptions{Name: base, From: pushes(dir, "image")}))
		}},
		{name: "fetch-image-first", sample: true, from: empty, last: layersAreWhole, op: func(h *ioc.Host, dir string) eventstest.Operation {
			return eventstest.Run(h.Fetch(ioc.FetchOptions{Name: base, From: pushes(dir, "image")}))
		}},
		{name: "fetch-web", sample: true, from: empty, op: func(h *ioc.Host, dir string) eventstest.Operation {
			return eventstest.Run(h.Fetch(ioc.FetchOptions{Name: base, From: publish(dir, "") + "/root.tar.gz"}))
		}},
		{name: "fetch-update", from: empty, before: fetches, op: func(h *ioc.Host, dir string) eventstest.Operation {
			return eventstest.Run(h.UpdateRelease("alpine-3.21", publish(dir, strings.Repeat("\x00", 512))))
		}},
		{name: "prune", from: empty, before: fetches, op: func(h *ioc.Host, _ string) eventstest.Operation {
			return eventstest.Run(h.Prune(ioc.PruneOptions{Age: time.Nanosecond}))
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
		// A temporary jail is as long as its command, and the world after it is the one before.
		{name: "run-temporary", from: released, op: func(h *ioc.Host, _ string) eventstest.Operation {
			return eventstest.Run(web(h).Run(ioc.RunOptions{Create: ioc.CreateOptions{Release: base}, Exec: waits(nil), Temporary: true}))
		}},
		// A copy is final when its step has ended: what holds the jail meanwhile is taken back either way.
		{name: "copy-in", from: created, turns: []turn{{point: "begin-commit-copy.sweep", world: "after"}}, op: func(h *ioc.Host, dir string) eventstest.Operation {
			return eventstest.Run(web(h).CopyIn(ioc.CopyOptions{Host: filepath.Join(dir, "base.tar"), Path: "/last"}))
		}},
		{name: "copy-in-running", from: created, before: starts, turns: []turn{{point: "begin-commit-copy.sweep", world: "after"}}, op: func(h *ioc.Host, dir string) eventstest.Operation {
			return eventstest.Run(web(h).CopyIn(ioc.CopyOptions{Host: filepath.Join(dir, "base.tar"), Path: "/data/file"}))
		}},
		{name: "copy-out", from: created, turns: []turn{{point: "begin-commit-copy.sweep", world: "after"}}, op: func(h *ioc.Host, _ string) eventstest.Operation {
			return eventstest.Run(web(h).CopyOut(ioc.CopyOptions{Path: "/data", Host: filepath.Join(h.Root(), "copied")}))
		}},
		// Several jails of one operation: all of them, or none.
		{name: "create-several", from: released, op: func(h *ioc.Host, _ string) eventstest.Operation {
			return eventstest.Run(h.JailsGenerator("w-1", "w-2", "w-3").Create(ioc.CreateOptions{Release: base}))
		}},
		{name: "start-atomic", from: created, before: copies, op: func(h *ioc.Host, _ string) eventstest.Operation {
			return eventstest.Run(h.JailsGenerator("web", "copy").Start(ioc.SeveralOptions{Atomic: true}))
		}},
		// One jail and what it depends on are one operation: all of it or nothing.
		{name: "start-dependencies", from: created, before: depends, op: func(h *ioc.Host, _ string) eventstest.Operation {
			return eventstest.Run(web(h).Start())
		}},
		// Several without that count for themselves: who has started stays.
		{
			name: "start-several", from: created, before: depends, sample: true, any: []string{"start-copy"},
			op: func(h *ioc.Host, _ string) eventstest.Operation {
				return eventstest.Run(h.JailsGenerator("web", "copy").Start(ioc.SeveralOptions{}))
			},
		},
		{name: "start-copy", from: created, before: depends, only: true, op: func(h *ioc.Host, _ string) eventstest.Operation {
			return eventstest.Run(h.JailGenerator("copy").Start())
		}},
		// What nobody asked for stays as soon as one does who needs it.
		{
			name: "start-branch", from: created, before: branches,
			sample: true, any: []string{"start-branch-1", "start-branch-2", "start-branch-12", "start-branch-13"},
			op: func(h *ioc.Host, _ string) eventstest.Operation {
				return eventstest.Run(h.JailsGenerator("web", "third").Start(ioc.SeveralOptions{}))
			},
		},
		branch("1", "copy"), branch("2", "third"), branch("12", "copy", "third"), branch("13", "copy", "web"),
		// Stops are final one by one, and those of dependants come first.
		{
			name: "stop-several", from: created, before: dependsRunning, sample: true, any: []string{"stop-web"},
			op: func(h *ioc.Host, _ string) eventstest.Operation {
				return eventstest.Run(h.JailsGenerator("web", "copy").Stop(none, ioc.SeveralOptions{}))
			},
		},
		{name: "stop-web", from: created, before: dependsRunning, only: true, op: func(h *ioc.Host, _ string) eventstest.Operation {
			return eventstest.Run(web(h).Stop(none))
		}},
		// A jail in the middle of its restart is stopped when it is broken off; what it depends on was restarted before.
		{
			name: "restart-several", from: created, before: dependsRunning, sample: true, any: []string{"stop-web", "stop-copy"},
			op: func(h *ioc.Host, _ string) eventstest.Operation {
				return eventstest.Run(h.JailsGenerator("web", "copy").Restart(none, ioc.SeveralOptions{}))
			},
		},
		{name: "stop-copy", from: created, before: dependsRunning, only: true, op: func(h *ioc.Host, _ string) eventstest.Operation {
			return eventstest.Run(h.JailGenerator("copy").Stop(none))
		}},
		// What a file asks for is all there or nothing of it.
		{name: "apply", sample: true, from: created, op: func(h *ioc.Host, _ string) eventstest.Operation {
			return eventstest.Run(h.Apply(&apply.File{Jails: []apply.Jail{
				{Name: "web", Properties: map[string]string{"notes": "applied", "depends": "db"}, State: apply.Running},
				{Name: "db", Release: base, State: apply.Running},
			}}, ioc.ApplyOptions{}))
		}},
		// So it is where it has to stop jails that run: until all of it is done they run again.
		{name: "apply-restart", sample: true, from: created, before: dependsRunning, op: func(h *ioc.Host, _ string) eventstest.Operation {
			return eventstest.Run(h.Apply(&apply.File{Jails: []apply.Jail{
				{Name: "web", Properties: map[string]string{"host_hostname": "applied", "depends": "copy"}, State: apply.Running},
				{Name: "copy", Properties: map[string]string{"host_hostname": "applied"}, State: apply.Running},
				{Name: "db", Release: base, State: apply.Running},
			}}, ioc.ApplyOptions{}))
		}},
		{name: "apply-stop", sample: true, from: created, before: dependsRunning, op: func(h *ioc.Host, _ string) eventstest.Operation {
			return eventstest.Run(h.Apply(&apply.File{Jails: []apply.Jail{
				{Name: "web", Properties: map[string]string{"notes": "applied"}, State: apply.Stopped},
				{Name: "copy", State: apply.Stopped},
			}}, ioc.ApplyOptions{}))
		}},
		// What it sets of jails that run, a limit that the kernel knows at once above all, and in files is as before, too.
		{name: "apply-set", sample: true, from: created, before: both(limits, dependsRunning), op: func(h *ioc.Host, _ string) eventstest.Operation {
			lines := "/etc /mnt nullfs ro 0 0\n"
			return eventstest.Run(h.Apply(&apply.File{Jails: []apply.Jail{
				{Name: "web", Properties: map[string]string{"maxproc": "77", "depends": "copy"}, State: apply.Running},
				{Name: "new", Clone: "copy", Fstab: &lines, State: apply.Stopped},
				{Name: "copy", Properties: map[string]string{"notes": "applied"}, Fstab: &lines, State: apply.Stopped},
			}}, ioc.ApplyOptions{}))
		}},
		{name: "apply-prune", sample: true, from: created, before: both(branches, starts), op: func(h *ioc.Host, _ string) eventstest.Operation {
			return eventstest.Run(h.Apply(&apply.File{Jails: []apply.Jail{
				{Name: "db", Release: base, State: apply.Running},
			}}, ioc.ApplyOptions{Prune: true}))
		}},
		{name: "destroy-several", from: history, before: copies, op: func(h *ioc.Host, _ string) eventstest.Operation {
			return eventstest.Run(h.JailsGenerator("web", "copy").Destroy(ioc.DestroyOptions{}))
		}},
		{name: "mend", from: created, before: halves, op: mends},
		{name: "mend-processes", from: created, before: forgets, op: mends},
		{name: "mend-config", from: created, before: func(h *ioc.Host) error { return errors.Join(changes(h), spoils(h)) }, op: mends},
		// To settle a dead jail is a stop.
		{
			name: "mend-dead", from: created, before: perishes,
			turns: []turn{{point: forced, world: "after"}}, op: mends,
		},
		recovery("create", released, dies("end-storage.clone", "create")),
		recovery("start", created, dies("done-sandbox.spawn", "start")),
		recovery("start-network", created, both(connects, dies("done-network.link", "start"))),
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

// surrounds lets the jail's start and stop run commands on the host.
func surrounds(h *ioc.Host) error {
	mark := filepath.Join(h.Root(), "mark")
	_, err := h.Jail("web").Set(context.Background(), map[string]string{
		"exec_prestart": ": > " + mark, "exec_poststart": ": > " + mark + "2", "exec_prestop": "true", "exec_poststop": "rm -f " + mark + "*",
	})
	return err
}

// mounts gives the jail a file system in memory.
func mounts(h *ioc.Host) error {
	return h.Jail("web").AddMount(context.Background(), jail.Mount{Target: "/data", Type: "tmpfs", Options: []string{"size=64k"}})
}

// limits holds the jail to a limit.
func limits(h *ioc.Host) error {
	_, err := h.Jail("web").Set(context.Background(), map[string]string{"memoryuse": "64M"})
	return err
}

// checked says how the jail is checked, and checks does it.
func checked(h *ioc.Host) error {
	_, err := h.Jail("web").Set(context.Background(), map[string]string{"health": "file:/bin"})
	return err
}

func checks(h *ioc.Host) error {
	_, err := h.Jail("web").Check(context.Background())
	return err
}

// both does one after the other.
func both(first, second func(h *ioc.Host) error) func(h *ioc.Host) error {
	return func(h *ioc.Host) error {
		if err := first(h); err != nil {
			return err
		}
		return second(h)
	}
}

// branch is the world in which only these jails run.
func branch(name string, jails ...string) scenario {
	return scenario{name: "start-branch-" + name, from: created, before: branches, only: true, op: func(h *ioc.Host, _ string) eventstest.Operation {
		return eventstest.Run(h.JailsGenerator(jails...).Start(ioc.SeveralOptions{}))
	}}
}

func mends(h *ioc.Host, _ string) eventstest.Operation { return eventstest.Run(h.Mend()) }

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
