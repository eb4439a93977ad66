package ioc_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/libioc/ioc"
	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/events/eventstest"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/jail"
	"github.com/libioc/ioc/sandbox"
	"github.com/libioc/ioc/storage"
)

func command(args ...string) ioc.ExecOptions {
	return ioc.ExecOptions{Process: sandbox.Process{Args: args}}
}

// in wants the jail to be in this state.
func in(t *testing.T, j *ioc.Jail, want jail.State) jail.Info {
	t.Helper()
	i, err := j.Info(t.Context())
	if err != nil || i.State != want {
		t.Fatalf("%s: got %s (%s), %v; want %s", j.Name(), i.State, i.Reason, err, want)
	}
	return i
}

// TestBothForms does the same through a Jail and through its generator.
func TestBothForms(t *testing.T) {
	ctx := t.Context()
	a, b := newHost(t, ioc.Options{}), newHost(t, ioc.Options{})
	ja, jb := a.Jail("web"), b.JailGenerator("web")
	for _, step := range []struct {
		name     string
		sync     func() error
		generate operation
	}{
		{"create", func() error { return ja.Create(ctx, ioc.CreateOptions{}) }, erase(jb.Create(ioc.CreateOptions{}))},
		{"set", func() error { _, err := ja.Set(ctx, map[string]string{"notes": "x"}); return err }, erase(jb.Set(map[string]string{"notes": "x"}))},
		{"snapshot", func() error { _, err := ja.Snapshot(ctx, "s"); return err }, erase(jb.Snapshot("s"))},
		{"start", func() error { return ja.Start(ctx) }, erase(jb.Start())},
		{"exec", func() error { _, err := ja.Exec(ctx, command("true")); return err }, erase(jb.Exec(command("true")))},
		{"console", func() error { _, err := ja.Console(ctx, ioc.ExecOptions{}); return err }, erase(jb.Console(ioc.ExecOptions{}))},
		{"restart", func() error { return ja.Restart(ctx, ioc.StopOptions{}) }, erase(jb.Restart(ioc.StopOptions{}))},
		{"stop", func() error { return ja.Stop(ctx, ioc.StopOptions{}) }, erase(jb.Stop(ioc.StopOptions{}))},
		{"rollback", func() error { return ja.Rollback(ctx, "s", ioc.RollbackOptions{}) }, erase(jb.Rollback("s", ioc.RollbackOptions{}))},
		{"clone", func() error { return ja.Clone(ctx, "copy", ioc.CloneOptions{Snapshot: "s"}) }, erase(jb.Clone("copy", ioc.CloneOptions{Snapshot: "s"}))},
		{"destroy-snapshot", func() error { return ja.DestroySnapshot(ctx, "s") }, erase(jb.DestroySnapshot("s"))},
		{"rename", func() error { return ja.Rename(ctx, "db") }, erase(jb.Rename("db"))},
		{"run", func() error { _, err := ja.Run(ctx, ioc.RunOptions{Exec: command("true")}); return err }, erase(jb.Run(ioc.RunOptions{Exec: command("true")}))},
		{"destroy", func() error { return ja.Destroy(ctx, ioc.DestroyOptions{Force: true}) }, erase(jb.Destroy(ioc.DestroyOptions{Force: true}))},
	} {
		if err := step.sync(); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		if evs := watch(t, step.generate, nil); evs[len(evs)-1].Err != nil {
			t.Fatalf("%s: %v", step.name, evs[len(evs)-1].Err)
		}
		if oa, ob := a.outline(t), b.outline(t); oa != ob {
			t.Fatalf("%s: the forms differ:\n%s\n%s", step.name, oa, ob)
		}
	}
	a.quiet(t)
	b.quiet(t)
}

// TestStartIsATree pins what a consumer sees of a start and of a stop.
func TestStartIsATree(t *testing.T) {
	h := newHost(t, ioc.Options{})
	created(t, h)
	evs, _, err := eventstest.Record(t, h.JailGenerator("web").Start())
	if err != nil {
		t.Fatal(err)
	}
	const start = `begin jail.start web
  begin jail.attach web
    begin lock.claim jails/web
    end lock.claim jails/web: succeeded
    begin sandbox.group
    end sandbox.group: succeeded
    begin sandbox.spawn dryrun-web
    end sandbox.spawn dryrun-web: succeeded
  end jail.attach web: succeeded
end jail.start web: succeeded
`
	if got := eventstest.Outline(evs); got != start {
		t.Errorf("start:\n%s\nwant:\n%s", got, start)
	}
	evs, _, err = eventstest.Record(t, h.JailGenerator("web").Stop(ioc.StopOptions{}))
	if err != nil {
		t.Fatal(err)
	}
	const stop = `begin jail.stop web
  begin jail.detach web
    begin journal.release jail/web
      begin jail.terminate web
      end jail.terminate web: succeeded
      begin revert sandbox.spawn dryrun-web
      end revert sandbox.spawn dryrun-web: succeeded
      begin revert sandbox.group
      end revert sandbox.group: succeeded
      begin revert lock.claim jails/web
      end revert lock.claim jails/web: succeeded
    end journal.release jail/web: succeeded
  end jail.detach web: succeeded
end jail.stop web: succeeded
`
	if got := eventstest.Outline(evs); got != stop {
		t.Errorf("stop:\n%s\nwant:\n%s", got, stop)
	}
}

func TestCreateAgain(t *testing.T) {
	h := newHost(t, ioc.Options{})
	web := h.JailGenerator("web")
	o := ioc.CreateOptions{Properties: map[string]string{"memoryuse": "128m", "boot": "on"}}
	must(t, web.Create(o))
	if i := skipped(t, web.Create(ioc.CreateOptions{Properties: map[string]string{"memoryuse": "128M", "boot": "yes", "notes": "none"}})); i.Name != "web" {
		t.Errorf("got %+v", i)
	}
	err := want(t, fault.Exists, web.Create(ioc.CreateOptions{Properties: map[string]string{"memoryuse": "1G"}}))
	for _, part := range []string{"memoryuse is 128M, not 1G", "boot is yes, not none"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("got %q, want it to say %q", err, part)
		}
	}
	must(t, h.Fetch(ioc.FetchOptions{Name: ioc.Embedded}))
	skipped(t, h.Fetch(ioc.FetchOptions{}))
	want(t, fault.NotFound, h.JailGenerator("db").Create(ioc.CreateOptions{Release: "nope"}))
	want(t, fault.Busy, h.DestroyRelease(ioc.Embedded))
	must(t, web.Destroy(ioc.DestroyOptions{}))
	must(t, h.DestroyRelease(ioc.Embedded))
	h.quiet(t)
}

func TestClone(t *testing.T) {
	h := newHost(t, ioc.Options{})
	web := h.JailGenerator("web")
	must(t, web.Create(ioc.CreateOptions{Properties: map[string]string{
		"host_hostname": "www", "template": "yes", "memoryuse": "1G", "user.a": "b",
	}}))
	i := must(t, web.Clone("copy", ioc.CloneOptions{Properties: map[string]string{"user.a": "c"}}))
	if got, want := i.Config.Keys(), []string{"memoryuse", "release", "user.a"}; !slices.Equal(got, want) {
		t.Errorf("the clone has %q, want %q", got, want)
	}
	if v, _ := i.Config.Get("user.a"); v != "c" || i.Release != ioc.Embedded || i.Origin.Dataset != storage.Jail("web") {
		t.Errorf("got user.a %q, release %q, origin %v", v, i.Release, i.Origin)
	}
	skipped(t, web.Clone("copy", ioc.CloneOptions{Properties: map[string]string{"user.a": "c"}}))
	want(t, fault.Exists, web.Clone("copy", ioc.CloneOptions{}))
	want(t, fault.Invalid, web.Clone("web", ioc.CloneOptions{}))
	want(t, fault.NotFound, web.Clone("db", ioc.CloneOptions{Snapshot: "nope"}))
	want(t, fault.NotFound, h.JailGenerator("nope").Clone("db", ioc.CloneOptions{}))
}

func TestSet(t *testing.T) {
	h := newHost(t, ioc.Options{})
	started(t, h)
	web := h.JailGenerator("web")
	was := h.text(t)
	err := want(t, fault.Invalid, web.Set(map[string]string{"notes": "x", "memoryus": "1G", "hostid_strict_check": "yes", "ip4_addr": "eth0|10.0.0.1", "boot": "maybe"}))
	for _, part := range []string{"memoryus", "hostid_strict_check", "ip4_addr", "no prefix length", "boot", "maybe"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("got %q, want it to name %q", err, part)
		}
	}
	if got := fault.Remedies(err); !slices.Contains(got, "did you mean memoryuse?") {
		t.Errorf("remedies: got %q", got)
	}
	want(t, fault.Invalid, web.Set(map[string]string{"release": "other"}))
	want(t, fault.NotSupported, web.Set(map[string]string{"hostid_strict_check": "yes"}))
	if is := h.text(t); is != was {
		t.Errorf("a refused change changed\n%s\nto\n%s", was, is)
	}
	got := must(t, web.Set(map[string]string{"memoryuse": "1g", "notes": "x", "release": ioc.Embedded}))
	wanted := []jail.Changed{
		{Jail: "web", Property: "memoryuse", From: "none", To: "1G", Restart: true},
		{Jail: "web", Property: "notes", From: "none", To: "x"},
	}
	if !slices.Equal(got, wanted) {
		t.Errorf("got %+v, want %+v", got, wanted)
	}
	skipped(t, web.Set(map[string]string{"memoryuse": "1G"}))
	must(t, web.Set(map[string]string{"memoryuse": ""}))
	if v, ok := in(t, h.Jail("web"), jail.Running).Config.Get("memoryuse"); ok {
		t.Errorf("memoryuse is still %q", v)
	}
}

func TestDeadIsRepaired(t *testing.T) {
	for name, repair := range map[string]func(h *testHost) operation{
		"start":    func(h *testHost) operation { return erase(h.JailGenerator("web").Start()) },
		"stop":     func(h *testHost) operation { return erase(h.JailGenerator("web").Stop(ioc.StopOptions{})) },
		"restart":  func(h *testHost) operation { return erase(h.JailGenerator("web").Restart(ioc.StopOptions{})) },
		"destroy":  func(h *testHost) operation { return erase(h.JailGenerator("web").Destroy(ioc.DestroyOptions{})) },
		"rename":   func(h *testHost) operation { return erase(h.JailGenerator("web").Rename("db")) },
		"snapshot": func(h *testHost) operation { return erase(h.JailGenerator("web").Snapshot("s")) },
		"run": func(h *testHost) operation {
			return erase(h.JailGenerator("web").Run(ioc.RunOptions{Exec: command("true")}))
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t, ioc.Options{})
			killed(t, h)
			i := in(t, h.Jail("web"), jail.Dead)
			if i.Reason == "" || i.Remedy == "" {
				t.Errorf("got %+v, want a reason and a remedy", i)
			}
			want(t, fault.Unavailable, h.JailGenerator("web").Exec(command("true")))
			evs := watch(t, repair(h), nil)
			if last := evs[len(evs)-1]; last.Status != events.Succeeded {
				t.Fatalf("%v\n%s", last.Err, eventstest.Outline(evs))
			}
			running := 0
			for _, o := range h.kernel.Objects() {
				if strings.HasPrefix(o, "jail ") {
					running++
				}
			}
			up := name == "start" || name == "restart" || name == "run"
			if n := len(h.kernel.Objects()); up && (n != 2 || running != 1) || !up && n != 0 {
				t.Errorf("in the kernel: %q", h.kernel.Objects())
			}
			h.quiet(t)
		})
	}
}

// TestBrokenBreaksNobody has a jail whose configuration cannot be read and one whose files are gone.
func TestBrokenBreaksNobody(t *testing.T) {
	h := newHost(t, ioc.Options{})
	started(t, h)
	db := h.JailGenerator("db")
	must(t, db.Create(ioc.CreateOptions{}))
	h.write(t, "db", "config.json", "{")
	odd := h.JailGenerator("odd")
	must(t, odd.Run(ioc.RunOptions{Exec: command("true")}))
	h.write(t, "odd", "config.json", "{")
	lost := h.JailGenerator("lost")
	must(t, lost.Run(ioc.RunOptions{Exec: command("true")}))
	h.remove(t, "lost")

	all, err := h.Jails(t.Context())
	if err != nil || len(all) != 4 {
		t.Fatalf("got %+v, %v", all, err)
	}
	for i, want := range []jail.State{jail.Broken, jail.Broken, jail.Running, jail.Running} {
		got := all[i]
		if wrong := got.Name != "web"; got.State != want || wrong != (got.Reason != "") || wrong != (got.Remedy != "") {
			t.Errorf("%s: got %s, %q, %q; want %s", got.Name, got.State, got.Reason, got.Remedy, want)
		}
	}
	must(t, odd.Destroy(ioc.DestroyOptions{Force: true}))
	want(t, fault.Corrupt, db.Start())
	want(t, fault.Corrupt, db.Set(map[string]string{"notes": "x"}))
	want(t, fault.Exists, db.Create(ioc.CreateOptions{}))
	must(t, db.Destroy(ioc.DestroyOptions{}))
	must(t, lost.Stop(ioc.StopOptions{}))
	if all, err := h.Jails(t.Context()); err != nil || len(all) != 1 {
		t.Errorf("in the end: got %+v, %v", all, err)
	}
	h.quiet(t)
}

// TestWhatFreeBSDBrought starts a jail that has properties without an effect here.
func TestWhatFreeBSDBrought(t *testing.T) {
	h := newHost(t, ioc.Options{})
	created(t, h)
	h.write(t, "web", "config.json", `{"release": "embedded", "hostid_strict_check": true, "hostid": "x", "vnet_interfaces": "em0", "allow_mount": "none"}`)
	evs, _, err := eventstest.Record(t, h.JailGenerator("web").Start())
	if err != nil {
		t.Fatal(err)
	}
	if got := eventstest.Outline(evs); !strings.Contains(got, "end jail.unused web: skipped (no effect on this host: hostid_strict_check, vnet_interfaces)") {
		t.Errorf("got\n%s", got)
	}
	must(t, h.JailGenerator("web").Set(map[string]string{"notes": "x"}))
	for _, key := range []string{"hostid_strict_check", "hostid", "vnet_interfaces", "notes"} {
		if _, ok := in(t, h.Jail("web"), jail.Running).Config.Get(key); !ok {
			t.Errorf("%s is lost", key)
		}
	}
	must(t, h.JailGenerator("web").Stop(ioc.StopOptions{}))
	h.write(t, "web", "fstab", "# nothing\n\n/data /mnt ufs ro 0 0\n")
	want(t, fault.NotSupported, h.JailGenerator("web").Start())
}

func TestRename(t *testing.T) {
	h := newHost(t, ioc.Options{})
	snapshots(t, h)
	web := h.JailGenerator("web")
	must(t, web.Start())
	want(t, fault.Busy, web.Rename("db"))
	must(t, web.Stop(ioc.StopOptions{}))
	must(t, h.JailGenerator("copy").Create(ioc.CreateOptions{}))
	want(t, fault.Exists, web.Rename("copy"))
	want(t, fault.Invalid, web.Rename("web"))
	want(t, fault.Invalid, web.Rename("a/b"))
	must(t, web.Rename("db"))
	if _, err := web.Info(t.Context()); !errors.Is(err, fault.NotFound) {
		t.Errorf("under the old name: %v", err)
	}
	must(t, h.JailGenerator("db").Start())
	if got := in(t, h.Jail("db"), jail.Running).Sandbox.ID; !strings.HasSuffix(got, "-db") {
		t.Errorf("the kernel calls it %s", got)
	}
	want(t, fault.Busy, h.JailGenerator("db").Rollback("one", ioc.RollbackOptions{DestroyNewer: true}))
	want(t, fault.Busy, h.JailGenerator("db").Destroy(ioc.DestroyOptions{}))
	h.quiet(t)
}
