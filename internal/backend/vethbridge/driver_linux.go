package vethbridge

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/network"
)

// Options are what a driver is told once.
type Options struct {
	// Run is a directory for files of running jails, one directory each. It must be on a file system that a reboot
	// empties, or be emptied by the caller; it is made if missing.
	Run string

	// State is a directory that all roots of the machine share, made if missing.
	State string

	// Boot says which boot of the machine this is: random(4)'s boot_id.
	Boot string

	// Group is the short id of the root: eight characters.
	Group string

	// ResolvConf is the host's, for jails that copy it under its usual name. Empty: /etc/resolv.conf.
	ResolvConf string

	// Patience bounds how long a jail's start waits for a DHCP server. Zero: 20 seconds.
	Patience time.Duration
}

// Driver is a network.Driver. What it caches of the host does not change while the process lives.
type Driver struct {
	options  Options
	features func() network.Features
}

var _ network.Driver = (*Driver)(nil)

// New makes a driver; nothing is looked at before it is needed.
func New(options Options) *Driver {
	return &Driver{options: options, features: sync.OnceValue(lookAtHost)}
}

// Register makes the driver's effects known to a journal.
func Register(r *events.Registry) {
	events.Register[Bridge](r, "vethbridge.bridge.v1")
	events.Register[Lease](r, "vethbridge.lease.v1")
	events.Register[Files](r, "vethbridge.files.v1")
	events.Register[Link](r, "vethbridge.link.v1")
	events.Register[Configure](r, "vethbridge.configure.v1")
	events.Register[DHCP](r, "vethbridge.dhcp.v1")
	events.Register[Route](r, "vethbridge.route.v1")
	events.Register[Forwarding](r, "vethbridge.forwarding.v1")
	events.Register[Translate](r, "vethbridge.translate.v1")
	events.Register[Isolate](r, "vethbridge.isolate.v1")
}

// Features says what this host can do.
func (d *Driver) Features() network.Features { return d.features() }

func lookAtHost() network.Features {
	f := network.Features{Why: map[string]string{}}
	if mayChangeNetwork() {
		f.Bridges, f.NAT, f.DHCP = true, true, true
		return f
	}
	why := "not root: interfaces of the host need a right over its network (CAP_NET_ADMIN)"
	f.Why["Bridges"], f.Why["NAT"], f.Why["DHCP"] = why, why, why
	return f
}

// mayChangeNetwork asks for the two capabilities without which nothing of this works: over the host's network, and to
// enter a jail's.
func mayChangeNetwork() bool {
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if unix.Capget(&hdr, &data[0]) != nil {
		return false
	}
	const both = 1<<unix.CAP_NET_ADMIN | 1<<unix.CAP_SYS_ADMIN
	return data[0].Effective&both == both
}

// start is what the effects of one start have in common.
type start struct {
	token string // of this start alone
	dir   state
	set   string
}

// user is how an interface is called among the users of its bridge.
func (s *start) user(nic string) string { return s.token + "." + nic }

// Plan plans the effects that connect a jail.
func (d *Driver) Plan(_ context.Context, spec network.Spec, inside network.Inside) (network.Plan, error) {
	var p network.Plan
	if err := spec.Validate(); err != nil {
		return p, err
	}
	s := &start{token: newToken()}
	files := &Files{Dir: filepath.Join(d.options.Run, spec.ID+"."+s.token), Shared: spec.Shared, from: spec.Resolver, usual: d.options.ResolvConf}
	if spec.Resolver.Path != "" || len(spec.Resolver.Servers) > 0 {
		p.Before = append(p.Before, files)
		p.Files = append(p.Files, network.File{Source: files.resolv(), Target: resolvConf})
	}
	if len(spec.Interfaces) == 0 {
		return p, nil
	}
	if f := d.Features(); !f.Bridges {
		return p, fault.New("", fault.NotSupported, "network of its own", errors.New(f.Why["Bridges"]))
	}
	var err error
	if s.dir, err = stateOf(d.options.State, d.options.Boot); err != nil {
		return p, failed("look at", "the network", err)
	}
	lease := &Lease{
		Token: s.token, Dir: s.dir, ID: spec.ID, Jail: spec.Jail, Hostname: spec.Hostname,
	}
	var bridges []string
	for _, i := range spec.Interfaces {
		bridges = append(bridges, i.Bridge)
	}
	s.set = setOf(bridges)
	lease.Set = s.set
	p.Files = append(p.Files, network.File{Source: s.dir.hostsFile(s.set), Target: "/etc/hosts"})
	for n := range spec.Interfaces {
		i := &spec.Interfaces[n]
		p.Before = append(p.Before, d.bridge(s, &spec, i))
		lease.Wants = append(lease.Wants, Want{i.Name, i.Bridge, i.Addresses, i.Auto4, i.Auto6})
	}
	p.Before = append(p.Before, lease)
	var asked []*DHCP
	for n := range spec.Interfaces {
		i := &spec.Interfaces[n]
		mac, host := i.MACs(spec.ID)
		link := d.linkName()
		if i.Apart { // before there is anything to keep apart
			p.Before = append(p.Before, &Isolate{
				Table: tableName(d.options.Group), Token: s.user(i.Name), Jail: spec.Jail, Link: link, Others: d.linkPrefix(), Dir: s.dir,
			})
		}
		p.After = append(p.After,
			&Link{
				Name: link, Interface: i.Name, Bridge: i.Bridge, Jail: spec.Jail, Apart: i.Apart,
				MAC: mac.String(), HostMAC: host.String(), MTU: i.MTU, Hairpin: len(spec.Forwards) > 0, inside: inside,
			},
			&Configure{Interface: i.Name, Jail: spec.Jail, Advertise: i.Advertise, lease: lease, inside: inside})
		if i.DHCP {
			dhcp := d.dhcp(s, &spec, i, files, inside)
			dhcp.Task.Default = len(asked) == 0 && routerless(&spec)
			asked = append(asked, dhcp)
			p.After = append(p.After, dhcp)
		}
	}
	if spec.NAT || len(spec.Forwards) > 0 {
		translate := &Translate{
			Table: tableName(d.options.Group), Token: s.token, Jail: spec.Jail, ID: spec.ID, Dir: s.dir, NAT: spec.NAT, Forwards: spec.Forwards,
			Bridges: map[string]string{}, lease: lease,
		}
		for _, i := range spec.Interfaces {
			translate.Bridges[i.Name] = i.Bridge
		}
		p.Before = append(p.Before, &Forwarding{Kinds: bothKinds(&spec), Token: s.token, ID: spec.ID, Jail: spec.Jail, Dir: s.dir}, translate)
	}
	p.After = append(p.After, &Route{Jail: spec.Jail, spec: spec, lease: lease, dhcp: asked, inside: inside})
	return p, nil
}

// dhcp plans that an interface asks for its address.
func (d *Driver) dhcp(s *start, spec *network.Spec, i *network.Interface, files *Files, inside network.Inside) *DHCP {
	hostname := cmp.Or(spec.Hostname, spec.Jail)
	e := &DHCP{
		Interface: i.Name, Jail: spec.Jail, Token: s.token, Bridge: i.Bridge, Dir: s.dir, Boot: d.options.Boot,
		File: filepath.Join(d.options.Run, spec.ID+"."+s.token+"."+i.Name), inside: inside,
	}
	e.Task = &task{
		Interface: i.Name, Hostname: hostname, Bridge: i.Bridge, Token: s.token, Dir: s.dir, Patience: cmp.Or(d.options.Patience, dhcpPatience),
		About: []string{spec.ID, spec.Jail, hostname},
	}
	if spec.Resolver.Path == resolvConf { // nobody has said which name servers
		e.Task.Resolv = files.resolv()
	}
	return e
}

// routerless says that nothing but a DHCP server could tell the jail its router.
func routerless(spec *network.Spec) bool {
	return !spec.Router4.Address.IsValid() && !spec.NAT && len(spec.Forwards) == 0 &&
		!slices.ContainsFunc(spec.Interfaces, func(i network.Interface) bool { return i.Auto4 })
}

// bridge plans what an interface needs of its bridge. A router that the jail names in one of its networks is the bridge
// itself, if ioc makes it; and so is one that hands out addresses, or translates them.
func (d *Driver) bridge(s *start, spec *network.Spec, i *network.Interface) *Bridge {
	b := &Bridge{Name: i.Bridge, Jail: spec.Jail, User: s.user(i.Name), Set: s.set, Dir: s.dir, Group: d.options.Group, Four: i.Auto4, Six: i.Auto6}
	for _, r := range []network.Router{spec.Router4, spec.Router6} {
		for _, a := range i.Addresses {
			if r.Address.IsValid() && a.Contains(r.Address) && a.Addr() != r.Address && !r.Address.IsLinkLocalUnicast() {
				b.Routers = append(b.Routers, netip.PrefixFrom(r.Address, a.Bits()))
			}
		}
	}
	if !spec.NAT && len(spec.Forwards) == 0 {
		return b
	}
	for _, a := range i.Addresses {
		named, first := spec.Router4.Address.IsValid(), a.Masked().Addr().Next()
		if a.Addr().Is6() {
			named = spec.Router6.Address.IsValid()
		}
		if !named && first != a.Addr() && a.Contains(first) {
			b.Routers = append(b.Routers, netip.PrefixFrom(first, a.Bits()))
		}
	}
	return b
}

// newToken is a number of one start.
func newToken() string {
	var b [4]byte
	_, _ = rand.Read(b[:]) // it does not fail
	return hex.EncodeToString(b[:])
}

// linkName names the host's end of a pair: the root's id, and a number of this one alone, in the 15 bytes that there are.
func (d *Driver) linkName() string {
	return d.linkPrefix() + strings.ToLower(rand.Text()[:6])
}

// linkPrefix begins the names of the host's ends of all jails of the root.
func (d *Driver) linkPrefix() string { return "i" + d.options.Group[:min(8, len(d.options.Group))] }
