package network

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/libioc/ioc/fault"
)

// Validate reports what makes no sense in s, whatever the host. The error is fault.Invalid.
func (s *Spec) Validate() error {
	var all []error
	bad := func(format string, args ...any) { all = append(all, fmt.Errorf(format, args...)) }
	if s.ID == "" || s.Jail == "" {
		bad("a jail without a name")
	}
	names, addresses := map[string]bool{}, map[netip.Addr]bool{}
	for n := range s.Interfaces {
		i := &s.Interfaces[n]
		if err := errors.Join(checkLink(i.Name), checkLink(i.Bridge)); err != nil {
			all = append(all, err)
		}
		if names[i.Name] {
			bad("there are two interfaces %s", i.Name)
		}
		names[i.Name] = true
		for _, a := range i.Addresses {
			if !a.IsValid() || addresses[a.Addr()] {
				bad("%s: address %s is there twice, or none", i.Name, a)
			}
			addresses[a.Addr()] = true
		}
		// The least that IPv4 can do with, and the most that the kernel's Ethernet devices take.
		if i.MTU != 0 && (i.MTU < 68 || i.MTU > 65535) {
			bad("%s: MTU %d: from 68 to 65535", i.Name, i.MTU)
		}
		if i.MTU != 0 && i.MTU < 1280 && i.hasSix() {
			bad("%s: MTU %d: IPv6 needs at least 1280", i.Name, i.MTU)
		}
	}
	for _, r := range []Router{s.Router4, s.Router6} {
		if err := s.checkRouter(r); err != nil {
			all = append(all, err)
		}
	}
	if s.Shared && len(s.Interfaces) > 0 {
		bad("interfaces of its own, in the host's network stack")
	}
	if len(s.Interfaces) == 0 && (s.NAT || len(s.Forwards) > 0) {
		bad("translation of addresses needs an interface")
	}
	if (s.NAT || len(s.Forwards) > 0) && s.onlyDHCP() {
		bad("translation of addresses needs one that is known before the jail starts, and a DHCP server gives them later")
	}
	if err := errors.Join(all...); err != nil {
		return fault.New("", fault.Invalid, "network", err)
	}
	return nil
}

// onlyDHCP says that a DHCP server gives the jail all addresses of IPv4 that it will have.
func (s *Spec) onlyDHCP() bool {
	asks := false
	for n := range s.Interfaces {
		i := &s.Interfaces[n]
		asks = asks || i.DHCP
		if i.Auto4 || slices.ContainsFunc(i.Addresses, func(p netip.Prefix) bool { return p.Addr().Is4() }) {
			return false
		}
	}
	return asks
}

func (i *Interface) hasSix() bool {
	for _, a := range i.Addresses {
		if a.Addr().Is6() {
			return true
		}
	}
	return i.Auto6 || i.Advertise
}

// checkRouter wants a router that can be reached.
func (s *Spec) checkRouter(r Router) error {
	if !r.Address.IsValid() {
		return nil
	}
	for n := range s.Interfaces {
		i := &s.Interfaces[n]
		if r.Interface == i.Name {
			return nil
		}
		if r.Interface != "" {
			continue
		}
		if i.Covers(r.Address) || r.Address.Is4() && (i.Auto4 || i.DHCP) || r.Address.Is6() && (i.Auto6 || i.Advertise) {
			return nil
		}
	}
	if r.Interface != "" {
		return fmt.Errorf("router %s: there is no interface %s", r.Address, r.Interface)
	}
	return fmt.Errorf("router %s is in no interface's network; say through which one it is reached, as %s@NIC", r.Address, r.Address)
}

// Covers reports whether an address is in one of the interface's networks.
func (i *Interface) Covers(a netip.Addr) bool {
	for _, p := range i.Addresses {
		if p.Contains(a) {
			return true
		}
	}
	return false
}
