package vethbridge

import (
	"context"
	"errors"
	"net"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/network"
)

// Link is the effect that connects a jail with a bridge by a veth pair.
type Link struct {
	Name      string // of the host's end: the root's id, and a number of this start alone
	Interface string // in the jail
	Bridge    string
	Jail      string
	MAC       string
	HostMAC   string
	MTU       int  `json:",omitempty"`
	Apart     bool `json:",omitempty"`
	Hairpin   bool `json:",omitempty"` // the jail reaches its own ports of the host

	inside network.Inside
}

var _ events.Effect = (*Link)(nil)

// EventType is network.link.
func (l *Link) EventType() string { return "network.link" }

// EventKey is the name of the host's end.
func (l *Link) EventKey() string { return l.Name }

// EventTitle is for people.
func (l *Link) EventTitle() string { return "connect " + l.Interface + " with " + l.Bridge }

// Volatile is true: no interface survives a reboot.
func (l *Link) Volatile() bool { return true }

// Do makes the pair. The jail's end is born in the jail: on the host nobody ever sees its name.
func (l *Link) Do(ctx context.Context) error {
	if l.inside == nil {
		return events.Untouched(fault.New("connect", fault.Internal, l.Name, errors.New("effect was read back and can only be undone")))
	}
	stack, err := l.inside(ctx)
	if err != nil {
		return events.Untouched(err)
	}
	defer stack.File.Close()
	h, err := newHandle()
	if err != nil {
		return events.Untouched(err)
	}
	defer h.Close()
	br, err := h.findBridge(l.Bridge)
	if err != nil {
		return events.Untouched(err)
	}
	mac, err := net.ParseMAC(l.MAC)
	hostMAC, err2 := net.ParseMAC(l.HostMAC)
	if err = errors.Join(err, err2); err != nil {
		return events.Untouched(fault.New("", fault.Invalid, "interface "+l.Interface, err))
	}
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.HardwareAddr, attrs.MTU = l.Name, hostMAC, l.MTU
	if l.MTU == 0 {
		attrs.MTU = br.Attrs().MTU
	}
	veth := netlink.NewVeth(attrs)
	veth.PeerName, veth.PeerHardwareAddr, veth.PeerMTU = l.Interface, mac, uint32(attrs.MTU) //nolint:gosec // it was checked
	veth.PeerNamespace = netlink.NsFd(stack.File.Fd())
	if err := h.LinkAdd(veth); err != nil {
		return events.Untouched(failed("make", "interface "+l.Interface, err))
	}
	return l.plug(h, br)
}

// noAddress is IN6_ADDR_GEN_MODE_NONE of linux/if_link.h.
const noAddress = 1

// plug puts the host's end into the bridge.
func (l *Link) plug(h *handle, br netlink.Link) error {
	host, err := h.find(l.Name)
	if err != nil {
		return err
	}
	for _, step := range []func() error{
		func() error { return h.LinkSetAlias(host, "ioc: "+l.Interface+" of "+l.Jail) },
		// It is a plug and needs no address of its own.
		func() error {
			return ignore(h.LinkSetIP6AddrGenMode(host, noAddress), unix.EAFNOSUPPORT)
		},
		func() error { return h.LinkSetMaster(host, br) },
		func() error {
			if !l.Apart {
				return nil
			}
			return h.LinkSetIsolated(host, true)
		},
		func() error {
			if !l.Hairpin {
				return nil
			}
			// A kernel that filters bridged frames diverts them while they are on the bridge: then the way back is the way out.
			return h.LinkSetHairpin(host, true)
		},
		func() error { return h.LinkSetUp(host) },
	} {
		if err := step(); err != nil {
			return failed("connect", l.Interface+" with bridge "+l.Bridge, err)
		}
	}
	return nil
}

// Undo removes the pair: both ends, wherever they are. It does not wait for the end of the jail's namespace, with
// which they would go, because that comes some time after the jail's.
func (l *Link) Undo(context.Context) error {
	h, err := newHandle()
	if err != nil {
		return err
	}
	defer h.Close()
	link, err := h.find(l.Name)
	if errors.Is(err, fault.NotFound) {
		return nil
	}
	if err == nil {
		err = ignore(h.LinkDel(link), unix.ENODEV)
	}
	return failed("remove", "interface "+l.Name, err)
}
