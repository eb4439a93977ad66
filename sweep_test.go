package ioc_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"testing"

	"github.com/libioc/ioc"
	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/events/eventstest"
	"github.com/libioc/ioc/jail"
)

// running is an operation of any type that was started.
type running interface {
	Events() iter.Seq[events.Event]
	Err() error
	Residue() []events.Residue
}

// operation starts one.
type operation func(ctx context.Context, opts ...events.Option) running

func erase[T any](op events.Op[T]) operation {
	return func(ctx context.Context, opts ...events.Option) running { return op.Start(ctx, opts...) }
}

// scenario is an operation on a world that was made for it.
type scenario struct {
	name  string
	setup func(t *testing.T, h *testHost)
	op    func(h *testHost) operation
	// also is how the world may look too when the operation failed: what cannot be undone was done
	// first, and all of it. It is compared without ids.
	also func(t *testing.T, h *testHost)
}

func created(t *testing.T, h *testHost) { must(t, h.JailGenerator("web").Create(ioc.CreateOptions{})) }

func started(t *testing.T, h *testHost) {
	created(t, h)
	must(t, h.JailGenerator("web").Start())
}

func killed(t *testing.T, h *testHost) {
	started(t, h)
	h.kernel.Kill(h.ID() + "-web")
}

func snapshots(t *testing.T, h *testHost) {
	created(t, h)
	must(t, h.JailGenerator("web").Snapshot("one"))
	must(t, h.JailGenerator("web").Snapshot("two"))
}

func hooks(t *testing.T, h *testHost) {
	must(t, h.JailGenerator("web").Create(ioc.CreateOptions{Properties: map[string]string{"exec_start": "true", "exec_stop": "true"}}))
}

func changed(t *testing.T, h *testHost) {
	created(t, h)
	must(t, h.JailGenerator("web").Set(map[string]string{"notes": "x"}))
	must(t, h.JailGenerator("web").Set(map[string]string{"notes": "y"}))
}

func three(t *testing.T, h *testHost) {
	must(t, h.JailsGenerator("w-1", "w-2", "w-3").Create(ioc.CreateOptions{}))
}

func scenarios() []scenario {
	web := func(f func(g *ioc.JailGenerator) operation) func(h *testHost) operation {
		return func(h *testHost) operation { return f(h.JailGenerator("web")) }
	}
	fetched := func(t *testing.T, h *testHost) {
		created(t, h)
		must(t, h.JailGenerator("web").Destroy(ioc.DestroyOptions{}))
	}
	return []scenario{
		{"create", fetched, web(func(g *ioc.JailGenerator) operation {
			return erase(g.Create(ioc.CreateOptions{Properties: map[string]string{"memoryuse": "1G", "user.a": "b"}}))
		}), nil},
		{"create-missing-release", nil, web(func(g *ioc.JailGenerator) operation {
			return erase(g.Create(ioc.CreateOptions{}))
		}), fetched},
		{"start", created, web(func(g *ioc.JailGenerator) operation { return erase(g.Start()) }), nil},
		{"start-hook", hooks, web(func(g *ioc.JailGenerator) operation { return erase(g.Start()) }), nil},
		{"start-dead", killed, web(func(g *ioc.JailGenerator) operation { return erase(g.Start()) }), created},
		{"stop", started, web(func(g *ioc.JailGenerator) operation { return erase(g.Stop(ioc.StopOptions{})) }), created},
		{"stop-hook", func(t *testing.T, h *testHost) {
			hooks(t, h)
			must(t, h.JailGenerator("web").Start())
		}, web(func(g *ioc.JailGenerator) operation { return erase(g.Stop(ioc.StopOptions{})) }), hooks},
		{"restart", started, web(func(g *ioc.JailGenerator) operation { return erase(g.Restart(ioc.StopOptions{})) }), created},
		{"destroy", snapshots, web(func(g *ioc.JailGenerator) operation { return erase(g.Destroy(ioc.DestroyOptions{})) }), nil},
		{"destroy-running", started, web(func(g *ioc.JailGenerator) operation {
			return erase(g.Destroy(ioc.DestroyOptions{Force: true}))
		}), created},
		{"exec", started, web(func(g *ioc.JailGenerator) operation { return erase(g.Exec(command("true"))) }), nil},
		{"console", started, web(func(g *ioc.JailGenerator) operation { return erase(g.Console(ioc.ExecOptions{})) }), nil},
		{"rename", snapshots, web(func(g *ioc.JailGenerator) operation { return erase(g.Rename("db")) }), nil},
		{"clone", snapshots, web(func(g *ioc.JailGenerator) operation { return erase(g.Clone("copy", ioc.CloneOptions{})) }), nil},
		{"clone-snapshot", snapshots, web(func(g *ioc.JailGenerator) operation {
			return erase(g.Clone("copy", ioc.CloneOptions{Snapshot: "one", Thick: true}))
		}), nil},
		{"snapshot", created, web(func(g *ioc.JailGenerator) operation { return erase(g.Snapshot("one")) }), nil},
		{"destroy-snapshot", snapshots, web(func(g *ioc.JailGenerator) operation { return erase(g.DestroySnapshot("one")) }), nil},
		{"rollback", snapshots, web(func(g *ioc.JailGenerator) operation {
			return erase(g.Rollback("one", ioc.RollbackOptions{DestroyNewer: true}))
		}), nil},
		{"set", created, web(func(g *ioc.JailGenerator) operation {
			return erase(g.Set(map[string]string{"notes": "x", "maxproc": "70"}))
		}), nil},
		{"revert", changed, web(func(g *ioc.JailGenerator) operation { return erase(g.Revert(1)) }), nil},
		{"set-several", three, func(h *testHost) operation {
			return erase(h.JailsGenerator("w-1", "w-2", "w-3").Set(map[string]string{"notes": "x"}))
		}, nil},
		{"set-defaults", created, func(h *testHost) operation {
			return erase(h.SetDefaults(map[string]string{"notes": "x"}))
		}, nil},
		{"create-several", fetched, func(h *testHost) operation {
			return erase(h.JailsGenerator("w-1", "w-2", "w-3").Create(ioc.CreateOptions{}))
		}, nil},
		{"start-several", three, func(h *testHost) operation {
			return erase(h.JailsGenerator("w-1", "w-2", "w-3").Start(ioc.SeveralOptions{Atomic: true}))
		}, nil},
		{"destroy-several", three, func(h *testHost) operation {
			return erase(h.JailsGenerator("w-1", "w-2", "w-3").Destroy(ioc.DestroyOptions{}))
		}, nil},
		{"run-new", fetched, web(func(g *ioc.JailGenerator) operation { return erase(g.Run(ioc.RunOptions{Exec: command("true")})) }), started},
		{"run-stopped", created, web(func(g *ioc.JailGenerator) operation { return erase(g.Run(ioc.RunOptions{Exec: command("true")})) }), started},
	}
}

// outline is the world without ids: worlds that were made in the same way have the same.
func (h *testHost) outline(t testing.TB) string {
	t.Helper()
	var b strings.Builder
	all, err := h.Jails(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range all {
		fmt.Fprintf(&b, "%s %s %s from %s %s", i.Name, i.State, i.Release, i.Origin, i.Config.Encode())
		snaps, err := h.Jail(string(i.Name)).Snapshots(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range snaps {
			fmt.Fprintf(&b, "  @%s\n", s.Name)
		}
	}
	releases, err := h.Releases(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range releases {
		fmt.Fprintf(&b, "release %s\n", r.Name)
	}
	for _, o := range h.kernel.Objects() {
		fmt.Fprintf(&b, "%s\n", strings.Fields(o)[0])
	}
	for held := range h.Journal().Held() {
		fmt.Fprintf(&b, "retained %s: %d\n", held.Key, len(held.Records))
	}
	return b.String()
}

// prepare makes the scenario's world.
func (sc *scenario) prepare(t *testing.T) *testHost {
	t.Helper()
	h := newHost(t, ioc.Options{})
	if sc.setup != nil {
		sc.setup(t, h)
	}
	h.faults.arm(0, before)
	return h
}

// goal is the world when the operation succeeded, how many events it has and how many effects.
func (sc *scenario) goal(t *testing.T) (outline string, records, effects int) {
	t.Helper()
	h := sc.prepare(t)
	evs := watch(t, sc.op(h), nil)
	if last := evs[len(evs)-1]; last.Status != events.Succeeded {
		t.Fatalf("it does not succeed: %v\n%s", last.Err, eventstest.Outline(evs))
	}
	h.quiet(t)
	return h.outline(t), len(evs), h.faults.done()
}

// watch runs an operation until stop says so, and checks the whole stream.
func watch(t *testing.T, op operation, stop func(events.Event) bool) []events.Event {
	t.Helper()
	var c eventstest.Checker
	var evs []events.Event
	sink := func(ev *events.Event) { evs = append(evs, *ev) }
	run := op(t.Context(), events.WithSink(c.Sink()), events.WithSink(sink))
	for ev := range run.Events() {
		_ = c.Yielded(ev) // kept for Close
		if stop != nil && stop(ev) {
			c.Left()
			break
		}
	}
	if err := c.Close(); err != nil {
		t.Errorf("stream: %v\n%s", err, eventstest.Outline(evs))
	}
	return evs
}

// undone wants the world to be as it was, or as also makes it.
func (sc *scenario) undone(t *testing.T, h *testHost, was string, evs []events.Event) {
	t.Helper()
	h.quiet(t)
	is := h.text(t)
	if is == was {
		return
	}
	if sc.also != nil {
		other := newHost(t, ioc.Options{})
		sc.also(t, other)
		if h.outline(t) == other.outline(t) {
			return
		}
	}
	t.Errorf("it failed, and the world is not as it was.\nbefore:\n%s\nafter:\n%s\n%s", was, is, eventstest.Outline(evs))
}

// TestFaults fails every effect of every operation in every way, and then repeats the operation.
func TestFaults(t *testing.T) {
	for _, sc := range scenarios() {
		t.Run(sc.name, func(t *testing.T) {
			goal, _, effects := sc.goal(t)
			for k := 1; k <= effects; k++ {
				for _, m := range []mode{before, after, stuck} {
					t.Run(fmt.Sprintf("%d-%s", k, m), func(t *testing.T) { sc.fault(t, k, m, goal) })
				}
			}
		})
	}
}

func (sc *scenario) fault(t *testing.T, k int, m mode, goal string) {
	h := sc.prepare(t)
	was := h.text(t)
	h.faults.arm(k, m)
	evs := watch(t, sc.op(h), nil)
	last := evs[len(evs)-1]
	h.faults.arm(0, before)
	handled := sc.name == "stop-hook" && last.Status == events.Succeeded // a stop goes on without its hook
	switch {
	case handled && m == stuck:
		must(t, h.Recover())
	case handled:
	case last.Status != events.Failed || !errors.Is(last.Err, errInjected):
		t.Fatalf("got %s, %v\n%s", last.Status, last.Err, eventstest.Outline(evs))
	default:
		if m == stuck {
			if _, residue := errors.AsType[*events.RollbackError](last.Err); !residue {
				t.Errorf("an undo failed, but the error does not say so: %v", last.Err)
			}
			must(t, h.Recover())
		}
		sc.undone(t, h, was, evs)
	}
	if !handled {
		if evs := watch(t, sc.op(h), nil); evs[len(evs)-1].Status == events.Failed {
			t.Fatalf("once more: %v\n%s", evs[len(evs)-1].Err, eventstest.Outline(evs))
		}
	}
	if got := h.outline(t); got != goal {
		t.Errorf("in the end:\n%s\nwant:\n%s", got, goal)
	}
	h.quiet(t)
}

// TestBreaks leaves every operation at every event.
func TestBreaks(t *testing.T) {
	for _, sc := range scenarios() {
		t.Run(sc.name, func(t *testing.T) {
			goal, records, _ := sc.goal(t)
			for k := 1; k < records; k++ {
				h := sc.prepare(t)
				was := h.text(t)
				evs := watch(t, sc.op(h), func(ev events.Event) bool { return ev.Seq == uint64(k) }) //nolint:gosec // small
				if last := evs[len(evs)-1]; last.Status == events.Failed {
					sc.undone(t, h, was, evs)
				} else if got := h.outline(t); got != goal {
					t.Errorf("left at %d, but it went on, and the world is\n%s\nwant\n%s", k, got, goal)
				}
			}
		})
	}
}

// TestTwice does every operation again when it has succeeded: its goal holds, or it cannot be.
func TestTwice(t *testing.T) {
	for _, sc := range scenarios() {
		t.Run(sc.name, func(t *testing.T) {
			h := sc.prepare(t)
			first := watch(t, sc.op(h), nil)
			was := h.text(t)
			again := watch(t, sc.op(h), nil)
			last := again[len(again)-1]
			switch sc.name {
			case "restart", "exec", "console", "run-new", "run-stopped": // each time anew
				return
			}
			if last.Status == events.Succeeded && sc.name != "rollback" {
				t.Errorf("it succeeded twice:\n%s\n%s", eventstest.Outline(first), eventstest.Outline(again))
			}
			if is := h.text(t); is != was && sc.name != "rollback" {
				t.Errorf("the world changed from\n%s\nto\n%s\n%s", was, is, eventstest.Outline(again))
			}
			h.quiet(t)
		})
	}
}

var _ = jail.Running
