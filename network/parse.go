package network

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/libioc/ioc/fault"
)

// What people write instead of an address.
const (
	wordAuto      = "auto"
	wordDHCP      = "dhcp"
	wordAdvertise = "accept_rtadv"
)

// words takes a list apart, as libioc and iocage write them.
func words(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' })
}

// checkLink says whether an interface or a bridge can be called so, by every tool. The kernel takes at most 15 bytes
// (IFNAMSIZ).
func checkLink(name string) error {
	bad := func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '_' && r != '.' && r != '-'
	}
	letter := name != "" && (name[0]|0x20) >= 'a' && (name[0]|0x20) <= 'z'
	if !letter || len(name) > 15 || strings.ContainsFunc(name, bad) || name == "lo" || name == "all" || name == "default" {
		return fmt.Errorf("%q cannot be the name of an interface", name)
	}
	return nil
}

// ParseInterfaces reads interfaces as libioc writes them: eth0:bridge0, with a second colon for one that is kept
// apart from others.
func ParseInterfaces(text string) ([]Interface, error) {
	var all []Interface
	for _, word := range words(text) {
		name, bridge, ok := strings.Cut(word, ":")
		if !ok {
			return nil, fmt.Errorf("%q is not NIC:BRIDGE", word)
		}
		i := Interface{Name: name}
		i.Bridge, i.Apart = strings.CutPrefix(bridge, ":")
		if err := errors.Join(checkLink(i.Name), checkLink(i.Bridge)); err != nil {
			return nil, err
		}
		if slices.ContainsFunc(all, func(o Interface) bool { return o.Name == i.Name }) {
			return nil, fmt.Errorf("there are two interfaces %s", i.Name)
		}
		all = append(all, i)
	}
	return all, nil
}

// Address is an address of an interface, or how it gets one.
type Address struct {
	Interface string
	Prefix    netip.Prefix // invalid: Word says how
	Word      string       // "auto", "dhcp" or "accept_rtadv"
}

// ParseAddresses reads addresses of IPv4 or IPv6 as libioc writes them: eth0|10.0.0.2/24, eth0|dhcp. A word
// without an interface is for the first one, whose name is in the result empty.
func ParseAddresses(text string, six bool) ([]Address, error) {
	var all []Address
	for _, word := range words(text) {
		nic, address, ok := strings.Cut(word, "|")
		if !ok {
			nic, address = "", word
		} else if err := checkLink(nic); err != nil {
			return nil, err
		}
		a := Address{Interface: nic}
		switch lower := strings.ToLower(address); {
		case lower == wordAuto, lower == wordDHCP && !six, lower == wordAdvertise && six:
			a.Word = lower
			all = append(all, a)
			continue
		}
		p, err := netip.ParsePrefix(address)
		switch {
		case err != nil && isAddress(address):
			return nil, fmt.Errorf("%q has no prefix length: how large is its network? %s/%d, for example", address, address, example(six))
		case err != nil:
			return nil, fmt.Errorf("%q is neither an address with a prefix length nor one of %s", address, strings.Join(how(six), ", "))
		case p.Addr().Is4() == six:
			return nil, fmt.Errorf("%s is an address of the other kind", address)
		case p.Addr().IsUnspecified() || p.Addr().IsMulticast() || p.Addr().IsLoopback() || p.Addr().Zone() != "":
			return nil, fmt.Errorf("%s is no address for an interface", address)
		case !six && p.Bits() < 31 && (p.Masked().Addr() == p.Addr() || broadcast(p) == p.Addr()):
			return nil, fmt.Errorf("%s is the network's own address, and no interface's", address)
		}
		a.Prefix = p
		all = append(all, a)
	}
	return all, nil
}

func isAddress(text string) bool {
	_, err := netip.ParseAddr(text)
	return err == nil
}

func example(six bool) int {
	if six {
		return 64
	}
	return 24
}

func how(six bool) []string {
	if six {
		return []string{wordAuto, wordAdvertise}
	}
	return []string{wordAuto, wordDHCP}
}

// broadcast is the last address of a network of IPv4.
func broadcast(p netip.Prefix) netip.Addr {
	b := p.Masked().Addr().As4()
	for i := p.Bits(); i < 32; i++ {
		b[i/8] |= 1 << (7 - i%8)
	}
	return netip.AddrFrom4(b)
}

// ParseRouter reads ADDRESS or ADDRESS@NIC; libioc writes a zone for link-local ones of IPv6, which is taken for
// the interface.
func ParseRouter(text string, six bool) (Router, error) {
	address, nic, _ := strings.Cut(text, "@")
	if strings.EqualFold(address, wordAuto) {
		return Router{}, nil
	}
	a, err := netip.ParseAddr(address)
	switch {
	case err != nil:
		return Router{}, fmt.Errorf("%q is not an address", address)
	case a.Is4() == six:
		return Router{}, fmt.Errorf("%s is an address of the other kind", address)
	case a.IsUnspecified() || a.IsMulticast() || a.IsLoopback():
		return Router{}, fmt.Errorf("%s is no router", address)
	}
	if nic == "" {
		nic = a.Zone()
	}
	r := Router{Address: a.WithZone(""), Interface: nic}
	if nic != "" {
		err = checkLink(nic)
	} else if a.IsLinkLocalUnicast() && six {
		err = fmt.Errorf("%s is on every link: say through which interface, as %s@NIC", address, address)
	}
	return r, err
}

// ParseForwards reads ports as iocage writes them, the jail's first: tcp(80:8080) leads from the host's port 8080 to
// the jail's port 80, udp(53) from 53 to 53; tcp/udp(53) stands for both.
func ParseForwards(text string) ([]Forward, error) {
	var all []Forward
	for _, word := range words(text) {
		protocols, rest, ok := strings.Cut(word, "(")
		ports, closed := strings.CutSuffix(rest, ")")
		if !ok || !closed {
			return nil, fmt.Errorf("%q is not tcp(JAIL:HOST)", word)
		}
		jail, host, two := strings.Cut(ports, ":")
		if !two {
			host = jail
		}
		j, err := port(jail)
		h, err2 := port(host)
		if err = errors.Join(err, err2); err != nil {
			return nil, fmt.Errorf("%q: %w", word, err)
		}
		for p := range strings.SplitSeq(strings.ToLower(protocols), "/") {
			if p != "tcp" && p != "udp" {
				return nil, fmt.Errorf("%q: the protocol is tcp or udp", word)
			}
			f := Forward{Protocol: p, Host: h, Jail: j}
			if slices.ContainsFunc(all, func(o Forward) bool { return o.Protocol == f.Protocol && o.Host == f.Host }) {
				return nil, fmt.Errorf("port %d of the host (%s) would lead to two ports", h, p)
			}
			all = append(all, f)
		}
	}
	return all, nil
}

func port(text string) (uint16, error) {
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil || n == 0 {
		return 0, fmt.Errorf("%q is not a port", text)
	}
	return uint16(n), nil
}

// ParseResolver reads a path, or addresses of name servers between semicolons; /dev/null stands for nothing.
func ParseResolver(text string) (Resolver, error) {
	if strings.HasPrefix(text, "/") {
		if text == "/dev/null" {
			return Resolver{}, nil
		}
		return Resolver{Path: text}, nil
	}
	var r Resolver
	for server := range strings.SplitSeq(text, ";") {
		server = strings.TrimSpace(server)
		server = strings.TrimSpace(strings.TrimPrefix(server, "nameserver"))
		if !isAddress(server) {
			return r, fmt.Errorf("%q is neither a path nor the address of a name server", server)
		}
		r.Servers = append(r.Servers, server)
	}
	return r, nil
}

// ParseMACs reads one or two hardware addresses: an interface's, and its other end's.
func ParseMACs(text string) (mac, host string, err error) {
	all := words(text)
	if len(all) == 0 || len(all) > 2 {
		return "", "", fmt.Errorf("%q is not one MAC address, or two", text)
	}
	for i, word := range all {
		if all[i], err = parseMAC(word); err != nil {
			return "", "", err
		}
	}
	if len(all) == 2 {
		if all[0] == all[1] {
			return "", "", fmt.Errorf("%s cannot be both ends'", all[0])
		}
		host = all[1]
	}
	return all[0], host, nil
}

// parseMAC knows 02ff60aabbcc, too, as iocage writes it.
func parseMAC(text string) (string, error) {
	if len(text) == 12 {
		if b, err := hex.DecodeString(text); err == nil {
			text = net.HardwareAddr(b).String()
		}
	}
	m, err := net.ParseMAC(text)
	if err != nil || len(m) != 6 {
		return "", fmt.Errorf("%q is not a MAC address", text)
	}
	if m[0]&1 != 0 || slices.Max(m) == 0 {
		return "", fmt.Errorf("%s is no interface's: it stands for a group", m)
	}
	return m.String(), nil
}

// ParsePrefix reads how MAC addresses begin.
func ParsePrefix(text string) (string, error) {
	b, err := hex.DecodeString(text)
	if err != nil || len(b) != 3 {
		return "", fmt.Errorf("%q is not six hexadecimal digits", text)
	}
	if b[0]&1 != 0 {
		return "", fmt.Errorf("%s begins addresses of groups: its second digit must be even", text)
	}
	return strings.ToLower(text), nil
}

// Check says what is wrong with the value of a property; properties that are not of networks are all right.
func Check(property, value string) error {
	var err error
	switch property {
	case "interfaces":
		_, err = ParseInterfaces(value)
	case "ip4_addr", "ip6_addr":
		_, err = ParseAddresses(value, property == "ip6_addr")
	case "defaultrouter", "defaultrouter6":
		_, err = ParseRouter(value, property == "defaultrouter6")
	case "nat_forwards":
		_, err = ParseForwards(value)
	case "resolver":
		_, err = ParseResolver(value)
	case "mac_prefix":
		_, err = ParsePrefix(value)
	default:
		if strings.HasSuffix(property, "_mac") && !strings.HasPrefix(property, "user.") {
			_, _, err = ParseMACs(value)
		}
	}
	if err != nil {
		return fault.New("property", fault.Invalid, property, err)
	}
	return nil
}
