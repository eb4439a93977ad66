package network

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"

	"github.com/libioc/ioc/events"
)

// Spec describes what a jail with a network stack of its own is connected to. Two specs are the same if their
// JSON is.
type Spec struct {
	// ID is the jail's among all of the machine, as the sandbox knows it: it begins with the short id of its root.
	ID string

	Jail     string // what others on its bridges call it
	Hostname string // what they may call it, too; empty: nothing else

	Interfaces []Interface
	Router4    Router `json:",omitzero"`
	Router6    Router `json:",omitzero"`

	// NAT lets the jail reach what the host reaches, by the host's addresses.
	NAT      bool      `json:",omitempty"`
	Forwards []Forward `json:",omitempty"`

	// Resolver says where the jail asks for names.
	Resolver Resolver

	// Shared says that the jail has the host's network stack: there is nothing to connect, and the host's name
	// servers can be reached wherever they are.
	Shared bool `json:",omitempty"`
}

// Interface is a network interface of a jail, one end of a cable whose other end is in a bridge.
type Interface struct {
	Name   string // in the jail: "eth0"
	Bridge string // on the host: "bridge0"; made if there is none

	// Apart keeps the jail from all other jails on the bridge.
	Apart bool `json:",omitempty"`

	Addresses []netip.Prefix `json:",omitempty"` // of both kinds
	Auto4     bool           `json:",omitempty"` // and one that the bridge has free
	Auto6     bool           `json:",omitempty"`
	DHCP      bool           `json:",omitempty"` // and what a DHCP server says
	Advertise bool           `json:",omitempty"` // and what IPv6 routers advertise

	MAC     string `json:",omitempty"` // empty: of Prefix, ID and Name
	HostMAC string `json:",omitempty"` // the other end's; empty: one more than MAC
	Prefix  string `json:",omitempty"` // six hexadecimal digits; empty: 02ff60
	MTU     int    `json:",omitempty"` // bytes; 0: the bridge's
}

// Assign gives addresses to the interfaces that they name, those that name none to the first.
func (s *Spec) Assign(addresses []Address, six bool) error {
	for _, a := range addresses {
		n := slices.IndexFunc(s.Interfaces, func(i Interface) bool { return i.Name == a.Interface })
		switch {
		case len(s.Interfaces) == 0:
			return errors.New("the jail has no interfaces; interfaces=eth0:bridge0 would give it one")
		case a.Interface == "":
			n = 0
		case n < 0:
			return fmt.Errorf("there is no interface %s", a.Interface)
		}
		i := &s.Interfaces[n]
		switch a.Word {
		case wordAuto:
			i.Auto4, i.Auto6 = i.Auto4 || !six, i.Auto6 || six
		case wordDHCP:
			i.DHCP = true
		case wordAdvertise:
			i.Advertise = true
		default:
			i.Addresses = append(i.Addresses, a.Prefix)
		}
	}
	return nil
}

// Router is where packets go that are for nobody near.
type Router struct {
	Address   netip.Addr // invalid: none was named, and a bridge that has an address of ioc's giving is asked
	Interface string     `json:",omitempty"` // through which it is reached; empty: the one whose network it is in
}

// Forward is a port of the host that leads to the jail.
type Forward struct {
	Protocol string // "tcp" or "udp"
	Host     uint16 // the host's port, on all of its addresses
	Jail     uint16
}

// Resolver says what is in the jail's resolv.conf.
type Resolver struct {
	Path    string   `json:",omitempty"` // the host's file that is copied
	Servers []string `json:",omitempty"` // or the addresses of name servers
}

// Plan is how a jail is connected.
type Plan struct {
	Before []events.Effect // applied in this order before the jail is started
	Files  []File          // what the jail sees in the place of its own files
	After  []events.Effect // applied in this order when its network stack is there

	// Without says, in a sentence, what was asked for and cannot be had here, and what would help; empty: all of it can.
	Without string
}

// Outward is the bridge of jails that reach the outside by the host's addresses and name none. Where there are no bridges
// it stands for whatever leads there.
const Outward = "ioc0"

// File is a file of the host that a jail sees, and cannot change. It is written by an effect of Before, and
// may change while the jail runs.
type File struct {
	Source string // on the host
	Target string // in the jail
}

// Stack is the network stack of a jail that is held.
type Stack struct {
	File *os.File // a network namespace, where the kernel has such; the driver closes it
	JID  int      // the number of a jail(2), where the kernel has such
	PID  int      // a process of the jail's, where the driver needs one to name both by
}

// Inside gives a jail's network stack. It is called by effects of Plan.After.
type Inside func(ctx context.Context) (Stack, error)

// Driver connects jails. It has no state of its own that another process would miss. All methods may be
// called from any goroutine.
type Driver interface {
	// Features says what this host can do; it does not change while the process lives.
	Features() Features

	// Plan plans how a jail is connected, and changes nothing. All effects are volatile. An error is about the
	// spec, or about what the host cannot do (fault.Invalid, fault.NotSupported).
	Plan(ctx context.Context, spec Spec, inside Inside) (Plan, error)
}

// Connected is implemented by effects that know addresses of a running jail.
type Connected interface {
	events.Effect

	// Addresses is complete when Do has returned, and in an effect that was read back from its JSON.
	Addresses() []netip.Prefix
}

// Attendant is implemented by effects of Plan.After that start a process which has to run as long as the jail does.
type Attendant interface {
	events.Effect

	// Attends reports whether the process runs. It knows in an effect that was read back from its JSON, too.
	Attends(ctx context.Context) (bool, error)

	// Again plans to start it again in a running jail, and changes nothing. The new effect is undone before this one, and is an
	// Attendant in its place. One that was made by a program that did not know this is fault.NotSupported.
	Again(inside Inside) (events.Effect, error)
}

// Features is what a host can do. A false one has its reason in Why, under the field's name.
type Features struct {
	Bridges bool // Spec.Interfaces is honoured
	NAT     bool // Spec.NAT and Spec.Forwards are
	DHCP    bool // Interface.DHCP is
	Why     map[string]string
}
