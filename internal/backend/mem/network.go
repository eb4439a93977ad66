package mem

import (
	"context"
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"sync"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/network"
)

// Net is a network.Driver that holds bridges and addresses in memory. It may be used from several goroutines.
type Net struct {
	mu    sync.Mutex
	ports map[string]*Plug            // by token
	taken map[string]map[string]*Plug // by bridge and address
}

var _ network.Driver = (*Net)(nil)

// NewNet returns a network without bridges.
func NewNet() *Net {
	return &Net{ports: map[string]*Plug{}, taken: map[string]map[string]*Plug{}}
}

// Register makes the effects on n known, and gives n to those that are decoded.
func (n *Net) Register(r *events.Registry) {
	events.Register[Plug](r, "mem.plug.v1", events.Bind(func(e *Plug) { e.n = n }))
}

// Features are all there are.
func (*Net) Features() network.Features {
	return network.Features{Bridges: true, NAT: true, DHCP: true}
}

// Objects lists everything there is, for comparing.
func (n *Net) Objects() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	var all []string
	for _, p := range n.ports {
		all = append(all, fmt.Sprintf("interface %s of %s in %s %v", p.Interface.Name, p.ID, p.Interface.Bridge, p.Got))
	}
	slices.Sort(all)
	return all
}

// Plan plans one effect for each interface.
func (n *Net) Plan(_ context.Context, spec network.Spec, _ network.Inside) (network.Plan, error) {
	var p network.Plan
	if err := spec.Validate(); err != nil {
		return p, err
	}
	for _, i := range spec.Interfaces {
		p.Before = append(p.Before, &Plug{n: n, Token: newID(), ID: spec.ID, Jail: spec.Jail, Interface: i})
	}
	return p, nil
}

// Plug is the effect that connects an interface.
type Plug struct {
	n         *Net
	Token     string
	ID, Jail  string
	Interface network.Interface
	Got       []netip.Prefix `json:",omitempty"`
}

var _ network.Connected = (*Plug)(nil)

// EventType is the effect's name in events.
func (*Plug) EventType() string { return "network.plug" }

// EventTitle is for people.
func (e *Plug) EventTitle() string {
	return "connect " + e.Interface.Name + " with " + e.Interface.Bridge
}

// EventKey is the interface's name.
func (e *Plug) EventKey() string { return e.Interface.Name }

// Volatile tells that a reboot takes it away.
func (*Plug) Volatile() bool { return true }

// Addresses are those that Do got.
func (e *Plug) Addresses() []netip.Prefix { return e.Got }

// Do connects it.
func (e *Plug) Do(context.Context) error {
	e.n.mu.Lock()
	defer e.n.mu.Unlock()
	bridge := e.Interface.Bridge
	if e.n.taken[bridge] == nil {
		e.n.taken[bridge] = map[string]*Plug{}
	}
	taken := e.n.taken[bridge]
	want := slices.Clone(e.Interface.Addresses)
	for _, w := range want {
		if by := taken[w.Addr().String()]; by != nil {
			return events.Untouched(fault.New("", fault.Busy, "address "+w.String(), fmt.Errorf("jail %s has it on bridge %s", by.Jail, bridge)))
		}
	}
	if e.Interface.Auto4 || e.Interface.DHCP {
		want = append(want, free(taken, netip.MustParsePrefix("10.64.0.0/22")))
	}
	if e.Interface.Auto6 {
		want = append(want, free(taken, netip.MustParsePrefix("fd00::/64")))
	}
	for _, w := range want {
		taken[w.Addr().String()] = e
	}
	e.Got = want
	e.n.ports[e.Token] = e
	return nil
}

// free is the first address after a network's first, which is the bridge's, that nobody has.
func free(taken map[string]*Plug, network netip.Prefix) netip.Prefix {
	b := network.Addr().AsSlice()
	end := b[len(b)-4:]
	for {
		binary.BigEndian.PutUint32(end, binary.BigEndian.Uint32(end)+1)
		a, _ := netip.AddrFromSlice(b)
		if end[3] > 1 && taken[a.String()] == nil {
			return netip.PrefixFrom(a, network.Bits())
		}
	}
}

// Undo disconnects it.
func (e *Plug) Undo(context.Context) error {
	e.n.mu.Lock()
	defer e.n.mu.Unlock()
	delete(e.n.ports, e.Token)
	for a, by := range e.n.taken[e.Interface.Bridge] {
		if by.Token == e.Token {
			delete(e.n.taken[e.Interface.Bridge], a)
		}
	}
	return nil
}
