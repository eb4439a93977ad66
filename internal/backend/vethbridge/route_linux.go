package vethbridge

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/network"
)

// Route is the effect that tells a jail its routers. They go with the interfaces, so that its undo has nothing to do.
type Route struct {
	Jail    string
	Routers []string `json:",omitempty"` // ADDRESS@NIC, those that Do has set

	spec   network.Spec
	lease  *Lease
	dhcp   []*DHCP
	inside network.Inside
}

var _ events.Effect = (*Route)(nil)

// EventType is network.route.
func (r *Route) EventType() string { return "network.route" }

// EventKey is the jail's name.
func (r *Route) EventKey() string { return r.Jail }

// EventTitle is for people.
func (r *Route) EventTitle() string { return "set the routers of " + r.Jail }

// String lists them.
func (r *Route) String() string { return strings.Join(r.Routers, ", ") }

// Volatile is true, as the interfaces are.
func (r *Route) Volatile() bool { return true }

// Do sets the default routes.
func (r *Route) Do(ctx context.Context) error {
	return inJail(ctx, r.inside, func(h *handle) error {
		for _, k := range []struct {
			router network.Router
			six    bool
		}{{r.spec.Router4, false}, {r.spec.Router6, true}} {
			router := r.find(k.router, k.six)
			if !router.Address.IsValid() {
				continue
			}
			if err := r.set(h, router); err != nil {
				return fault.New("set", kindOf(err), "router "+router.Address.String(), bare(err)).
					WithRemedy("name a router that is in the network of one of the jail's addresses")
			}
			r.Routers = append(r.Routers, router.Address.String()+"@"+router.Interface)
		}
		return nil
	})
}

// held are all addresses that the jail has got.
func (r *Route) held() []Held {
	all := slices.Clone(r.lease.Got)
	for _, d := range r.dhcp {
		for _, a := range d.Addresses() {
			all = append(all, Held{Interface: d.Interface, Address: a})
		}
	}
	return all
}

// find says who the router is and through which interface it is reached. Where none was named, it is the bridge that
// gave the jail an address or translates it.
func (r *Route) find(named network.Router, six bool) network.Router {
	if named.Address.IsValid() {
		if named.Interface != "" {
			return named
		}
		for _, held := range r.held() {
			if held.Address.Contains(named.Address) {
				named.Interface = held.Interface
				break
			}
		}
		return named
	}
	for n := range r.spec.Interfaces {
		i := &r.spec.Interfaces[n]
		if !r.spec.NAT && len(r.spec.Forwards) == 0 && !(i.Auto4 && !six) && !(i.Auto6 && six) {
			continue
		}
		for _, held := range r.held() {
			if held.Interface == i.Name && held.Router.IsValid() && held.Router.Is6() == six {
				return network.Router{Address: held.Router, Interface: i.Name}
			}
		}
	}
	return network.Router{}
}

func (r *Route) set(h *handle, router network.Router) error {
	if router.Interface == "" {
		return errors.New("it is in no interface's network")
	}
	link, err := h.find(router.Interface)
	if err != nil {
		return err
	}
	all := netip.PrefixFrom(netip.IPv4Unspecified(), 0)
	if router.Address.Is6() {
		all = netip.PrefixFrom(netip.IPv6Unspecified(), 0)
	}
	route := &netlink.Route{LinkIndex: link.Attrs().Index, Dst: ipNet(all), Gw: router.Address.AsSlice()}
	if !r.near(router) {
		// It was said through which interface: so it is near, although in none of its networks.
		route.Flags = int(netlink.FLAG_ONLINK)
	}
	if err := h.RouteAdd(route); err != nil {
		if errors.Is(err, unix.EEXIST) {
			return fmt.Errorf("there is another default route: %w", err)
		}
		return err
	}
	return nil
}

func (r *Route) near(router network.Router) bool {
	for _, held := range r.held() {
		if held.Interface == router.Interface && held.Address.Contains(router.Address) {
			return true
		}
	}
	return router.Address.IsLinkLocalUnicast()
}

// Undo does nothing.
func (r *Route) Undo(context.Context) error { return nil }
