package networktest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"sync"
	"testing"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/network"
)

// Suite is what the tests need of a driver.
type Suite struct {
	// New makes a driver and gives what lists all that is left of it. Drivers that are made with the same dir know of
	// each other as those of two processes do; names of bridges and jails begin with prefix.
	New func(t *testing.T, dir, prefix string) (network.Driver, func() []string)

	// Inside gives a network stack of its own for a jail, as long as the test lasts.
	Inside func(t *testing.T) network.Inside

	// Bind gives a decoded effect what its driver's Register would.
	Bind func(d network.Driver, e events.Effect)
}

// Run runs the tests. Each has a driver and a directory of its own.
func (s Suite) Run(t *testing.T) {
	for n, c := range []struct {
		name string
		test func(*testing.T, *world)
	}{
		{"connect_and_undo", testConnect},
		{"undo_is_idempotent", testUndoTwice},
		{"undo_without_do", testUndoNothing},
		{"undo_elsewhere", testUndoElsewhere},
		{"addresses_are_one_jails", testConflict},
		{"automatic_addresses", testAutomatic},
		{"many_at_once", testMany},
		{"same_address_again", testSticky},
		{"what_makes_no_sense", testInvalid},
		{"two_interfaces", testTwoInterfaces},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := &world{Suite: s, prefix: fmt.Sprintf("t%d", n)}
			w.Driver, w.left = s.New(t, t.TempDir(), w.prefix)
			c.test(t, w)
			w.empty(t)
		})
	}
}

// world is one test's.
type world struct {
	Suite
	network.Driver
	prefix string
	left   func() []string
}

func (w *world) empty(t *testing.T) {
	t.Helper()
	if left := w.left(); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
}

// spec is a jail on the test's bridge.
func (w *world) spec(jail string, words ...string) network.Spec {
	i := network.Interface{Name: "eth0", Bridge: w.prefix + "br"}
	for _, word := range words {
		switch word {
		case "auto4":
			i.Auto4 = true
		case "auto6":
			i.Auto6 = true
		default:
			i.Addresses = append(i.Addresses, netip.MustParsePrefix(word))
		}
	}
	return network.Spec{ID: w.prefix + "-" + jail, Jail: jail, Interfaces: []network.Interface{i}}
}

// jail is one that is connected.
type jail struct {
	done      []events.Effect
	addresses []netip.Prefix
}

// connect applies what connects a jail, and undoes it if that fails, as an operation would.
func (w *world) connect(t *testing.T, spec network.Spec) (*jail, error) {
	t.Helper()
	ctx := context.Background()
	plan, err := w.Plan(ctx, spec, w.Inside(t))
	if err != nil {
		return nil, err
	}
	j := &jail{}
	for _, e := range slices.Concat(plan.Before, plan.After) {
		j.done = append(j.done, e)
		if err := e.Do(ctx); err != nil {
			return nil, errors.Join(err, j.undo(ctx))
		}
		if c, ok := e.(network.Connected); ok {
			j.addresses = append(j.addresses, c.Addresses()...)
		}
	}
	return j, nil
}

func (j *jail) undo(ctx context.Context) error {
	var all []error
	for _, e := range slices.Backward(j.done) {
		all = append(all, e.Undo(ctx))
	}
	return errors.Join(all...)
}

func (w *world) must(t *testing.T, spec network.Spec) *jail {
	t.Helper()
	j, err := w.connect(t, spec)
	if err != nil {
		t.Fatalf("%+v: %v", spec, err)
	}
	return j
}

func end(t *testing.T, all ...*jail) {
	t.Helper()
	for _, j := range all {
		if err := j.undo(context.Background()); err != nil {
			t.Error(err)
		}
	}
}

func testConnect(t *testing.T, w *world) {
	j := w.must(t, w.spec("web", "10.200.0.2/24", "fd00:200::2/64"))
	if want := []netip.Prefix{netip.MustParsePrefix("10.200.0.2/24"), netip.MustParsePrefix("fd00:200::2/64")}; !slices.Equal(j.addresses, want) {
		t.Errorf("addresses %v, want %v", j.addresses, want)
	}
	if len(w.left()) == 0 {
		t.Error("nothing is there while a jail is connected")
	}
	end(t, j)
}

func testUndoTwice(t *testing.T, w *world) {
	j := w.must(t, w.spec("web", "auto4", "auto6"))
	end(t, j, j)
}

func testUndoNothing(t *testing.T, w *world) {
	spec := w.spec("web", "auto4")
	plan, err := w.Plan(t.Context(), spec, w.Inside(t))
	if err != nil {
		t.Fatal(err)
	}
	other := w.must(t, w.spec("other", "auto4"))
	before := w.left()
	end(t, &jail{done: slices.Concat(plan.Before, plan.After)})
	if now := w.left(); !slices.Equal(now, before) {
		t.Errorf("undoing what was never done changed %q to %q", before, now)
	}
	end(t, other)
}

// testUndoElsewhere undoes what another process would read in a journal: as it was written before Do, and after.
func testUndoElsewhere(t *testing.T, w *world) {
	for _, early := range []bool{false, true} {
		spec := w.spec("web", "auto4", "auto6")
		spec.NAT, spec.Interfaces[0].Apart = true, true
		spec.Forwards = []network.Forward{{Protocol: "tcp", Host: 18080, Jail: 80}}
		plan, err := w.Plan(t.Context(), spec, w.Inside(t))
		if err != nil {
			t.Fatal(err)
		}
		read := &jail{}
		for _, e := range slices.Concat(plan.Before, plan.After) {
			before := w.copied(t, e)
			if err := e.Do(t.Context()); err != nil {
				t.Fatal(err)
			}
			if early {
				read.done = append(read.done, before)
			} else {
				read.done = append(read.done, w.copied(t, e))
			}
		}
		end(t, read)
		w.empty(t)
	}
}

// copied is e as another process would have it.
func (w *world) copied(t *testing.T, e events.Effect) events.Effect {
	t.Helper()
	text, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	c := reflect.New(reflect.TypeOf(e).Elem()).Interface().(events.Effect) //nolint:forcetypeassert // of e's type
	if err := json.Unmarshal(text, c); err != nil {
		t.Fatal(err)
	}
	if v, ok := e.(events.Volatile); !ok || !v.Volatile() {
		t.Errorf("%s is not volatile", e.EventType())
	}
	if w.Bind != nil {
		w.Bind(w.Driver, c)
	}
	return c
}

func testConflict(t *testing.T, w *world) {
	web := w.must(t, w.spec("web", "10.201.0.2/24"))
	before := w.left()
	_, err := w.connect(t, w.spec("other", "10.201.0.2/24"))
	if !errors.Is(err, fault.Busy) {
		t.Errorf("a second jail with the same address: %v, want fault.Busy", err)
	}
	if now := w.left(); !slices.Equal(now, before) {
		t.Errorf("the refused jail changed %q to %q", before, now)
	}
	end(t, web, w.must(t, w.spec("other", "10.201.0.3/24")))
	end(t, w.must(t, w.spec("other", "10.201.0.2/24")))
}

func testAutomatic(t *testing.T, w *world) {
	one, two := w.must(t, w.spec("one", "auto4", "auto6")), w.must(t, w.spec("two", "auto4", "auto6"))
	for n, a := range one.addresses {
		b := two.addresses[n]
		if a == b || a.Masked() != b.Masked() {
			t.Errorf("%v and %v are not two addresses of one network", a, b)
		}
	}
	if len(one.addresses) != 2 || !one.addresses[0].Addr().Is4() || !one.addresses[1].Addr().Is6() {
		t.Errorf("addresses %v, want one of each kind", one.addresses)
	}
	end(t, one, two)
}

// testMany connects jails from many goroutines, with drivers of their own, and wants no address twice.
func testMany(t *testing.T, w *world) {
	const n = 20
	var mu sync.Mutex
	var wait sync.WaitGroup
	all, seen := make([]*jail, n), map[netip.Addr]int{}
	insides := make([]network.Inside, n)
	for i := range n {
		insides[i] = w.Inside(t)
	}
	for i := range n {
		wait.Go(func() {
			own := *w
			own.Suite.Inside = func(*testing.T) network.Inside { return insides[i] }
			j, err := own.connect(t, w.spec(fmt.Sprintf("j%d", i), "auto4", "auto6"))
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			all[i] = j
			for _, a := range j.addresses {
				seen[a.Addr()]++
			}
		})
	}
	wait.Wait()
	for a, times := range seen {
		if times != 1 {
			t.Errorf("%v was given to %d jails", a, times)
		}
	}
	if len(seen) != 2*n {
		t.Errorf("%d addresses for %d jails", len(seen), n)
	}
	for _, j := range all {
		if j != nil {
			wait.Go(func() { end(t, j) })
		}
	}
	wait.Wait()
}

func testSticky(t *testing.T, w *world) {
	other := w.must(t, w.spec("other", "auto4"))
	first := w.must(t, w.spec("web", "auto4"))
	end(t, first)
	again := w.must(t, w.spec("web", "auto4"))
	if !slices.Equal(first.addresses, again.addresses) {
		t.Errorf("addresses %v, and the next time %v", first.addresses, again.addresses)
	}
	end(t, again, other)
}

func testInvalid(t *testing.T, w *world) {
	for name, change := range map[string]func(*network.Spec){
		"no_name":       func(s *network.Spec) { s.Jail = "" },
		"bad_interface": func(s *network.Spec) { s.Interfaces[0].Name = "a/b" },
		"long_bridge":   func(s *network.Spec) { s.Interfaces[0].Bridge = "a-bridge-with-a-long-name" },
		"twice":         func(s *network.Spec) { s.Interfaces = append(s.Interfaces, s.Interfaces[0]) },
		"far_router":    func(s *network.Spec) { s.Router4.Address = netip.MustParseAddr("192.0.2.1") },
		"no_such_nic": func(s *network.Spec) {
			s.Router4 = network.Router{Address: netip.MustParseAddr("192.0.2.1"), Interface: "eth9"}
		},
		"small_mtu":      func(s *network.Spec) { s.Interfaces[0].MTU = 20 },
		"shared_and_own": func(s *network.Spec) { s.Shared = true },
	} {
		spec := w.spec("web", "10.202.0.2/24")
		change(&spec)
		if _, err := w.Plan(t.Context(), spec, w.Inside(t)); !errors.Is(err, fault.Invalid) {
			t.Errorf("%s: %v, want fault.Invalid", name, err)
		}
	}
}

func testTwoInterfaces(t *testing.T, w *world) {
	spec := w.spec("web", "auto4")
	spec.Interfaces = append(spec.Interfaces,
		network.Interface{Name: "eth1", Bridge: w.prefix + "br", Auto4: true},
		network.Interface{Name: "eth2", Bridge: w.prefix + "other", Addresses: []netip.Prefix{netip.MustParsePrefix("10.203.0.2/24")}})
	j := w.must(t, spec)
	if len(j.addresses) != 3 || j.addresses[0] == j.addresses[1] {
		t.Errorf("addresses %v, want three", j.addresses)
	}
	end(t, j)
}
