package ioc_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/libioc/ioc"
	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/events/eventstest"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/internal/graph"
	"github.com/libioc/ioc/jail"
	"github.com/libioc/ioc/sandbox"
)

// shop is a host whose jails say their names when they start and stop, and some of which cannot start.
type shop struct {
	*testHost
	mu    sync.Mutex
	said  []string // "web up", "web down"
	fails map[string]bool
}

func newShop(t testing.TB, depends map[string]string) *shop {
	t.Helper()
	s := &shop{testHost: newHost(t, ioc.Options{}), fails: map[string]bool{}}
	s.kernel.Program = func(_ context.Context, p sandbox.Process, _ sandbox.Stdio) (sandbox.Exit, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		words := p.Args[len(p.Args)-1]
		s.said = append(s.said, words)
		if name, up := strings.CutSuffix(words, " up"); up && s.fails[name] {
			return sandbox.Exit{Code: 3, Known: true}, nil
		}
		return sandbox.Exit{Known: true}, nil
	}
	for _, name := range slices.Sorted(maps.Keys(depends)) {
		must(t, s.JailGenerator(name).Create(ioc.CreateOptions{Properties: map[string]string{
			"exec_start": name + " up", "exec_stop": name + " down", "depends": depends[name],
		}}))
	}
	return s
}

// up lists the jails that run.
func (s *shop) up(t testing.TB) (all []string) {
	t.Helper()
	jails, err := s.Jails(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range jails {
		if i.State == jail.Running {
			all = append(all, string(i.Name))
		}
	}
	return all
}

// order is what the jails have said since it was last asked.
func (s *shop) order() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	text := strings.Join(s.said, ", ")
	s.said = nil
	return text
}

func wantUp(t testing.TB, s *shop, want string) {
	t.Helper()
	if got := strings.Join(s.up(t), " "); got != want {
		t.Errorf("running: %q, want %q", got, want)
	}
}

func chain(t testing.TB) *shop {
	return newShop(t, map[string]string{"web": "cache", "cache": "db", "db": "", "other": ""})
}

func TestStartDependencies(t *testing.T) {
	s := chain(t)
	must(t, s.JailGenerator("web").Start())
	if got := s.order(); got != "db up, cache up, web up" {
		t.Errorf("got %s", got)
	}
	skipped(t, s.JailGenerator("web").Start())
	must(t, s.JailsGenerator("db", "web", "other", "cache").Stop(ioc.StopOptions{}, ioc.SeveralOptions{}))
	if got := strings.ReplaceAll(strings.ReplaceAll(s.order(), "other down, ", ""), ", other down", ""); got != "web down, cache down, db down" {
		t.Errorf("got %s", got)
	}
	// Those in between are not stopped, and the order is the same.
	must(t, s.JailGenerator("web").Start())
	s.order()
	must(t, s.JailsGenerator("db", "web").Stop(ioc.StopOptions{}, ioc.SeveralOptions{}))
	if got := s.order(); got != "web down, db down" {
		t.Errorf("got %s", got)
	}
	wantUp(t, s, "cache")
	must(t, s.JailsGenerator("web", "cache").Restart(ioc.StopOptions{}, ioc.SeveralOptions{}))
	if got := s.order(); got != "db up, cache down, cache up, web up" {
		t.Errorf("got %s", got)
	}
}

// TestStartBranch: what fails takes down what depends on it and what is there for nobody else, and no other.
func TestStartBranch(t *testing.T) {
	s := newShop(t, map[string]string{"web": "db", "mail": "db spam", "db": "", "spam": "", "cron": "mail", "other": ""})
	s.fails["mail"] = true
	evs, _, err := eventstest.Record(t, s.JailsGenerator("web", "cron", "other").Start(ioc.SeveralOptions{}))
	if !errors.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), "exec_start mail: exit 3") ||
		!strings.Contains(err.Error(), "start cron: it depends on mail, which could not be started") {
		t.Errorf("got %v", err)
	}
	wantUp(t, s, "db other web")
	said := map[string]int{}
	for i, ev := range evs {
		said[eventstest.Line(ev)] = i
		if st, ok := events.As[*jail.Start](ev); ok && ev.Done() {
			said[string(st.Jail)+" ended"] = i
		}
	}
	if said["spam ended"] < said["mail ended"]-1 {
		t.Errorf("spam is undone before mail is:\n%s", eventstest.Outline(evs))
	}
	s.quiet(t)
	s.order()
	must(t, s.JailsGenerator("web", "db", "other").Stop(ioc.StopOptions{}, ioc.SeveralOptions{}))

	// One operation of one jail with all it depends on is undone as a whole, and so is an atomic one.
	for name, op := range map[string]events.Op[struct{}]{
		"one":    events.Map(s.JailGenerator("cron").Start(), func(sandbox.State) (none struct{}) { return none }),
		"atomic": s.JailsGenerator("other", "cron", "web").Start(ioc.SeveralOptions{Atomic: true}),
	} {
		if _, err := eventstest.Verify(t, op); err == nil || !strings.Contains(err.Error(), "exec_start mail: exit 3") {
			t.Errorf("%s: got %v", name, err)
		}
		if wantUp(t, s, ""); t.Failed() {
			t.Fatal(name)
		}
		s.quiet(t)
	}
}

func TestDependsWrong(t *testing.T) {
	s := newShop(t, map[string]string{"a": "b", "b": "c", "c": "a", "d": "a", "other": "", "lone": "lone", "lost": "nosuch", "free": "*z user.x=1"})
	cycle := want(t, fault.Invalid, s.JailsGenerator("other", "d").Start(ioc.SeveralOptions{}))
	if c, ok := errors.AsType[*jail.CycleError](cycle); !ok || !strings.HasPrefix(c.Error(), "a -> b -> c -> a:") {
		t.Errorf("got %v", cycle)
	}
	wantUp(t, s, "")
	want(t, fault.Invalid, s.JailGenerator("b").Start())
	if err := want(t, fault.Invalid, s.JailGenerator("lone").Start()); !strings.Contains(err.Error(), "lone -> lone: it depends on itself") {
		t.Errorf("got %v", err)
	}
	if err := want(t, fault.NotFound, s.JailGenerator("lost").Start()); !strings.Contains(err.Error(), "jail nosuch") {
		t.Errorf("got %v", err)
	}
	must(t, s.JailGenerator("free").Start())
	want(t, fault.NotFound, s.JailsGenerator("lost", "other").Start(ioc.SeveralOptions{}))
	wantUp(t, s, "free other")
	must(t, s.JailGenerator("other").Stop(ioc.StopOptions{}))
	// Where each counts for itself, so does a cycle.
	want(t, fault.Invalid, s.JailsGenerator("a", "b", "d", "other", "nope").Start(ioc.SeveralOptions{Ignore: true}))
	wantUp(t, s, "free other")
	// Jails that run are stopped, whatever depends on what.
	for _, name := range []string{"a", "b", "c"} {
		must(t, s.JailGenerator(name).Set(map[string]string{"depends": ""}))
		must(t, s.JailGenerator(name).Start())
	}
	must(t, s.JailsGenerator("a", "b", "c").Set(map[string]string{"depends": "a b c"}))
	must(t, s.JailsGenerator("a", "b", "c", "other", "free").Stop(ioc.StopOptions{}, ioc.SeveralOptions{}))
	wantUp(t, s, "")
	want(t, fault.Invalid, s.JailGenerator("other").Set(map[string]string{"depends": "a prioritty=1"}))
}

// TestDependsProperty starts random graphs in which random jails cannot start and others run already, and compares
// what runs then with what should.
func TestDependsProperty(t *testing.T) {
	names := []string{"a", "b", "c", "d", "e", "f"}
	subset := rapid.SliceOfDistinct(rapid.SampledFrom(names), rapid.ID[string])
	rapid.Check(t, func(rt *rapid.T) {
		g := graph.Graph[string]{}
		depends := map[string]string{}
		for i, n := range names {
			g[n] = nil
			for _, need := range names[:i] {
				if rapid.IntRange(0, 2).Draw(rt, n+" needs "+need) == 0 {
					g[n] = append(g[n], need)
				}
			}
			depends[n] = strings.Join(g[n], " ")
		}
		s := newShop(t, depends)
		running, fails, asked := subset.Draw(rt, "running"), subset.Draw(rt, "failing"), subset.Draw(rt, "asked")
		atomic := rapid.Bool().Draw(rt, "atomic")
		for _, n := range names {
			must(t, s.JailGenerator(n).Set(map[string]string{"priority": fmt.Sprint(rapid.IntRange(0, 1).Draw(rt, "priority"))}))
		}
		up := map[string]bool{}
		for _, n := range running {
			for _, below := range append(g.Below(n), n) {
				up[below] = true
			}
		}
		if len(up) > 0 {
			must(t, s.JailsGenerator(slices.Sorted(maps.Keys(up))...).Start(ioc.SeveralOptions{}))
		}
		s.order()
		for _, n := range fails {
			s.fails[n] = true
		}
		// What should run: who is asked for and can start, with all below it.
		expect, all := maps.Clone(up), true
		for _, n := range asked {
			stack := append(g.Below(n), n)
			if slices.ContainsFunc(stack, func(x string) bool { return s.fails[x] && !up[x] }) {
				all = false
				continue
			}
			for _, x := range stack {
				expect[x] = true
			}
		}
		one := len(asked) == 1
		if (atomic || one) && !all {
			expect = up
		}
		_, err := eventstest.Verify(t, s.JailsGenerator(asked...).Start(ioc.SeveralOptions{Atomic: atomic}))
		if (err == nil) != all {
			rt.Fatalf("got %v", err)
		}
		if got, want := s.up(t), slices.Sorted(maps.Keys(expect)); !slices.Equal(got, want) {
			rt.Fatalf("%v run, want %v; it was %v", got, want, err)
		}
		s.quiet(t)
		said := strings.Split(s.order(), ", ")
		for i, words := range said {
			for _, need := range g[strings.TrimSuffix(words, " up")] {
				if at := slices.Index(said, need+" up"); at > i {
					rt.Fatalf("%s before %s: %v", words, need, said)
				}
			}
		}
		if now := s.up(t); len(now) > 0 {
			must(t, s.JailsGenerator(now...).Stop(ioc.StopOptions{}, ioc.SeveralOptions{}))
			said := strings.Split(s.order(), ", ")
			for i, words := range said {
				for _, need := range g.Below(strings.TrimSuffix(words, " down")) {
					if at := slices.Index(said, need+" down"); at >= 0 && at < i {
						rt.Fatalf("%s before %s: %v", need, words, said)
					}
				}
			}
		}
	})
}
