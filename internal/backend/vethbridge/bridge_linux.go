package vethbridge

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
)

// Bridge is the effect that sees to it that a bridge is there for one interface of a jail, with what that needs of it.
// Its undo removes what nobody else needs; the bridge itself with its last user, and only if ioc made it.
type Bridge struct {
	Name  string
	Jail  string
	User  string // of this start and interface
	Set   string
	Group string
	Dir   state

	// Routers are addresses that the bridge is to have if ioc made it. Do adds those that it has chosen.
	Routers   []netip.Prefix `json:",omitempty"`
	Four, Six bool           `json:",omitempty"` // it is to have one of the kind
}

var _ events.Effect = (*Bridge)(nil)

// EventType is network.bridge.
func (b *Bridge) EventType() string { return "network.bridge" }

// EventKey is the bridge's name.
func (b *Bridge) EventKey() string { return b.Name }

// EventTitle is for people.
func (b *Bridge) EventTitle() string { return "provide bridge " + b.Name }

// Volatile is true: no bridge survives a reboot.
func (b *Bridge) Volatile() bool { return true }

// Do makes the bridge if there is none.
func (b *Bridge) Do(ctx context.Context) error {
	return b.Dir.with(ctx, func() error {
		if err := b.Dir.use(b.Name, b.User, b.asUser()); err != nil {
			return failed("note", "bridge "+b.Name, err)
		}
		h, err := newHandle()
		if err != nil {
			return err
		}
		defer h.Close()
		br, err := h.findBridge(b.Name)
		if errors.Is(err, fault.NotFound) {
			br, err = h.makeBridge(b.Name)
		}
		if err != nil {
			return err
		}
		if isOurs(br) { // also one whose maker died half way
			if err := deafen(b.Name); err != nil {
				return err
			}
		}
		if err := h.LinkSetUp(br); err != nil {
			return failed("switch on", "bridge "+b.Name, err)
		}
		if !isOurs(br) {
			return b.suits(h, br)
		}
		if err := b.choose(h, br); err != nil {
			return err
		}
		// What is added is noted before: who leaves last removes what is noted.
		if err := b.Dir.use(b.Name, b.User, b.asUser()); err != nil {
			return failed("note", "bridge "+b.Name, err)
		}
		for _, p := range b.Routers {
			if err := h.address(br, p); err != nil && !errors.Is(err, unix.EEXIST) {
				return failed("set", fmt.Sprintf("address %s of bridge %s", p, b.Name), err)
			}
		}
		return nil
	})
}

func (b *Bridge) asUser() user {
	u := user{set: b.Set}
	for _, p := range b.Routers {
		u.routers = append(u.routers, p.String())
	}
	return u
}

// suits says whether a bridge that somebody else has made has what is needed.
func (b *Bridge) suits(h *handle, br netlink.Link) error {
	four, six, err := h.networksOf(br)
	if err != nil {
		return err
	}
	for _, k := range []struct {
		wanted bool
		has    []netip.Prefix
		kind   string
	}{{b.Four, four, "IPv4"}, {b.Six, six, "IPv6"}} {
		if k.wanted && len(k.has) == 0 {
			return fault.New("", fault.Invalid, "bridge "+b.Name, fmt.Errorf("it has no %s address whose network automatic ones could be of, and ioc did not make it", k.kind)).
				WithRemedy("give the bridge an address, or the jail a fixed one")
		}
	}
	return nil
}

// choose gives the bridge networks of its own where it needs some and has none.
func (b *Bridge) choose(h *handle, br netlink.Link) error {
	four, six, err := h.networksOf(br)
	if err != nil {
		return err
	}
	for _, p := range b.Routers { // they will be there
		if p.Addr().Is4() {
			four = append(four, p)
		} else {
			six = append(six, p)
		}
	}
	if b.Four && len(four) == 0 {
		p, err := h.freeNetwork(b.Group + b.Name)
		if err != nil {
			return err
		}
		b.Routers = append(b.Routers, p)
	} else if b.Four {
		b.keep(four)
	}
	if b.Six && len(six) == 0 {
		b.Routers = append(b.Routers, localNetwork(b.Group+b.Name))
	} else if b.Six {
		b.keep(six)
	}
	return nil
}

// keep notes what the bridge has already and this one needs, too: it stays when the others have left.
func (b *Bridge) keep(networks []netip.Prefix) {
	if !slices.Contains(b.Routers, networks[0]) {
		b.Routers = append(b.Routers, networks[0])
	}
}

// Undo takes back what nobody else needs.
func (b *Bridge) Undo(ctx context.Context) error {
	return b.Dir.with(ctx, func() error {
		others, err := b.Dir.usersOf(b.Name)
		if err != nil {
			return err
		}
		mine, ok := others[b.User]
		if !ok {
			return nil // it never was, or was undone
		}
		delete(others, b.User)
		if err := b.release(mine, others); err != nil {
			return err
		}
		if err := b.Dir.leave(b.Name, b.User); err != nil {
			return failed("forget", "bridge "+b.Name, err)
		}
		return b.Dir.writeHosts(b.Name)
	})
}

func (b *Bridge) release(mine user, others map[string]user) error {
	h, err := newHandle()
	if err != nil {
		return err
	}
	defer h.Close()
	br, err := h.findBridge(b.Name)
	if errors.Is(err, fault.NotFound) || err == nil && !isOurs(br) {
		return nil
	}
	if err != nil {
		return err
	}
	if len(others) == 0 {
		// Somebody may have put an interface of his own into it, who would be surprised.
		if used, err := h.hasPorts(br); used || err != nil {
			return err
		}
		return failed("remove", "bridge "+b.Name, ignore(h.LinkDel(br), unix.ENODEV))
	}
	for _, router := range mine.routers {
		p, err := netip.ParsePrefix(router)
		if err != nil {
			return fault.New("read", fault.Corrupt, "notes on bridge "+b.Name, err)
		}
		if !needed(router, others) {
			err := h.AddrDel(br, &netlink.Addr{IPNet: ipNet(p)})
			if err != nil && !errors.Is(err, unix.EADDRNOTAVAIL) {
				return failed("remove", fmt.Sprintf("address %s of bridge %s", p, b.Name), err)
			}
		}
	}
	return nil
}

func needed(router string, users map[string]user) bool {
	for _, u := range users {
		if slices.Contains(u.routers, router) {
			return true
		}
	}
	return false
}

// ourMAC is the hardware address of a bridge that ioc makes. The kernel takes it in the same moment in which it makes
// the bridge, so that it tells ours from others' at any time; and it stays, as that of others does not, when ports come
// and go.
func ourMAC(bridge string) net.HardwareAddr {
	sum := sha256.Sum256([]byte("ioc bridge " + bridge))
	return net.HardwareAddr{0x02, 0xff, 0x60, sum[0], sum[1], sum[2]}
}

func isOurs(br netlink.Link) bool {
	return slices.Equal(br.Attrs().HardwareAddr, ourMAC(br.Attrs().Name))
}

func (h *handle) makeBridge(name string) (netlink.Link, error) {
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.HardwareAddr = name, ourMAC(name)
	if err := h.LinkAdd(&netlink.Bridge{LinkAttrs: attrs}); err != nil {
		return nil, failed("make", "bridge "+name, err)
	}
	return h.findBridge(name)
}

// deafen lets no jail tell the host where its packets go. A kernel without IPv6 has no such switch.
func deafen(bridge string) error {
	err := writeSysctl(acceptRA(bridge), "0")
	return failed("set", "how the host listens to routers on bridge "+bridge, ignore(err, unix.ENOENT))
}

// findBridge gives a bridge; there is fault.NotFound if there is none, and fault.Exists if it is something else.
func (h *handle) findBridge(name string) (netlink.Link, error) {
	link, err := h.find(name)
	if err != nil {
		return nil, fault.New("", kindOf(err), "bridge "+name, err)
	}
	if link.Type() != "bridge" {
		return nil, fault.New("", fault.Exists, "bridge "+name, fmt.Errorf("there is an interface of that name, and it is a %s", link.Type())).
			WithRemedy("name another bridge")
	}
	return link, nil
}

func (h *handle) hasPorts(br netlink.Link) (bool, error) {
	all, err := whole(h.LinkList)
	if err != nil {
		return false, failed("list", "interfaces", err)
	}
	return slices.ContainsFunc(all, func(l netlink.Link) bool { return l.Attrs().MasterIndex == br.Attrs().Index }), nil
}
