package itest

import (
	"context"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/libioc/ioc"
)

// dhcpBridge is one that an administrator has made, with a DHCP server on it.
const dhcpBridge = "dhcpd0"

// serveDHCP has dnsmasq on a bridge as long as the test lasts. The first thing that it says is that it serves.
func serveDHCP(t testing.TB) {
	t.Helper()
	path, err := exec.LookPath("dnsmasq")
	if err != nil {
		t.Skip("dnsmasq is not installed")
	}
	attrs := netlink.NewLinkAttrs()
	attrs.Name = dhcpBridge
	br := &netlink.Bridge{LinkAttrs: attrs}
	if err := netlink.LinkAdd(br); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = netlink.LinkDel(br) })
	if err := configure(dhcpBridge, "10.77.0.1/16"); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cmd := exec.Command(path, "--keep-in-foreground", "--conf-file=/dev/null", "--port=0", "--interface="+dhcpBridge, "--bind-interfaces",
		"--dhcp-range=10.77.1.0,10.77.200.255,2m", "--no-ping", "--dhcp-authoritative", "--dhcp-option=option:dns-server,10.77.0.53", "--user=root",
		"--dhcp-leasefile="+filepath.Join(dir, "leases"), "--pid-file="+filepath.Join(dir, "pid"), "--log-facility="+filepath.Join(dir, "log"))
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = cmd.Process.Kill(), cmd.Wait() })
	for end := time.Now().Add(30 * time.Second); ; {
		if text, _ := os.ReadFile(filepath.Join(dir, "log")); strings.Contains(string(text), "DHCP, IP range") {
			return
		}
		if time.Now().After(end) {
			text, _ := os.ReadFile(filepath.Join(dir, "log"))
			t.Fatalf("dnsmasq does not serve: %s", text)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// asks gives the jail an interface that asks for its address.
func asks(h *ioc.Host) error {
	_, err := h.Jail("web").Set(context.Background(), map[string]string{"vnet": "yes", "interfaces": "eth0:" + dhcpBridge, "ip4_addr": "eth0|dhcp"})
	return err
}

// chosenFour is what the server chooses by the interface's hardware address.
var chosenFour = regexp.MustCompile(`\b10\.77\.\d+\.\d+`)

// TestNetworkDHCP lets two jails have their addresses from a server that knows nothing of them, and speak to each other.
func TestNetworkDHCP(t *testing.T) {
	n := network(t)
	serveDHCP(t)
	links, world := linksOf(t), ""
	for _, name := range []string{"one", "two"} {
		n.create(name, "vnet=yes", "interfaces=eth0:"+dhcpBridge, "ip4_addr=eth0|dhcp")
	}
	world = look(t, n.root)
	n.start("one")
	n.start("two")
	info, err := n.Jail("one").Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(info.Addresses) != 1 || !netip.MustParsePrefix("10.77.0.0/16").Contains(info.Addresses[0].Addr()) {
		t.Errorf("addresses %v, want one of 10.77.0.0/16", info.Addresses)
	}
	n.reaches("one", "ping", "-c", "1", "-W", "5", "10.77.0.1")
	n.reaches("one", "ping", "-c", "1", "-W", "5", "two")
	n.reaches("two", "ping", "-c", "1", "-W", "5", "one")
	if text := n.reaches("one", "ip", "route"); !strings.Contains(text, "default via 10.77.0.1") {
		t.Errorf("ip route in the jail says %s", text)
	}
	if text := n.reaches("one", "cat", "/etc/resolv.conf"); text != "nameserver 10.77.0.53\n" {
		t.Errorf("resolv.conf in the jail says %q", text)
	}
	n.stop("one")
	n.stop("two")
	if now := linksOf(t); now != links {
		t.Errorf("interfaces are left:\n%s, before\n%s", now, links)
	}
	same(t, n.root, world)
}
