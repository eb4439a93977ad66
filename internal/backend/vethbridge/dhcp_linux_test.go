package vethbridge_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/dhcpv4/server4"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/internal/backend/vethbridge"
	"github.com/libioc/ioc/network"
)

// lessor is a DHCP server on a bridge, and what it was told.
type lessor struct {
	heard chan *dhcpv4.DHCPv4 // requests and releases
	next  chan string         // the address to grant from now on; what asks for another is refused
	give  string
	more  []dhcpv4.Modifier // of every answer
}

// dhcpBridge makes a bridge as an administrator would, with a DHCP server on it.
func dhcpBridge(t *testing.T, name string, more ...dhcpv4.Modifier) *lessor {
	t.Helper()
	attrs := netlink.NewLinkAttrs()
	attrs.Name = name
	br := &netlink.Bridge{LinkAttrs: attrs}
	address, err := netlink.ParseAddr("10.55.0.1/24")
	if err == nil {
		err = netlink.LinkAdd(br)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = netlink.LinkDel(br) })
	if err := errors.Join(netlink.AddrAdd(br, address), netlink.LinkSetUp(br)); err != nil {
		t.Fatal(err)
	}
	l := &lessor{heard: make(chan *dhcpv4.DHCPv4, 100), next: make(chan string, 1), give: "10.55.0.9", more: more}
	s, err := server4.NewServer(name, &net.UDPAddr{Port: dhcpv4.ServerPort}, l.serve, server4.WithLogger(server4.DebugLogger{Printfer: log.New(io.Discard, "", 0)}))
	if err != nil {
		t.Fatal(err)
	}
	over := make(chan struct{})
	go func() { defer close(over); _ = s.Serve() }()
	t.Cleanup(func() { _ = s.Close(); <-over })
	return l
}

func (l *lessor) serve(conn net.PacketConn, _ net.Addr, m *dhcpv4.DHCPv4) {
	select {
	case l.give = <-l.next:
	default:
	}
	kind := dhcpv4.MessageTypeOffer
	switch m.MessageType() {
	case dhcpv4.MessageTypeDiscover:
	case dhcpv4.MessageTypeRequest:
		kind = dhcpv4.MessageTypeAck
		if wants := m.RequestedIPAddress(); wants != nil && wants.String() != l.give || wants == nil && m.ClientIPAddr.String() != l.give {
			kind = dhcpv4.MessageTypeNak
		}
		defer func() { l.heard <- m }()
	default:
		l.heard <- m
		return
	}
	self := net.IPv4(10, 55, 0, 1)
	answer, err := dhcpv4.NewReplyFromRequest(m, dhcpv4.WithMessageType(kind), dhcpv4.WithYourIP(net.ParseIP(l.give)), dhcpv4.WithServerIP(self),
		dhcpv4.WithOption(dhcpv4.OptServerIdentifier(self)), dhcpv4.WithNetmask(net.CIDRMask(24, 32)), dhcpv4.WithRouter(self),
		dhcpv4.WithDNS(net.IPv4(10, 55, 0, 53)), dhcpv4.WithOption(dhcpv4.OptDomainName("example.org")), dhcpv4.WithLeaseTime(4),
		dhcpv4.WithOption(dhcpv4.OptGeneric(dhcpv4.OptionRenewTimeValue, []byte{0, 0, 0, 1})))
	for _, change := range l.more {
		change(answer)
	}
	if err == nil {
		_, _ = conn.WriteTo(answer.ToBytes(), &net.UDPAddr{IP: net.IPv4bcast, Port: dhcpv4.ClientPort})
	}
}

// hears waits for a message.
func (l *lessor) hears(t *testing.T, what string, is func(*dhcpv4.DHCPv4) bool) *dhcpv4.DHCPv4 {
	t.Helper()
	over := time.NewTimer(30 * time.Second)
	defer over.Stop()
	for {
		select {
		case m := <-l.heard:
			if is(m) {
				return m
			}
		case <-over.C:
			t.Fatalf("the server did not hear %s", what)
		}
	}
}

func renews(address string) func(*dhcpv4.DHCPv4) bool {
	return func(m *dhcpv4.DHCPv4) bool {
		return m.MessageType() == dhcpv4.MessageTypeRequest && m.ClientIPAddr.String() == address
	}
}

func releases(m *dhcpv4.DHCPv4) bool { return m.MessageType() == dhcpv4.MessageTypeRelease }

// leased is a jail on a bridge with a DHCP server.
func leased(bridge string) network.Spec {
	return network.Spec{
		ID: "1a2b3c4d-web", Jail: "web", Hostname: "www", Resolver: network.Resolver{Path: "/etc/resolv.conf"},
		Interfaces: []network.Interface{{Name: "eth0", Bridge: bridge, DHCP: true}},
	}
}

// connected applies what connects a jail.
func connected(t *testing.T, d network.Driver, spec network.Spec, in network.Inside) (network.Plan, []events.Effect, error) {
	t.Helper()
	plan, err := d.Plan(t.Context(), spec, in)
	if err != nil {
		t.Fatal(err)
	}
	var done []events.Effect
	for _, e := range slices.Concat(plan.Before, plan.After) {
		done = append(done, e)
		if err := e.Do(t.Context()); err != nil {
			return plan, done, err
		}
	}
	return plan, done, nil
}

// undo undoes effects as another process would that has read them.
func undo(t *testing.T, done []events.Effect) {
	t.Helper()
	for _, e := range slices.Backward(done) {
		text, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		read := reflect.New(reflect.TypeOf(e).Elem()).Interface().(events.Effect) //nolint:forcetypeassert // of e's type
		if err := json.Unmarshal(text, read); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := read.Undo(context.Background()); err != nil {
				t.Errorf("undo %s: %v", e.EventType(), err)
			}
		}
	}
}

// sees gives addresses and default routes of a jail.
func sees(t *testing.T, in network.Inside) (addresses, routers []string) {
	t.Helper()
	stack, err := in(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer stack.File.Close()
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: it ends
		done <- func() error {
			if err := unix.Setns(int(stack.File.Fd()), unix.CLONE_NEWNET); err != nil {
				return err
			}
			h, err := netlink.NewHandle(unix.NETLINK_ROUTE)
			if err != nil {
				return err
			}
			defer h.Close()
			list, err := h.AddrList(nil, netlink.FAMILY_V4)
			for _, a := range list {
				addresses = append(addresses, a.IPNet.String())
			}
			routes, err2 := h.RouteList(nil, netlink.FAMILY_V4)
			for _, r := range routes {
				if ones, _ := r.Dst.Mask.Size(); ones == 0 {
					routers = append(routers, r.Gw.String())
				}
			}
			return errors.Join(err, err2)
		}()
	}()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	return addresses, routers
}

// clients lists the DHCP clients that note themselves below dir.
func clients(t *testing.T, dir string) []string {
	t.Helper()
	all, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, path := range all {
		text, err := os.ReadFile(path)
		if err == nil && strings.Contains(string(text), dir) {
			found = append(found, strings.ReplaceAll(string(text), "\x00", " "))
		}
	}
	return found
}

// TestDHCP has an address from a server, sees it renewed, and given back.
func TestDHCP(t *testing.T) {
	needsNetwork(t)
	dir, before := t.TempDir(), links(t)
	l := dhcpBridge(t, "dhcpbr")
	before = append(before, "dhcpbr")
	d, in := newDriver(dir), inside(t)
	if err := os.WriteFile(filepath.Join(dir, "resolv.conf"), []byte("nameserver 192.0.2.1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	plan, done, err := connected(t, d, leased("dhcpbr"), in)
	if err != nil {
		t.Fatal(err)
	}
	first := l.hears(t, "a request", func(m *dhcpv4.DHCPv4) bool { return m.MessageType() == dhcpv4.MessageTypeRequest })
	if first.HostName() != "www" {
		t.Errorf("the server was told that the host is called %q", first.HostName())
	}
	var got []netip.Prefix
	for _, e := range done {
		if c, ok := e.(network.Connected); ok {
			got = append(got, c.Addresses()...)
		}
	}
	if want := []netip.Prefix{netip.MustParsePrefix("10.55.0.9/24")}; !slices.Equal(got, want) {
		t.Errorf("addresses %v, want %v", got, want)
	}
	addresses, routers := sees(t, in)
	if !slices.Equal(addresses, []string{"10.55.0.9/24"}) || !slices.Equal(routers, []string{"10.55.0.1"}) {
		t.Errorf("the jail has %q and routers %q", addresses, routers)
	}
	for target, want := range map[string]string{"/etc/resolv.conf": "search example.org\nnameserver 10.55.0.53\n", "/etc/hosts": "10.55.0.9 web www\n"} {
		i := slices.IndexFunc(plan.Files, func(f network.File) bool { return f.Target == target })
		text, err := os.ReadFile(plan.Files[i].Source)
		if err != nil || !strings.HasSuffix(string(text), want) {
			t.Errorf("%s is %q, %v; want %q", target, text, err, want)
		}
	}
	for range 2 { // each time before a second is over: the server says so
		l.hears(t, "a renewal", renews("10.55.0.9"))
	}
	undo(t, done)
	l.hears(t, "that the address is given back", releases)
	if left := append(left(t, dir, before), clients(t, dir)...); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
}

// TestDHCPMoves refuses to renew an address, and wants the jail to have the next one, also for its neighbours.
func TestDHCPMoves(t *testing.T) {
	needsNetwork(t)
	dir := t.TempDir()
	l := dhcpBridge(t, "dhcpbr")
	in := inside(t)
	plan, done, err := connected(t, newDriver(dir), leased("dhcpbr"), in)
	if err != nil {
		t.Fatal(err)
	}
	l.next <- "10.55.0.77"
	l.hears(t, "a renewal of the next address", renews("10.55.0.77"))
	addresses, routers := sees(t, in)
	if !slices.Equal(addresses, []string{"10.55.0.77/24"}) || !slices.Equal(routers, []string{"10.55.0.1"}) {
		t.Errorf("the jail has %q and routers %q", addresses, routers)
	}
	i := slices.IndexFunc(plan.Files, func(f network.File) bool { return f.Target == "/etc/hosts" })
	if text, err := os.ReadFile(plan.Files[i].Source); err != nil || !strings.Contains(string(text), "10.55.0.77 web") || strings.Contains(string(text), "10.55.0.9 ") {
		t.Errorf("hosts is %q, %v", text, err)
	}
	undo(t, done)
	if left := clients(t, dir); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
}

// TestDHCPFails wants a start that gets no address to fail, to say why, and to leave nothing.
func TestDHCPFails(t *testing.T) {
	needsNetwork(t)
	dir, before := t.TempDir(), links(t)
	d := vethbridge.New(vethbridge.Options{
		Run: filepath.Join(dir, "run"), State: filepath.Join(dir, "state"), Boot: "0a1b2c3d", Group: "1a2b3c4d", Patience: 300 * time.Millisecond,
	})
	t.Run("nobody", func(t *testing.T) {
		_, done, err := connected(t, d, leased("nobodybr"), inside(t))
		if !errors.Is(err, fault.Timeout) || !strings.Contains(err.Error(), "no server has granted an address on bridge nobodybr within 300ms") {
			t.Errorf("got %v", err)
		}
		undo(t, done)
	})
	t.Run("taken", func(t *testing.T) { // by a jail that does not ask the server
		l := dhcpBridge(t, "dhcpbr")
		fixed := leased("dhcpbr")
		fixed.ID, fixed.Jail = "1a2b3c4d-db", "db"
		fixed.Interfaces[0].DHCP, fixed.Interfaces[0].Addresses = false, []netip.Prefix{netip.MustParsePrefix("10.55.0.9/24")}
		_, other, err := connected(t, newDriver(dir), fixed, inside(t))
		if err != nil {
			t.Fatal(err)
		}
		_, done, err := connected(t, newDriver(dir), leased("dhcpbr"), inside(t))
		if !errors.Is(err, fault.Busy) || !strings.Contains(err.Error(), "jail db has it") {
			t.Errorf("got %v", err)
		}
		l.hears(t, "that the address is refused", func(m *dhcpv4.DHCPv4) bool {
			return m.MessageType() == dhcpv4.MessageTypeDecline && m.RequestedIPAddress().String() == "10.55.0.9"
		})
		undo(t, done)
		undo(t, other)
	})
	t.Run("translated", func(t *testing.T) {
		spec := leased("nobodybr")
		spec.NAT = true
		if _, err := d.Plan(t.Context(), spec, inside(t)); !errors.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "known before the jail starts") {
			t.Errorf("got %v", err)
		}
	})
	if left := append(left(t, dir, before), clients(t, dir)...); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
}

// TestDHCPHostile has a server on the bridge that is not what it should be. It may be a jail.
func TestDHCPHostile(t *testing.T) {
	needsNetwork(t)
	dir, before := t.TempDir(), links(t)
	option := func(code dhcpv4.OptionCode, value string) dhcpv4.Modifier {
		return dhcpv4.WithOption(dhcpv4.OptGeneric(code, []byte(value)))
	}
	for _, tc := range []struct {
		name string
		more []dhcpv4.Modifier
		want string // of the error; empty: the jail gets an address, and nothing else of it
	}{
		{name: "no_time", more: []dhcpv4.Modifier{dhcpv4.WithLeaseTime(0)}, want: "for no time"},
		{name: "mask", more: []dhcpv4.Modifier{dhcpv4.WithNetmask(net.IPv4Mask(255, 0, 255, 0))}, want: "network mask"},
		{name: "domain", more: []dhcpv4.Modifier{dhcpv4.WithOption(dhcpv4.OptDomainName("x\nnameserver 192.0.2.66\n"))}},
		{name: "carriage_return", more: []dhcpv4.Modifier{dhcpv4.WithOption(dhcpv4.OptDomainName("x\rnameserver 192.0.2.66"))}},
		{name: "hostname", more: []dhcpv4.Modifier{dhcpv4.WithOption(dhcpv4.OptHostName("a\n192.0.2.66 db"))}},
		{name: "routes", more: []dhcpv4.Modifier{option(dhcpv4.OptionClasslessStaticRoute, "\x40\x01\x02")}},
		{name: "renewal", more: []dhcpv4.Modifier{option(dhcpv4.OptionRenewTimeValue, "\x00\x00\x00\x00"), option(dhcpv4.OptionRebindingTimeValue, "\x00")}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dhcpBridge(t, "dhcpbr", tc.more...)
			plan, done, err := connected(t, newDriver(dir), leased("dhcpbr"), inside(t))
			if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
			for _, f := range plan.Files {
				if text, err := os.ReadFile(f.Source); err == nil && strings.Contains(string(text), "192.0.2.66") {
					t.Errorf("%s says %q", f.Target, text)
				}
			}
			undo(t, done)
		})
	}
	if left := append(left(t, dir, before), clients(t, dir)...); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
}
