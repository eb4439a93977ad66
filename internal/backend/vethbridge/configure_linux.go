package vethbridge

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/network"
)

// Configure is the effect that gives an interface of a jail its addresses and switches it on. What it does goes with
// the interface, so that its undo has nothing to do.
type Configure struct {
	Interface string
	Jail      string
	Advertise bool           `json:",omitempty"` // routers of IPv6 are listened to
	Addresses []netip.Prefix `json:",omitempty"` // those that Do has set

	lease  *Lease
	inside network.Inside
}

var _ events.Effect = (*Configure)(nil)

// EventType is network.configure.
func (c *Configure) EventType() string { return "network.configure" }

// EventKey is the interface's name.
func (c *Configure) EventKey() string { return c.Interface }

// EventTitle is for people.
func (c *Configure) EventTitle() string { return "set up " + c.Interface + " in " + c.Jail }

// String lists the addresses.
func (c *Configure) String() string {
	var all []string
	for _, a := range c.Addresses {
		all = append(all, a.String())
	}
	return strings.Join(all, ", ")
}

// Volatile is true, as the interface is.
func (c *Configure) Volatile() bool { return true }

// Do sets the interface up.
func (c *Configure) Do(ctx context.Context) error {
	return inJail(ctx, c.inside, func(h *handle) error {
		link, err := h.find(c.Interface)
		if err != nil {
			return err
		}
		if err := c.listen(); err != nil {
			return failed("set", "how "+c.Interface+" listens to routers", err)
		}
		for _, held := range c.lease.Got {
			if held.Interface != c.Interface {
				continue
			}
			if err := h.address(link, held.Address); err != nil {
				return failed("set", "address "+held.Address.String()+" of "+c.Interface, err)
			}
			c.Addresses = append(c.Addresses, held.Address)
		}
		return failed("switch on", "interface "+c.Interface, h.LinkSetUp(link))
	})
}

// listen says whether a jail takes addresses and routers from what routers of IPv6 advertise. A kernel without
// IPv6 has no such switch, and no such routers.
func (c *Configure) listen() error {
	value := "0"
	if c.Advertise {
		value = "1"
	}
	for _, name := range []string{"accept_ra", "autoconf"} {
		err := writeSysctl("/proc/sys/net/ipv6/conf/"+c.Interface+"/"+name, value)
		if err != nil && (c.Advertise || !errors.Is(err, unix.ENOENT)) {
			return err
		}
	}
	return nil
}

// writeSysctl sets a switch of the kernel's, of the network namespace that this thread is in.
func writeSysctl(path, value string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(value)
	return errors.Join(err, f.Close())
}

// Undo does nothing.
func (c *Configure) Undo(context.Context) error { return nil }
