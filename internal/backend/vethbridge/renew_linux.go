package vethbridge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/dhcpv4/nclient4"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/libioc/ioc/fault"
)

// taskEnv tells this program that it is a DHCP client, and of whom.
const taskEnv = "_IOC_DHCP"

// The program, whichever has this package in it, is a DHCP client of one interface if it was started as one. It is decided
// here because any program that starts jails must be able to be one, and its own main knows nothing of that.
func init() { //nolint:gochecknoinits // as above
	if order, ok := syscall.Getenv(taskEnv); ok {
		os.Exit(renew(order))
	}
}

// task is what a DHCP client is told.
type task struct {
	Interface string
	Hostname  string
	Default   bool     // the server's routers are the jail's
	Resolv    string   `json:",omitempty"` // the file for its name servers; empty: they do not matter
	About     []string // for others on the bridge: the jail's id, its name, and another
	Bridge    string
	Token     string
	Dir       state
	Patience  time.Duration
}

// outcome is what a client says when it knows whether there is an address, one line of JSON.
type outcome struct {
	Granted *Granted   `json:",omitempty"`
	Error   string     `json:",omitempty"`
	Kind    fault.Kind `json:",omitempty"`
	Silent  bool       `json:",omitempty"` // nobody has answered
}

// client is the process that a jail's interface has its address from. Its network namespace is the jail's.
type client struct {
	task
	note  *noted
	link  netlink.Link
	h     *handle
	lease *nclient4.Lease
	has   *Granted
}

// renew gets an address, says which on descriptor 3, and keeps it until it is told to end.
func renew(order string) int {
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGTERM)
	defer stop()
	report := os.NewFile(3, "report")
	_ = unix.Close(4) // this program
	c := &client{}
	err := json.Unmarshal([]byte(order), &c.task)
	if err == nil {
		err = c.begin(ctx)
	}
	said := outcome{Granted: c.has}
	if err != nil {
		said = outcome{Error: err.Error(), Kind: fault.KindOf(err), Silent: errors.Is(err, nclient4.ErrNoResponse) || errors.Is(err, context.DeadlineExceeded)}
	}
	_ = json.NewEncoder(report).Encode(said)
	_ = report.Close() // nobody may listen any more, and then this process is ended soon
	if err != nil {
		return 1
	}
	c.keep(ctx)
	c.giveBack()
	return 0
}

// begin gets the first address.
func (c *client) begin(ctx context.Context) (err error) {
	c.note = &noted{c.Dir, c.Bridge, c.Token + " " + c.Interface}
	if c.h, err = newHandle(); err != nil {
		return err
	}
	if c.link, err = c.h.find(c.Interface); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, c.Patience)
	defer cancel()
	if err := c.ask(ctx); err != nil {
		return err
	}
	return c.use(ctx)
}

// exchange speaks to servers. A socket that sees all of the interface's packets is not open for longer than that.
func (c *client) exchange(do func(*nclient4.Client, ...dhcpv4.Modifier) (*nclient4.Lease, error)) error {
	n, err := nclient4.New(c.Interface, nclient4.WithTimeout(time.Second), nclient4.WithRetry(4))
	if err != nil {
		return err
	}
	defer n.Close()
	lease, err := do(n, dhcpv4.WithOption(dhcpv4.OptHostName(c.Hostname)),
		dhcpv4.WithRequestedOptions(dhcpv4.OptionClasslessStaticRoute, dhcpv4.OptionRenewTimeValue, dhcpv4.OptionRebindingTimeValue))
	if err == nil {
		c.lease = lease
	}
	return err
}

// ask gets a new lease.
func (c *client) ask(ctx context.Context) error {
	for {
		err := c.exchange(func(n *nclient4.Client, m ...dhcpv4.Modifier) (*nclient4.Lease, error) { return n.Request(ctx, m...) })
		if err == nil || ctx.Err() != nil || !errors.Is(err, nclient4.ErrNoResponse) && !isNak(err) {
			return err
		}
	}
}

func isNak(err error) bool {
	_, ok := errors.AsType[*nclient4.ErrNak](err)
	return ok
}

// granted reads what a server has granted.
func (c *client) granted() (*Granted, error) {
	ack := c.lease.ACK
	a, ok := netip.AddrFromSlice(ack.YourIPAddr.To4())
	if !ok || a.IsUnspecified() || a.IsLoopback() || a.IsMulticast() {
		return nil, fmt.Errorf("the server has granted %s, which is no address for an interface", ack.YourIPAddr)
	}
	mask := ack.SubnetMask()
	if mask == nil {
		mask = ack.YourIPAddr.DefaultMask()
	}
	bits, size := mask.Size()
	if size != 32 {
		return nil, fmt.Errorf("the server says that the network mask is %s", mask)
	}
	g := &Granted{Address: netip.PrefixFrom(a, bits), Seconds: int64(ack.IPAddressLeaseTime(time.Hour) / time.Second)}
	if g.Seconds < 1 { // which the kernel would take for ever
		return nil, fmt.Errorf("the server has granted %s for no time", g.Address)
	}
	g.Servers = addrs(ack.DNS())
	if s, ok := netip.AddrFromSlice(ack.ServerIdentifier().To4()); ok {
		g.Server = s
	}
	return g, nil
}

func addrs(all []net.IP) (list []netip.Addr) {
	for _, ip := range all {
		if a, ok := netip.AddrFromSlice(ip.To4()); ok && !a.IsUnspecified() {
			list = append(list, a)
		}
	}
	return list
}

// use gives the interface what was granted, and takes away what it had before.
func (c *client) use(ctx context.Context) error {
	g, err := c.granted()
	if err != nil {
		return err
	}
	left, err := c.note.addresses()
	if err != nil {
		return err
	}
	if err := c.note.move(ctx, g.Address.Addr(), c.About...); err != nil {
		if errors.Is(err, fault.Busy) {
			c.decline()
		}
		return err
	}
	if c.has != nil && c.has.Address != g.Address {
		c.drop()
	}
	if c.has == nil {
		c.sweep(left, g.Address.Addr())
	}
	life := int(min(g.Seconds, 1<<31-1))
	a := &netlink.Addr{IPNet: ipNet(g.Address), ValidLft: life, PreferedLft: life}
	if err := c.h.AddrReplace(c.link, a); err != nil {
		return failed("set", "address "+g.Address.String()+" of "+c.Interface, err)
	}
	if err := c.routes(g); err != nil {
		return err
	}
	if c.Resolv != "" && len(g.Servers) > 0 {
		if err := c.names(g); err != nil {
			return failed("write", "resolv.conf of the jail", err)
		}
	}
	c.has = g
	return nil
}

// routes sets the server's routes. If it names any by RFC 3442 its routers do not count.
func (c *client) routes(g *Granted) error {
	if !c.Default {
		return nil
	}
	set := func(to netip.Prefix, by net.IP) error {
		r := &netlink.Route{LinkIndex: c.link.Attrs().Index, Dst: ipNet(to), Protocol: unix.RTPROT_DHCP}
		if by != nil && !by.IsUnspecified() {
			r.Gw, r.Flags = by, int(netlink.FLAG_ONLINK)
		} else {
			r.Scope = netlink.SCOPE_LINK
		}
		return failed("set", fmt.Sprintf("route to %s by %s", to, by), c.h.RouteReplace(r))
	}
	if named := c.lease.ACK.ClasslessStaticRoute(); len(named) > 0 {
		for _, r := range named {
			if err := set(prefixOf(r.Dest), r.Router.To4()); err != nil {
				return err
			}
			g.Routers = append(g.Routers, addrs([]net.IP{r.Router})...)
		}
		return nil
	}
	for _, by := range addrs(c.lease.ACK.Router())[:min(1, len(c.lease.ACK.Router()))] {
		g.Routers = append(g.Routers, by)
		if err := set(netip.PrefixFrom(netip.IPv4Unspecified(), 0), by.AsSlice()); err != nil {
			return err
		}
	}
	return nil
}

// names writes the name servers where the jail has its resolv.conf from.
func (c *client) names(g *Granted) error {
	var b strings.Builder
	if domain := c.lease.ACK.DomainName(); domain != "" && !strings.ContainsAny(domain, "\r\n\x00") {
		b.WriteString("search " + domain + "\n")
	}
	for _, s := range g.Servers {
		b.WriteString("nameserver " + s.String() + "\n")
	}
	return writeInPlace(c.Resolv, b.String())
}

// drop takes the address away, and with it go its routes.
func (c *client) drop() {
	if c.has == nil {
		return
	}
	_ = c.h.AddrDel(c.link, &netlink.Addr{IPNet: ipNet(c.has.Address)}) // the kernel may have done it at its end
	c.has = nil
}

// sweep takes away addresses that an earlier client of this interface has noted and that are not the one granted now.
func (c *client) sweep(left []netip.Addr, but netip.Addr) {
	there, err := whole(func() ([]netlink.Addr, error) { return c.h.AddrList(c.link, netlink.FAMILY_V4) })
	if err != nil {
		return // they end by themselves
	}
	for _, a := range there {
		if is, ok := netip.AddrFromSlice(a.IP.To4()); ok && is != but && slices.Contains(left, is) {
			_ = c.h.AddrDel(c.link, &a) // as above
		}
	}
}

// keep renews the lease in time (RFC 2131, 4.4.5) until ctx is done. When it could not be renewed the address is
// taken away, and another one asked for.
func (c *client) keep(ctx context.Context) {
	for ctx.Err() == nil {
		began, ack := c.lease.CreationTime, c.lease.ACK
		life := ack.IPAddressLeaseTime(time.Hour)
		end := began.Add(life)
		// Whatever the server says, it is not asked all the time: it may be anybody who is on the bridge.
		if !pause(ctx, max(time.Until(began.Add(ack.IPAddressRenewalTime(life/2))), time.Second)) {
			return
		}
		err := c.extend(ctx, end)
		if err == nil || ctx.Err() != nil {
			continue
		}
		fmt.Fprintf(os.Stderr, "%s: %s is lost: %v\n", c.Interface, ack.YourIPAddr, err)
		c.drop()
		_ = c.note.move(ctx, netip.Addr{}) // the next address takes it along
		for pause(ctx, time.Second) {
			if err = c.ask(ctx); err == nil {
				err = c.use(ctx)
			}
			if err == nil {
				break
			}
			fmt.Fprintf(os.Stderr, "%s: %v\n", c.Interface, err)
			pause(ctx, 10*time.Second)
		}
	}
}

// extend tries until end to renew the lease.
func (c *client) extend(ctx context.Context, end time.Time) error {
	for {
		bound, cancel := context.WithDeadline(ctx, end)
		err := c.exchange(func(n *nclient4.Client, m ...dhcpv4.Modifier) (*nclient4.Lease, error) {
			return n.Renew(bound, c.lease, m...)
		})
		cancel()
		if err == nil {
			err = c.use(ctx)
		}
		left := time.Until(end)
		if err == nil || isNak(err) || left <= 0 {
			return err
		}
		if !pause(ctx, min(max(left/2, time.Second), left)) {
			return ctx.Err()
		}
	}
}

// giveBack tells the server that the address is not needed any more. There is no answer to that. It is sent from the
// address: without one it would be a packet from nowhere to somebody, which kernels drop.
func (c *client) giveBack() {
	if c.has == nil {
		return
	}
	n, err := nclient4.New(c.Interface, nclient4.WithUnicast(&net.UDPAddr{IP: c.has.Address.Addr().AsSlice(), Port: nclient4.ClientPort}))
	if err != nil {
		return // the interface is gone: the server will notice when the time is over
	}
	defer n.Close()
	_ = n.Release(c.lease)
}

// decline tells all servers that the address that one of them has granted is somebody else's.
func (c *client) decline() {
	m, err := dhcpv4.New(dhcpv4.WithMessageType(dhcpv4.MessageTypeDecline), dhcpv4.WithHwAddr(c.link.Attrs().HardwareAddr),
		dhcpv4.WithOption(dhcpv4.OptServerIdentifier(c.lease.ACK.ServerIdentifier())),
		dhcpv4.WithOption(dhcpv4.OptRequestedIPAddress(c.lease.ACK.YourIPAddr)))
	if err != nil {
		return
	}
	conn, err := nclient4.NewRawUDPConn(c.Interface, nclient4.ClientPort)
	if err != nil {
		return
	}
	defer conn.Close()
	_, _ = conn.WriteTo(m.ToBytes(), nclient4.DefaultServers)
}

// pause says whether the time is over and ctx is not.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
