package itest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"

	"github.com/libioc/ioc"
	"github.com/libioc/ioc/events/eventstest"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/release/embedded"
	"github.com/libioc/ioc/sandbox"
)

// networked is a host with the release that comes with ioc, whose programs can speak to each other.
type networked struct {
	*ioc.Host
	t    testing.TB
	root string
}

func network(t testing.TB) *networked {
	t.Helper()
	needsJails(t)
	if ordinary() {
		t.Skip("interfaces of the host: needs root")
	}
	return anyNetwork(t)
}

// anyNetwork is the same for whoever runs the tests.
func anyNetwork(t testing.TB) *networked {
	t.Helper()
	if err := embedded.Available(); err != nil {
		t.Skip(err)
	}
	root := place(t, brought)
	h, err := open(filepath.Dir(root))
	if err != nil {
		t.Fatal(err)
	}
	return &networked{h, t, root}
}

// create makes a jail with properties, written as on the command line.
func (n *networked) create(name string, properties ...string) {
	n.t.Helper()
	set := map[string]string{"stop_timeout": "5"}
	for _, p := range properties {
		key, value, _ := strings.Cut(p, "=")
		set[key] = value
	}
	if _, err := eventstest.Verify(n.t, n.JailGenerator(name).Create(ioc.CreateOptions{Properties: set})); err != nil {
		n.t.Fatal(err)
	}
}

func (n *networked) start(name string) {
	n.t.Helper()
	if _, err := eventstest.Verify(n.t, n.JailGenerator(name).Start()); err != nil {
		n.t.Fatalf("start %s: %v", name, err)
	}
}

func (n *networked) stop(name string) {
	n.t.Helper()
	if _, err := eventstest.Verify(n.t, n.JailGenerator(name).Stop(ioc.StopOptions{})); err != nil {
		n.t.Fatalf("stop %s: %v", name, err)
	}
}

// exec runs a command and gives what it said, and how it ended.
func (n *networked) exec(name string, args ...string) (string, int) {
	n.t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		n.t.Fatal(err)
	}
	said := make(chan string, 1)
	go func() {
		var b bytes.Buffer
		_, _ = io.Copy(&b, r) // what was said so far is shown
		said <- b.String()
	}()
	exit, err := n.Jail(name).Exec(context.Background(), ioc.ExecOptions{
		Process: sandbox.Process{Args: args}, Stdio: sandbox.Stdio{Out: w, Err: w},
	})
	err = errors.Join(err, w.Close())
	text := <-said
	if err = errors.Join(err, r.Close()); err != nil {
		n.t.Fatalf("exec %s %q: %v %s", name, args, err, text)
	}
	return text, exit.Status()
}

// reaches wants a command to succeed.
func (n *networked) reaches(name string, args ...string) string {
	n.t.Helper()
	text, status := n.exec(name, args...)
	if status != 0 {
		n.t.Errorf("%s: %q ended with %d: %s", name, args, status, text)
	}
	return text
}

// misses wants a command to fail.
func (n *networked) misses(name string, args ...string) {
	n.t.Helper()
	if text, status := n.exec(name, args...); status == 0 {
		n.t.Errorf("%s: %q succeeded: %s", name, args, text)
	}
}

// bridgeName is one that no other test has.
func (n *networked) bridgeName() string {
	id, err := rootID(n.root)
	if err != nil {
		n.t.Fatal(err)
	}
	return "br" + id
}

// linksOf lists the interfaces of this network namespace, with their bridges and addresses.
func linksOf(t testing.TB) string {
	t.Helper()
	all, err := listLinks()
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, l := range all {
		addresses, err := listAddresses(l)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%s %s in %d", l.Attrs().Name, l.Type(), l.Attrs().MasterIndex)
		for _, a := range addresses {
			if a.IP.IsLinkLocalUnicast() { // the kernel makes them when it has time
				continue
			}
			fmt.Fprintf(&b, " %s", a.IPNet)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// TestNetworkBridge lets two jails and the host speak to each other over a bridge that comes with the first and goes
// with the last, by numbers and by names, over IPv4 and IPv6.
func TestNetworkBridge(t *testing.T) {
	n := network(t)
	before, world := linksOf(t), ""
	bridge := n.bridgeName()
	n.create("one", "vnet=yes", "interfaces=eth0:"+bridge, "ip4_addr=eth0|10.99.0.2/24", "ip6_addr=eth0|fd00:99::2/64",
		"defaultrouter=10.99.0.1", "defaultrouter6=fd00:99::1", "eth0_mac=02:ff:60:00:00:07", "eth0_mtu=1400")
	n.create("two", "vnet=yes", "interfaces=eth0:"+bridge, "ip4_addr=eth0|auto", "ip6_addr=eth0|auto", "host_hostname=www", "resolver=192.0.2.53;2001:db8::53")
	world = look(t, n.root)
	n.start("one")
	n.start("two")
	for _, args := range [][]string{
		{"one", "ping", "-c", "1", "-W", "5", "10.99.0.1"}, // the host
		{"one", "ping", "-c", "1", "-W", "5", "fd00:99::1"},
		{"two", "ping", "-c", "1", "-W", "5", "10.99.0.2"},
		{"two", "ping", "-c", "1", "-W", "5", "fd00:99::2"},
		{"two", "ping", "-c", "1", "-W", "5", "one"},
		{"one", "ping", "-c", "1", "-W", "5", "two"}, // one was started first: its hosts file has been written anew
		{"one", "ping", "-c", "1", "-W", "5", "www"},
	} {
		n.reaches(args[0], args[1:]...)
	}
	if text := n.reaches("one", "ip", "link"); !strings.Contains(text, "02:ff:60:00:00:07") || !strings.Contains(text, "mtu 1400") {
		t.Errorf("ip link in the jail says %s", text)
	}
	if text := n.reaches("one", "ip", "route"); !strings.Contains(text, "default via 10.99.0.1") {
		t.Errorf("ip route in the jail says %s", text)
	}
	if text := n.reaches("two", "cat", "/etc/resolv.conf"); text != "nameserver 192.0.2.53\nnameserver 2001:db8::53\n" {
		t.Errorf("resolv.conf in the jail says %q", text)
	}
	info, err := n.Jail("two").Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(info.Addresses) != 2 {
		t.Errorf("addresses %v, want two", info.Addresses)
	}
	n.stop("one")
	if text := n.reaches("two", "cat", "/etc/hosts"); strings.Contains(text, "one") {
		t.Errorf("the jail that was stopped is still in the other's hosts file:\n%s", text)
	}
	n.reaches("two", "ping", "-c", "1", "-W", "5", "10.99.0.1") // the router that it was given stays as long as it is needed
	n.stop("two")
	if now := linksOf(t); now != before {
		t.Errorf("interfaces are left:\n%s, before\n%s", now, before)
	}
	same(t, n.root, world)
}

// TestNetworkSeveral has a jail on two bridges with several addresses on one of them, each interface with hardware addresses and a
// packet size of its own.
func TestNetworkSeveral(t *testing.T) {
	n := network(t)
	before, bridge := linksOf(t), n.bridgeName()
	other := bridge + "b"
	n.create("both", "vnet=yes", "interfaces=eth0:"+bridge+",eth1:"+other, "ip4_addr=eth0|10.95.0.2/24,eth0|10.96.0.2/24,eth1|auto",
		"ip6_addr=eth0|fd00:95::2/64,eth0|fd00:96::2/64,eth1|auto", "defaultrouter=10.96.0.1@eth0", "defaultrouter6=fd00:96::1",
		"eth0_mtu=1400", "eth1_mtu=1300", "eth1_mac=02ff60000011 02ff60000012", "mac_prefix=02abcd")
	n.create("left", "vnet=yes", "interfaces=eth0:"+bridge, "ip4_addr=eth0|10.95.0.3/24", "ip6_addr=eth0|fd00:96::3/64")
	n.create("right", "vnet=yes", "interfaces=eth0:"+other, "ip4_addr=auto", "ip6_addr=auto")
	world := look(t, n.root)
	for _, name := range []string{"both", "left", "right"} {
		n.start(name)
	}
	for _, args := range [][]string{
		{"left", "10.95.0.2"}, {"left", "fd00:96::2"}, {"right", "both"}, {"both", "left"}, {"both", "right"}, {"both", "10.96.0.1"}, {"both", "fd00:96::1"},
	} {
		n.reaches(args[0], "ping", "-c", "1", "-W", "5", args[1])
	}
	n.misses("left", "ping", "-c", "1", "-W", "1", "right")
	text := n.reaches("both", "ip", "link")
	for _, want := range []string{"mtu 1400", "mtu 1300", "02:ab:cd:", "02:ff:60:00:00:11"} {
		if !strings.Contains(text, want) {
			t.Errorf("ip link in the jail does not say %s: %s", want, text)
		}
	}
	if text := n.reaches("both", "ip", "route"); !strings.Contains(text, "default via 10.96.0.1") {
		t.Errorf("ip route in the jail says %s", text)
	}
	if text := n.reaches("both", "ip", "-6", "route"); !strings.Contains(text, "default via fd00:96::1") {
		t.Errorf("ip -6 route in the jail says %s", text)
	}
	all, err := listLinks()
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(all, func(l netlink.Link) bool { return l.Attrs().HardwareAddr.String() == "02:ff:60:00:00:12" }) {
		t.Error("the host's end does not have the address that it was given")
	}
	for _, name := range []string{"both", "left", "right"} {
		n.stop(name)
	}
	if now := linksOf(t); now != before {
		t.Errorf("interfaces are left:\n%s, before\n%s", now, before)
	}
	same(t, n.root, world)
}

// TestNetworkShared has a jail in the host's network stack, and one with nothing.
func TestNetworkShared(t *testing.T) {
	n := network(t)
	ours, err := os.Readlink("/proc/self/ns/net") // of the first thread, where no jail's network must ever be
	if err != nil {
		t.Fatal(err)
	}
	n.create("host", "vnet=no")
	n.create("none")
	n.start("host")
	n.start("none")
	if text := n.reaches("host", "readlink", "/proc/self/ns/net"); strings.TrimSpace(text) != ours {
		t.Errorf("vnet=no: the jail is in %s, the host in %s", text, ours)
	}
	if text := n.reaches("none", "readlink", "/proc/self/ns/net"); strings.TrimSpace(text) == ours {
		t.Error("a jail that was told nothing has the host's network stack")
	}
	n.stop("host")
	n.stop("none")
}

// TestNetworkFails wants a start that cannot have its network to fail, to say why, and to leave nothing.
func TestNetworkFails(t *testing.T) {
	n := network(t)
	before, bridge := linksOf(t), n.bridgeName()
	n.create("holder", "vnet=yes", "interfaces=eth0:"+bridge, "ip4_addr=eth0|10.98.0.2/24", "defaultrouter=10.98.0.1")
	n.start("holder")
	for name, c := range map[string]struct {
		properties []string
		kind       fault.Kind
		says       string
	}{
		"taken":    {[]string{"ip4_addr=eth0|10.98.0.2/24"}, fault.Busy, "jail holder has it"},
		"bridges":  {[]string{"ip4_addr=eth0|10.98.0.1/24"}, fault.Exists, "'s own"},
		"two":      {[]string{"ip4_addr=eth0|10.98.0.3/24,eth0|10.98.0.2/24"}, fault.Busy, "jail holder has it"},
		"router":   {[]string{"ip4_addr=eth0|10.98.0.3/24", "defaultrouter=192.0.2.1"}, fault.Invalid, "is in no interface's network"},
		"loopback": {[]string{"interfaces=eth0:lo"}, fault.Invalid, "cannot be the name"},
		"missing":  {[]string{"ip4_addr=eth1|10.98.0.3/24"}, fault.Invalid, "there is no interface eth1"},
		"bare":     {[]string{"vnet=none", "ip4_addr=eth0|10.98.0.3/24"}, fault.Invalid, "set vnet=yes"},
		"resolver": {[]string{"resolver=/nowhere"}, fault.NotFound, "/nowhere"},
	} {
		t.Run(name, func(t *testing.T) {
			world := linksOf(t)
			set := map[string]string{"vnet": "yes", "interfaces": "eth0:" + bridge}
			for _, p := range c.properties {
				key, value, _ := strings.Cut(p, "=")
				set[key] = value
			}
			err := n.Jail(name).Create(t.Context(), ioc.CreateOptions{Properties: set})
			if err == nil {
				_, err = eventstest.Verify(t, n.JailGenerator(name).Start())
			}
			if !errors.Is(err, c.kind) || !strings.Contains(err.Error()+strings.Join(fault.Remedies(err), " "), c.says) {
				t.Errorf("got %v, want %v and %q", err, c.kind, c.says)
			}
			if now := linksOf(t); now != world {
				t.Errorf("interfaces are left:\n%s, before\n%s", now, world)
			}
		})
	}
	n.stop("holder")
	if now := linksOf(t); now != before {
		t.Errorf("interfaces are left:\n%s, before\n%s", now, before)
	}
}

// TestNetworkFifty starts fifty jails at once and stops them, and wants each to have addresses of its own and nothing
// to be left.
func TestNetworkFifty(t *testing.T) {
	n := network(t)
	links, before := linksOf(t), passingOn(t)
	bridge, names := n.bridgeName(), make([]string, 50)
	for i := range names {
		names[i] = fmt.Sprintf("j%d", i)
	}
	all := n.JailsGenerator(names...)
	if _, err := eventstest.Verify(t, all.Create(ioc.CreateOptions{Properties: map[string]string{
		"vnet": "yes", "interfaces": "eth0:" + bridge, "ip4_addr": "auto", "ip6_addr": "auto", "nat": "yes", "stop_timeout": "5",
	}})); err != nil {
		t.Fatal(err)
	}
	world := look(t, n.root)
	if _, err := eventstest.Verify(t, all.Start(ioc.SeveralOptions{})); err != nil {
		t.Fatal(err)
	}
	seen := map[string]string{}
	for _, name := range names {
		info, err := n.Jail(name).Info(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(info.Addresses) != 2 {
			t.Errorf("%s has addresses %v, want two", name, info.Addresses)
		}
		for _, a := range info.Addresses {
			if other := seen[a.String()]; other != "" {
				t.Errorf("%s and %s have %s", name, other, a)
			}
			seen[a.String()] = name
		}
	}
	n.reaches("j0", "ping", "-c", "1", "-W", "5", "j49")
	n.reaches("j49", "ping", "-c", "1", "-W", "5", "j0")
	if _, err := eventstest.Verify(t, all.Stop(ioc.StopOptions{}, ioc.SeveralOptions{})); err != nil {
		t.Fatal(err)
	}
	if now := linksOf(t); now != links {
		t.Errorf("interfaces are left:\n%s, before\n%s", now, links)
	}
	before.wanted(t)
	same(t, n.root, world)
}
