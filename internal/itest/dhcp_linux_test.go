package itest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/libioc/ioc"
	"github.com/libioc/ioc/doctor"
	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/events/eventstest"
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

// client is the process that renews the address of a jail's interface, or is noted as that.
func client(root, jail string) (pid int, err error) {
	all, err := filepath.Glob(filepath.Join(root, "run", "links", "*-"+jail+".*.*"))
	for _, file := range all {
		if strings.HasSuffix(file, ".log") {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return 0, err
		}
		var now int
		if _, err := fmt.Sscan(string(text), &now); err != nil {
			return 0, err
		}
		if pid = now; alive(pid) {
			break
		}
	}
	if pid == 0 && err == nil {
		err = fmt.Errorf("no client is noted in %s", root)
	}
	return pid, err
}

// alive is not true of one whose parent has not asked yet how it ended.
func alive(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !bytes.Contains(text, []byte(") Z "))
}

// loses kills the process that renews the address of the jail, and returns when it is gone.
func loses(h *ioc.Host) error {
	pid, err := client(h.Root(), "web")
	if err != nil {
		return err
	}
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if err := unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0); err != nil {
		return err
	}
	_, err = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 30_000)
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

// TestNetworkDHCPClientDies kills the process that renews an address: a start of the jail, the monitor and the doctor start
// another one, and nobody else does.
func TestNetworkDHCPClientDies(t *testing.T) {
	n := network(t)
	serveDHCP(t)
	n.create("web", "vnet=yes", "interfaces=eth0:"+dhcpBridge, "ip4_addr=eth0|dhcp")
	world := look(t, n.root)
	n.start("web")
	starts := func() error {
		_, err := n.JailGenerator("web").Start().Do(t.Context())
		return err
	}
	for _, tc := range []struct {
		name string
		mend func() error
	}{
		{"start", starts},
		{"monitor", func() error {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			for ev, err := range n.Monitor(ctx, ioc.MonitorOptions{}) {
				if err != nil || ev.Type() == "jail.attend" && ev.Phase == events.End {
					return errors.Join(err, ev.Err)
				}
			}
			return ctx.Err()
		}},
		{"doctor", func() error {
			found := n.Examine(t.Context())
			if !slices.ContainsFunc(found, func(f doctor.Finding) bool { return f.Kind == "jail.unattended" && f.Subject == "web" }) {
				t.Errorf("found %v", found)
			}
			_, err := n.Mend().Do(t.Context())
			return err
		}},
	} {
		if err := loses(n.Host); err != nil {
			t.Fatal(err)
		}
		if err := tc.mend(); err != nil {
			t.Errorf("%s: %v", tc.name, err)
		}
		pid, err := client(n.root, "web")
		if err != nil || !alive(pid) {
			t.Errorf("%s: the client is still gone (%v)", tc.name, err)
		}
		if evs, _, err := eventstest.Record(t, n.JailGenerator("web").Start()); err != nil || len(evs) != 2 {
			t.Errorf("%s: another start did something: %v\n%s", tc.name, err, eventstest.Outline(evs))
		}
		if text := n.reaches("web", "ip", "addr", "show", "eth0"); strings.Count(text, "inet 10.77.") != 1 {
			t.Errorf("%s: addresses %s", tc.name, text)
		}
		n.reaches("web", "ping", "-c", "1", "-W", "5", "10.77.0.1")
		for _, f := range n.Examine(t.Context()) {
			if f.Class != doctor.Advice {
				t.Errorf("%s: found %v", tc.name, f)
			}
		}
	}
	n.stop("web")
	same(t, n.root, world)
}
