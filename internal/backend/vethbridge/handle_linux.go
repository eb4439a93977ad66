package vethbridge

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/internal/thread"
	"github.com/libioc/ioc/network"
)

// handle is a connection to the kernel's interfaces, addresses and routes of one network namespace.
type handle struct{ *netlink.Handle }

// newHandle connects to the namespace that this thread is in.
func newHandle() (*handle, error) {
	h, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return nil, failed("open", "netlink", err)
	}
	return &handle{h}, nil
}

// inJail does something in a jail's namespace, on a thread of its own, which ends with it: it could not be trusted to be
// back where it came from.
func inJail(ctx context.Context, inside network.Inside, do func(*handle) error) error {
	if inside == nil {
		return fault.New("", fault.Internal, "network", errors.New("effect was read back and can only be undone"))
	}
	stack, err := inside(ctx)
	if err != nil {
		return err
	}
	if stack.File == nil {
		return fault.New("", fault.Internal, "network", errors.New("the sandbox gave no network namespace"))
	}
	defer stack.File.Close()
	return thread.Away(func() error {
		if err := unix.Setns(int(stack.File.Fd()), unix.CLONE_NEWNET); err != nil {
			return failed("enter", "network of the jail", err)
		}
		h, err := newHandle()
		if err != nil {
			return err
		}
		defer h.Close()
		return do(h)
	})
}

// find gives an interface. There is fault.NotFound if there is none.
func (h *handle) find(name string) (netlink.Link, error) {
	link, err := h.LinkByName(name)
	if _, missing := errors.AsType[netlink.LinkNotFoundError](err); missing {
		return nil, fault.New("", fault.NotFound, "interface "+name, nil)
	}
	if err != nil {
		return nil, failed("find", "interface "+name, err)
	}
	return link, nil
}

// address gives an interface an address. Those of IPv6 are there at once: whether somebody else has the same is known
// by the leases, and asking the network takes seconds.
func (h *handle) address(link netlink.Link, p netip.Prefix) error {
	a := &netlink.Addr{IPNet: ipNet(p)}
	if p.Addr().Is6() {
		a.Flags = unix.IFA_F_NODAD
	}
	return h.AddrAdd(link, a)
}

// whole asks for a list until nothing has changed while the kernel gave it: half of one is of no use, and on a host that
// starts many jails at once that is how most of them end.
func whole[T any](list func() ([]T, error)) (all []T, err error) {
	for range 1000 {
		if all, err = list(); !errors.Is(err, netlink.ErrDumpInterrupted) {
			break
		}
	}
	return all, err
}

// networksOf lists the addresses of a link that others can be near to.
func (h *handle) networksOf(link netlink.Link) (four, six []netip.Prefix, err error) {
	all, err := whole(func() ([]netlink.Addr, error) { return h.AddrList(link, netlink.FAMILY_ALL) })
	if err != nil {
		return nil, nil, failed("list", "addresses of "+link.Attrs().Name, err)
	}
	for _, a := range all {
		p := prefixOf(a.IPNet)
		switch {
		case !p.IsValid() || p.Addr().IsLinkLocalUnicast():
		case p.Addr().Is4():
			four = append(four, p)
		default:
			six = append(six, p)
		}
	}
	return four, six, nil
}

// freeNetwork chooses a network of IPv4 for a bridge, the same one for the same name if it is free, and gives its first
// address. It has room for as many jails as a bridge has ports.
func (h *handle) freeNetwork(name string) (netip.Prefix, error) {
	taken, err := h.taken()
	if err != nil {
		return netip.Prefix{}, err
	}
	sum := sha256.Sum256([]byte(name))
	first := binary.BigEndian.Uint32(sum[:])
	const bits = 22
	for _, pool := range []netip.Prefix{
		netip.MustParsePrefix("10.64.0.0/10"), netip.MustParsePrefix("172.16.0.0/12"), netip.MustParsePrefix("192.168.0.0/16"),
	} {
		base := binary.BigEndian.Uint32(pool.Addr().AsSlice())
		count := uint32(1) << (bits - pool.Bits())
		for n := range count {
			var b [4]byte
			binary.BigEndian.PutUint32(b[:], base+(first+n)%count<<(32-bits))
			p := netip.PrefixFrom(netip.AddrFrom4(b), bits)
			if !slices.ContainsFunc(taken, p.Overlaps) {
				return netip.PrefixFrom(p.Addr().Next(), bits), nil
			}
		}
	}
	return netip.Prefix{}, fault.New("choose", fault.NoSpace, "network", errors.New("all private networks are in use on this host")).
		WithRemedy("give the bridge an address, and the jail a fixed one")
}

// taken lists the networks that the host has routes to.
func (h *handle) taken() ([]netip.Prefix, error) {
	routes, err := whole(func() ([]netlink.Route, error) { return h.RouteList(nil, netlink.FAMILY_V4) })
	if err != nil {
		return nil, failed("list", "routes", err)
	}
	var all []netip.Prefix
	for _, r := range routes {
		if r.Dst == nil {
			continue
		}
		if p := prefixOf(r.Dst); p.IsValid() && p.Bits() > 0 {
			all = append(all, p)
		}
	}
	return all, nil
}

// localNetwork chooses a network of IPv6 for a bridge (RFC 4193) and gives its first address.
func localNetwork(name string) netip.Prefix {
	sum := sha256.Sum256([]byte(name))
	b := [16]byte{0: 0xfd, 15: 1}
	copy(b[1:8], sum[:7])
	return netip.PrefixFrom(netip.AddrFrom16(b), 64)
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}

func prefixOf(n *net.IPNet) netip.Prefix {
	if n == nil {
		return netip.Prefix{}
	}
	a, ok := netip.AddrFromSlice(n.IP)
	if !ok {
		return netip.Prefix{}
	}
	bits, _ := n.Mask.Size()
	return netip.PrefixFrom(a.Unmap(), bits)
}

// ignore is nil for an error that says that it is so already.
func ignore(err, what error) error {
	if errors.Is(err, what) {
		return nil
	}
	return err
}
