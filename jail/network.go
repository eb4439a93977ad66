package jail

import (
	"context"
	"errors"
	"net/netip"
	"strconv"
	"strings"

	"github.com/libioc/ioc/config"
	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/network"
	"github.com/libioc/ioc/sandbox"
)

// connect plans the network of a jail as it is configured now, and completes spec with what its sandbox must know of it.
// It changes nothing. state is where the jail is found when its effects are applied.
func (k *Keeper) connect(ctx context.Context, i *Info, spec *sandbox.Spec, state *sandbox.State) (network.Plan, error) {
	bad := func(err error) (network.Plan, error) {
		return network.Plan{}, fault.New("start", fault.KindOf(err), string(i.Name), err)
	}
	n := network.Spec{ID: spec.ID, Jail: string(i.Name)}
	if spec.Hostname != n.Jail {
		n.Hostname = spec.Hostname
	}
	switch vnet := i.value("vnet"); {
	case vnet == "yes":
		if err := i.interfaces(&n); err != nil {
			return bad(err)
		}
	case i.anyNetwork() != "":
		property := i.anyNetwork()
		return bad(fault.New("property", fault.Invalid, property, errors.New("it is of a network stack of the jail's own, and the jail has none")).
			WithRemedy("set vnet=yes, or take " + property + " away"))
	case vnet == "no":
		n.Shared, spec.Network = true, sandbox.NetworkHost
	default:
		return network.Plan{}, nil
	}
	var err error
	if text := i.value("resolver"); text != "" {
		if n.Resolver, err = network.ParseResolver(text); err != nil {
			return bad(fault.New("property", fault.Invalid, "resolver", err))
		}
	}
	plan, err := k.Network.Plan(ctx, n, k.inside(state))
	if err != nil {
		return bad(err)
	}
	for _, f := range plan.Files {
		spec.Mounts = append(spec.Mounts, sandbox.Mount{
			Type: "bind", Source: f.Source, Target: f.Target, Options: []string{"ro", "nosuid", "noexec"}, Follow: true,
		})
	}
	return plan, nil
}

// inside is the way into the network stack of the jail that state will be of.
func (k *Keeper) inside(state *sandbox.State) network.Inside {
	return func(ctx context.Context) (network.Stack, error) {
		n, ok := k.Sandbox.(sandbox.Networker)
		if !ok {
			return network.Stack{}, nil
		}
		f, err := n.OpenNetwork(ctx, *state)
		return network.Stack{File: f, PID: state.PID}, err
	}
}

// Unconnected is the payload of a step that is skipped to say which network a jail does without.
type Unconnected struct{ Subject }

// EventType is jail.unconnected.
func (*Unconnected) EventType() string { return "jail.unconnected" }

// EventTitle is for people.
func (p *Unconnected) EventTitle() string { return "connect " + string(p.Jail) }

// sayWithout puts what cannot be had of the network into the stream.
func sayWithout(s events.Step, i *Info, why string) error {
	if why == "" {
		return nil
	}
	return s.Do(&Unconnected{Subject{i.Name}}, func(events.Step) error { return events.Skip(why) })
}

// anyNetwork names a property that is set and needs a network stack of the jail's own, "" if there is none.
func (i *Info) anyNetwork() string {
	for _, name := range []string{"interfaces", "ip4_addr", "ip6_addr", "defaultrouter", "defaultrouter6", "nat_forwards"} {
		if i.value(name) != "" {
			return name
		}
	}
	if i.value("nat") == "yes" {
		return "nat"
	}
	return ""
}

// interfaces reads the properties that describe a jail's network.
func (i *Info) interfaces(n *network.Spec) error {
	var all []error
	read := func(property string, into func(text string) error) {
		if text := i.value(property); text != "" {
			if err := into(text); err != nil {
				all = append(all, fault.New("property", fault.Invalid, property, err))
			}
		}
	}
	read("interfaces", func(text string) (err error) { n.Interfaces, err = network.ParseInterfaces(text); return err })
	n.NAT = i.value("nat") == "yes"
	read("nat_forwards", func(text string) (err error) { n.Forwards, err = network.ParseForwards(text); return err })
	if len(n.Interfaces) == 0 && i.value("interfaces") == "" && (n.NAT || len(n.Forwards) > 0) {
		n.Interfaces = []network.Interface{{Name: "eth0", Bridge: network.Outward}}
	}
	for _, property := range []string{"ip4_addr", "ip6_addr"} {
		read(property, func(text string) error {
			addresses, err := network.ParseAddresses(text, property == "ip6_addr")
			if err == nil {
				err = n.Assign(addresses, property == "ip6_addr")
			}
			return err
		})
	}
	read("defaultrouter", func(text string) (err error) { n.Router4, err = network.ParseRouter(text, false); return err })
	read("defaultrouter6", func(text string) (err error) { n.Router6, err = network.ParseRouter(text, true); return err })
	if (n.NAT || len(n.Forwards) > 0) && len(n.Interfaces) > 0 && i.value("ip4_addr") == "" {
		n.Interfaces[0].Auto4 = true // there is nothing to translate otherwise
	}
	prefix := ""
	read("mac_prefix", func(text string) (err error) { prefix, err = network.ParsePrefix(text); return err })
	for x := range n.Interfaces {
		nic := &n.Interfaces[x]
		nic.Prefix = prefix
		read(nic.Name+"_mac", func(text string) (err error) { nic.MAC, nic.HostMAC, err = network.ParseMACs(text); return err })
		read(nic.Name+"_mtu", func(text string) (err error) { nic.MTU, err = strconv.Atoi(text); return err })
	}
	return errors.Join(all...)
}

// addresses lists what a running jail is reached by.
func addresses(k *Kept) []netip.Prefix {
	var all []netip.Prefix
	if k == nil {
		return nil
	}
	for _, e := range k.Effects {
		if c, ok := e.(network.Connected); ok {
			all = append(all, c.Addresses()...)
		}
	}
	return all
}

// bareAddresses writes them for people and scripts: without their networks.
func bareAddresses(all []netip.Prefix) string {
	var words []string
	for _, p := range all {
		words = append(words, p.Addr().String())
	}
	return strings.Join(words, ",")
}

// checkNetwork says what is wrong with a network property's value, which the kernel would say at the next start only.
func checkNetwork(property, value string) error {
	if config.Unset(value) {
		return nil
	}
	return network.Check(property, value)
}
