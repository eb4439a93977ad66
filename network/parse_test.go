package network_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/network"
)

func TestParse(t *testing.T) {
	interfaces := func(s string) (any, error) { return network.ParseInterfaces(s) }
	four := func(s string) (any, error) { return network.ParseAddresses(s, false) }
	six := func(s string) (any, error) { return network.ParseAddresses(s, true) }
	router := func(s string) (any, error) { return network.ParseRouter(s, false) }
	router6 := func(s string) (any, error) { return network.ParseRouter(s, true) }
	forwards := func(s string) (any, error) { return network.ParseForwards(s) }
	resolver := func(s string) (any, error) { return network.ParseResolver(s) }
	macs := func(s string) (any, error) {
		a, b, err := network.ParseMACs(s)
		return []string{a, b}, err
	}
	for _, c := range []struct {
		name  string
		parse func(string) (any, error)
		text  string
		want  string // or what the error says
	}{
		{"interface", interfaces, "eth0:bridge0", "[{eth0 bridge0 false [] false false false false    0}]"},
		{"apart", interfaces, "eth0::br0,eth1:br1", "[{eth0 br0 true [] false false false false    0} {eth1 br1 false [] false false false false    0}]"},
		{"no_bridge", interfaces, "eth0", `"eth0" is not NIC:BRIDGE`},
		{"same_interface", interfaces, "eth0:a eth0:b", "there are two interfaces eth0"},
		{"loopback", interfaces, "lo:a", `"lo" cannot be the name`},
		{"long_name", interfaces, "eth0:sixteen-letters-", "cannot be the name"},
		{"address", four, "eth0|10.0.0.2/24,eth1|dhcp", "[{eth0 10.0.0.2/24 } {eth1 invalid Prefix dhcp}]"},
		{"auto", four, "AUTO", "[{ invalid Prefix auto}]"},
		{"no_prefix", four, "eth0|10.0.0.2", "has no prefix length"},
		{"network", four, "eth0|10.0.0.0/24", "the network's own address"},
		{"broadcast", four, "eth0|10.0.0.255/24", "the network's own address"},
		{"point_to_point", four, "eth0|10.0.0.0/31", "[{eth0 10.0.0.0/31 }]"},
		{"six_in_four", four, "eth0|fd00::2/64", "of the other kind"},
		{"address6", six, "eth0|fd00::2/64 eth0|accept_rtadv", "[{eth0 fd00::2/64 } {eth0 invalid Prefix accept_rtadv}]"},
		{"four_in_six", six, "eth0|10.0.0.2/24", "of the other kind"},
		{"dhcp6", six, "eth0|dhcp", "neither an address"},
		{"group", four, "eth0|224.0.0.1/24", "no address for an interface"},
		{"router", router, "10.0.0.1@eth0", "{10.0.0.1 eth0}"},
		{"router6", router6, "fe80::1%eth0", "{fe80::1 eth0}"},
		{"router_nowhere", router6, "fe80::1", "is on every link"},
		{"router_other", router, "fd00::1", "of the other kind"},
		{"forward", forwards, "tcp(80:8080),tcp/udp(53)", "[{tcp 8080 80} {tcp 53 53} {udp 53 53}]"},
		{"forward_twice", forwards, "tcp(80:8080),tcp(81:8080)", "would lead to two ports"},
		{"forward_bad", forwards, "tcp(0)", `"0" is not a port`},
		{"forward_protocol", forwards, "icmp(1)", "tcp or udp"},
		{"forward_form", forwards, "80:8080", "is not tcp(JAIL:HOST)"},
		{"resolver_file", resolver, "/etc/resolv.conf", "{/etc/resolv.conf []}"},
		{"resolver_servers", resolver, "9.9.9.9; nameserver ::1", "{ [9.9.9.9 ::1]}"},
		{"resolver_none", resolver, "/dev/null", "{ []}"},
		{"resolver_bad", resolver, "somewhere", "neither a path nor the address"},
		{"mac", macs, "02:ff:60:00:00:01", "[02:ff:60:00:00:01 ]"},
		{"macs", macs, "02ff60000001 02ff60000002", "[02:ff:60:00:00:01 02:ff:60:00:00:02]"},
		{"macs_alike", macs, "02ff60000001,02ff60000001", "cannot be both"},
		{"mac_group", macs, "01:00:5e:00:00:01", "stands for a group"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := c.parse(c.text)
			if err != nil {
				got = err
			}
			if text := fmt.Sprint(got); text != c.want && (err == nil || !strings.Contains(text, c.want)) {
				t.Errorf("%q: got %s, want %s", c.text, text, c.want)
			}
		})
	}
}

func TestCheck(t *testing.T) {
	for property, value := range map[string]string{
		"interfaces": "x", "ip4_addr": "eth0|1", "ip6_addr": "eth0|1", "defaultrouter": "x", "defaultrouter6": "x",
		"nat_forwards": "x", "resolver": "x", "mac_prefix": "x", "eth0_mac": "x",
	} {
		if err := network.Check(property, value); !errors.Is(err, fault.Invalid) {
			t.Errorf("%s=%s: %v, want fault.Invalid", property, value, err)
		}
	}
	if err := network.Check("user.my_mac", "x"); err != nil {
		t.Error(err)
	}
}

// FuzzCheck wants no text to be too much.
func FuzzCheck(f *testing.F) {
	f.Add("ip4_addr", "eth0|10.0.0.2/24")
	f.Add("nat_forwards", "tcp(80:8080)")
	f.Fuzz(func(_ *testing.T, property, value string) { _ = network.Check(property, value) })
}
