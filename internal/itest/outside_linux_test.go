package itest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/libioc/ioc"
	"github.com/libioc/ioc/events/eventstest"
	"github.com/libioc/ioc/fault"
)

// outside is another machine, as far as the kernel knows: a network namespace that is connected with that of the tests and
// has no route to any jail.
type outside struct{ ns *os.File }

// away does something on a thread of its own, which does not outlive it. The first thread of the process would.
func away(do func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		if unix.Gettid() == unix.Getpid() {
			defer runtime.UnlockOSThread()
			done <- away(do)
			return
		}
		done <- do()
	}()
	return <-done
}

func (o *outside) do(do func() error) error {
	return away(func() error {
		if err := unix.Setns(int(o.ns.Fd()), unix.CLONE_NEWNET); err != nil {
			return err
		}
		return do()
	})
}

func newOutside(t *testing.T) *outside {
	t.Helper()
	o := &outside{}
	err := away(func() (err error) {
		if err = unix.Unshare(unix.CLONE_NEWNET); err == nil {
			o.ns, err = os.Open("/proc/thread-self/ns/net")
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = o.ns.Close() })
	o.connect(t, "uplink", []string{"198.51.100.1/24", "fd00:51::1/64"}, []string{"198.51.100.2/24", "fd00:51::2/64"})
	return o
}

// connect gives the host an interface to the machine, with addresses of both.
func (o *outside) connect(t *testing.T, name string, ours, theirs []string) {
	t.Helper()
	veth := netlink.NewVeth(netlink.LinkAttrs{Name: name, TxQLen: -1})
	veth.PeerName, veth.PeerNamespace = "to"+name, netlink.NsFd(o.ns.Fd())
	if err := netlink.LinkAdd(veth); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = netlink.LinkDel(veth) })
	if err := errors.Join(configure(name, ours...), o.do(func() error { return configure("to"+name, theirs...) })); err != nil {
		t.Fatal(err)
	}
}

func configure(name string, addresses ...string) error {
	link, err := netlink.LinkByName(name)
	if err != nil {
		return err
	}
	for _, text := range addresses {
		a, err := netlink.ParseAddr(text)
		if err != nil {
			return err
		}
		a.Flags = unix.IFA_F_NODAD
		if err := netlink.AddrAdd(link, a); err != nil {
			return err
		}
	}
	return netlink.LinkSetUp(link)
}

// serve answers HTTP outside, with the address of who asks.
func (o *outside) serve(t *testing.T) {
	t.Helper()
	var four, six net.Listener
	err := o.do(func() (err error) {
		if four, err = net.Listen("tcp4", ":80"); err == nil {
			six, err = net.Listen("tcp6", ":80")
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, _ := net.SplitHostPort(r.RemoteAddr)
		_, _ = io.WriteString(w, host)
	})}
	go func() { _ = s.Serve(four) }()
	go func() { _ = s.Serve(six) }()
	t.Cleanup(func() { _ = s.Close() })
}

// get asks from outside, or from the host, each time by a new connection.
func get(where *outside, address, path string) (string, error) {
	transport := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (c net.Conn, err error) {
		dial := func() error {
			c, err = (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, "tcp", address)
			return err
		}
		if where == nil {
			return c, dial()
		}
		// The socket is made by the thread that dials, so that one address is dialled and nothing is looked up.
		return c, where.do(dial)
	}}
	r, err := (&http.Client{Transport: transport, Timeout: 20 * time.Second}).Get("http://" + address + path)
	if err != nil {
		return "", err
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	return string(text), err
}

// tables lists the tables of nftables in this network namespace.
func tables(t testing.TB) string {
	t.Helper()
	c, err := nftables.New()
	if err != nil {
		t.Fatal(err)
	}
	all, err := c.ListTables()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, table := range all {
		chains, err := c.ListChainsOfTableFamily(table.Family)
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, table.Name)
		for _, ch := range chains {
			if ch.Table.Name == table.Name {
				names = append(names, "  "+ch.Name)
			}
		}
	}
	return strings.Join(names, "\n")
}

// passing is what decides what the host passes on.
type passing struct{ rules, switches string }

func passingOn(t testing.TB) passing {
	t.Helper()
	return passing{tables(t), forwarding(t)}
}

// wanted says what is not as it was.
func (p passing) wanted(t testing.TB) {
	t.Helper()
	if now := tables(t); now != p.rules {
		t.Errorf("rules are left:\n%s, before\n%s", now, p.rules)
	}
	if now := forwarding(t); now != p.switches {
		t.Errorf("the host's switches say %q, before %q", now, p.switches)
	}
}

func forwarding(t testing.TB) string {
	t.Helper()
	four, err := os.ReadFile("/proc/sys/net/ipv4/ip_forward")
	six, err2 := os.ReadFile("/proc/sys/net/ipv6/conf/all/forwarding")
	if err = errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	return string(four) + string(six)
}

const serves = "httpd -p 80 -h /etc >/dev/null 2>&1 & until wget -q -O /dev/null http://127.0.0.1/hosts; do sleep 0.05; done"

// TestNetworkTranslated lets jails reach another machine that does not know them, and that machine a web server in one.
func TestNetworkTranslated(t *testing.T) {
	n := network(t)
	o := newOutside(t)
	o.serve(t)
	links, before := linksOf(t), passingOn(t)
	bridge := n.bridgeName()
	n.create("web", "vnet=yes", "interfaces=eth0:"+bridge, "ip4_addr=auto", "ip6_addr=auto", "nat=yes", "nat_forwards=tcp(80:8080)", "exec_start="+serves)
	n.create("simple", "vnet=yes", "interfaces=eth0:"+bridge, "nat=yes")
	world := look(t, n.root)
	n.start("web")
	n.start("simple")
	for _, c := range []struct{ jail, address, as string }{
		{"web", "198.51.100.2", "198.51.100.1"},
		{"web", "[fd00:51::2]", "fd00:51::1"},
		{"simple", "198.51.100.2", "198.51.100.1"},
	} {
		if text := n.reaches(c.jail, "wget", "-q", "-O", "-", "http://"+c.address+"/"); text != c.as {
			t.Errorf("%s asked %s as %q, want %s", c.jail, c.address, text, c.as)
		}
	}
	for _, c := range []struct {
		name    string
		where   *outside
		address string
	}{
		{"outside", o, "198.51.100.1:8080"},
		{"outside_6", o, "[fd00:51::1]:8080"},
		{"host", nil, "198.51.100.1:8080"},
	} {
		if text, err := get(c.where, c.address, "/hosts"); err != nil || !strings.Contains(text, " web") {
			t.Errorf("%s: got %q, %v", c.name, text, err)
		}
	}
	// A neighbour asks the host, and the jail itself does.
	for _, jail := range []string{"simple", "web"} {
		if text := n.reaches(jail, "wget", "-q", "-O", "-", "http://198.51.100.1:8080/hosts"); !strings.Contains(text, " web") {
			t.Errorf("%s asked the host's port: %q", jail, text)
		}
	}
	t.Run("port_taken", func(t *testing.T) {
		before := tables(t)
		n.create("other", "vnet=yes", "nat=yes", "nat_forwards=tcp(81:8080)")
		if _, err := eventstest.Verify(t, n.JailGenerator("other").Start()); !errors.Is(err, fault.Busy) || !strings.Contains(err.Error(), "leads to jail web") {
			t.Errorf("a second jail with the same port: %v", err)
		}
		if now := tables(t); now != before {
			t.Errorf("rules\n%s, before\n%s", now, before)
		}
		if err := n.Jail("other").Destroy(t.Context(), ioc.DestroyOptions{}); err != nil {
			t.Error(err)
		}
	})
	n.stop("web")
	if text, err := get(o, "198.51.100.1:8080", "/hosts"); err == nil {
		t.Errorf("the port of a stopped jail answers %q", text)
	}
	n.reaches("simple", "wget", "-q", "-O", "-", "http://198.51.100.2/") // the other's rules went without this one's
	n.stop("simple")
	if now := linksOf(t); now != links {
		t.Errorf("interfaces are left:\n%s, before\n%s", now, links)
	}
	before.wanted(t)
	same(t, n.root, world)
}

// TestNetworkOpensNothing has the host between two networks, to which it is no router: it becomes none for a jail's sake, and
// other machines that send it what is for the jail reach nothing but the ports that lead there.
func TestNetworkOpensNothing(t *testing.T) {
	n := network(t)
	o := newOutside(t)
	o.serve(t)
	far := &outside{}
	if err := away(func() (err error) {
		if err = unix.Unshare(unix.CLONE_NEWNET); err == nil {
			far.ns, err = os.Open("/proc/thread-self/ns/net")
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	defer far.ns.Close()
	far.connect(t, "uplink2", []string{"203.0.113.1/24", "fd00:52::1/64"}, []string{"203.0.113.2/24", "fd00:52::2/64"})
	for _, m := range []struct {
		where *outside
		by    []string
	}{{o, []string{"198.51.100.1", "fd00:51::1"}}, {far, []string{"203.0.113.1", "fd00:52::1"}}} {
		if err := m.where.do(func() error {
			for _, by := range m.by {
				if err := netlink.RouteAdd(&netlink.Route{Gw: net.ParseIP(by)}); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	before := passingOn(t)
	n.create("web", "vnet=yes", "interfaces=eth0:"+n.bridgeName(), "ip4_addr=auto", "ip6_addr=auto", "nat=yes", "nat_forwards=tcp(80:8080)", "exec_start="+serves)
	n.start("web")
	info, err := n.Jail("web").Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	reached := []string{"203.0.113.1:8080", "[fd00:52::1]:8080"}
	missed := []string{"198.51.100.2:80", "[fd00:51::2]:80"}
	for _, a := range info.Addresses {
		missed = append(missed, netip.AddrPortFrom(a.Addr(), 80).String())
	}
	for _, address := range reached {
		if text, err := get(far, address, "/hosts"); err != nil || !strings.Contains(text, " web") {
			t.Errorf("%s: got %q, %v", address, text, err)
		}
	}
	for _, address := range missed {
		if text, err := get(far, address, "/hosts"); err == nil {
			t.Errorf("%s: got %q", address, text)
		}
	}
	for _, address := range []string{"198.51.100.2", "[fd00:51::2]"} {
		n.reaches("web", "wget", "-q", "-O", "-", "http://"+address+"/")
	}
	n.stop("web")
	before.wanted(t)
}

// TestNetworkSwitchKilled kills starts that switch passing on on, and off again: the host's switches and rules are as before.
func TestNetworkSwitchKilled(t *testing.T) {
	n := network(t)
	n.create("web", "vnet=yes", "interfaces=eth0:"+n.bridgeName(), "ip4_addr=auto", "ip6_addr=auto", "nat=yes")
	world, before := look(t, n.root), passingOn(t)
	for _, tc := range []struct{ do, die string }{
		{"start", "journaled-network.forwarding"},
		{"start", "done-network.forwarding"},
		{"start", "done-network.translate"},
		{"start", "committed-jail.start"},
		{"stop", "undone-network.forwarding"},
	} {
		t.Run(tc.die, func(t *testing.T) {
			if tc.do == "stop" {
				(&networked{n.Host, t, n.root}).start("web")
			}
			if _, a, err := (task{Root: n.root, Jail: "web", Do: []string{tc.do}, Die: tc.die}).run(t.Context(), t.TempDir()); err != nil || a.Error != "signal: killed" {
				t.Fatalf("%v, %v", a, err)
			}
			task{Root: n.root, Jail: "web", Do: []string{"recover", "stop"}}.must(t)
			same(t, n.root, world)
			before.wanted(t)
		})
	}
}

// TestNetworkApart keeps one jail from the others on its bridge, and not from the host.
func TestNetworkApart(t *testing.T) {
	n := network(t)
	rules, bridge := tables(t), n.bridgeName()
	for name, colons := range map[string]string{"alone": "::", "alone-2": "::", "web": ":", "db": ":"} {
		n.create(name, "vnet=yes", "interfaces=eth0"+colons+bridge, "ip4_addr=auto", "ip6_addr=auto")
		n.start(name)
	}
	for _, c := range []struct {
		from, to string
		reached  bool
	}{
		{"web", "db", true},
		{"web", "alone", false},
		{"alone", "web", false},
		{"alone", "alone-2", false},
	} {
		info, err := n.Jail(c.to).Info(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range info.Addresses {
			args := []string{"ping", "-c", "1", "-W", "1", a.Addr().String()}
			if c.reached {
				n.reaches(c.from, args...)
			} else {
				n.misses(c.from, args...)
			}
		}
	}
	link, err := netlink.LinkByName(bridge)
	if err != nil {
		t.Fatal(err)
	}
	addresses, err := netlink.AddrList(link, netlink.FAMILY_V4)
	if err != nil || len(addresses) != 1 {
		t.Fatalf("addresses of the bridge: %v, %v", addresses, err)
	}
	n.reaches("alone", "ping", "-c", "1", "-W", "5", addresses[0].IP.String())
	for _, name := range []string{"alone", "alone-2", "web", "db"} {
		n.stop(name)
	}
	if now := tables(t); now != rules {
		t.Errorf("rules are left:\n%s, before\n%s", now, rules)
	}
}

// TestNetworkApartPastTheHost lets jails send what is for a neighbour to the host, which passes packets on: who is kept apart
// is reached by nobody, and reaches nobody, that way either. A jail's root can send such frames itself.
func TestNetworkApartPastTheHost(t *testing.T) {
	n := network(t)
	bridge := n.bridgeName()
	n.create("alone", "vnet=yes", "interfaces=eth0::"+bridge, "ip4_addr=auto", "ip6_addr=auto", "nat=yes")
	n.create("web", "vnet=yes", "interfaces=eth0:"+bridge, "ip4_addr=auto", "ip6_addr=auto")
	rules := tables(t)
	n.create("far", "vnet=yes", "interfaces=eth0:"+strings.Replace(bridge, "br", "bf", 1), "ip4_addr=auto")
	o := newOutside(t)
	o.serve(t)
	n.start("alone")
	n.start("web")
	n.start("far")
	n.reaches("alone", "wget", "-q", "-O", "-", "http://198.51.100.2/")
	for _, c := range []struct {
		from, to string
		reached  bool
	}{{"far", "alone", false}, {"alone", "far", false}, {"far", "web", true}, {"web", "far", true}} {
		info, err := n.Jail(c.to).Info(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if args := []string{"ping", "-c", "1", "-W", "1", info.Addresses[0].Addr().String()}; c.reached {
			n.reaches(c.from, args...)
		} else {
			n.misses(c.from, args...)
		}
	}
	link, err := netlink.LinkByName(bridge)
	if err != nil {
		t.Fatal(err)
	}
	routers, err := netlink.AddrList(link, netlink.FAMILY_ALL)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ from, to string }{{"alone", "web"}, {"web", "alone"}} {
		from, err := n.Jail(c.from).Info(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		to, err := n.Jail(c.to).Info(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range to.Addresses {
			router := slices.IndexFunc(routers, func(r netlink.Addr) bool {
				return (r.IP.To4() != nil) == a.Addr().Is4() && !r.IP.IsLinkLocalUnicast()
			})
			if err := inStack(from.Sandbox.PID, func() error {
				nic, err := netlink.LinkByName("eth0")
				if err != nil {
					return err
				}
				return netlink.RouteReplace(&netlink.Route{
					LinkIndex: nic.Attrs().Index, Gw: routers[router].IP,
					Dst: &net.IPNet{IP: a.Addr().AsSlice(), Mask: net.CIDRMask(a.Addr().BitLen(), a.Addr().BitLen())},
				})
			}); err != nil {
				t.Fatal(err)
			}
			n.misses(c.from, "ping", "-c", "1", "-W", "1", a.Addr().String())
		}
	}
	n.stop("alone")
	n.stop("web")
	n.stop("far")
	if now := tables(t); now != rules {
		t.Errorf("rules are left:\n%s, before\n%s", now, rules)
	}
}

// inStack does something in the network stack of a process.
func inStack(pid int, do func() error) error {
	ns, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", pid))
	if err != nil {
		return err
	}
	defer ns.Close()
	return (&outside{ns}).do(do)
}
