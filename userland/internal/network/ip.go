//go:build linux

package network

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/libioc/ioc/userland/internal/applet"
	"golang.org/x/sys/unix"
)

// ipRun is one run of ip.
type ipRun struct {
	p      *applet.Proc
	family int
	brief  bool
	args   []string
}

func ip(_ context.Context, p *applet.Proc) error {
	o := p.Options()
	r := &ipRun{p: p, family: unix.AF_UNSPEC}
	o.Func("4", "", "only IPv4", func(string) error { r.family = unix.AF_INET; return nil })
	o.Func("6", "", "only IPv6", func(string) error { r.family = unix.AF_INET6; return nil })
	o.Func("br brief", "", "", func(string) error { r.brief = true; return nil })
	o.Ignored("o oneline")
	o.Note("  -br                     one short line for each interface\n\n" +
		"  ip link [show [DEV]]\n  ip link set DEV [up|down] [mtu N] [name NAME] [address MAC] [master DEV|nomaster] [netns PID]\n" +
		"  ip link add NAME type dummy|bridge|veth [peer name NAME]\n  ip link del DEV\n" +
		"  ip addr [show [DEV]]\n  ip addr add|del ADDRESS/BITS dev DEV\n  ip addr flush dev DEV\n" +
		"  ip route [show]\n  ip route add|del|replace default|PREFIX [via ADDRESS] [dev DEV] [metric N] [src ADDRESS]\n  ip neigh [show]")
	o.InOrder()
	for i, arg := range p.Args {
		if arg == "-br" {
			p.Args[i] = "--br"
		}
	}
	args, err := o.Parse()
	if err != nil {
		return err
	}
	if len(args) == 0 {
		return applet.Usagef("link, addr, route or neigh is needed")
	}
	object := args[0]
	r.args = args[1:]
	command := "show"
	if len(r.args) > 0 {
		command = r.args[0]
	}
	is := func(word, full string) bool { return word != "" && strings.HasPrefix(full, word) }
	switch {
	case is(object, "link"):
		return r.link(command)
	case is(object, "address"):
		return r.address(command)
	case is(object, "route"):
		return r.route(command)
	case is(object, "neighbour") || is(object, "neighbor"):
		return r.neighbours()
	}
	return applet.Usagef("unknown object %q", object)
}

// shift takes the next word.
func (r *ipRun) shift() (string, bool) {
	if len(r.args) == 0 {
		return "", false
	}
	w := r.args[0]
	r.args = r.args[1:]
	return w, true
}

// value takes the word after a keyword.
func (r *ipRun) value(key string) (string, error) {
	v, ok := r.shift()
	if !ok {
		return "", applet.Usagef("%s needs a value", key)
	}
	return v, nil
}

// wanted is the interface that a show command names, or nothing for all.
func (r *ipRun) wanted() string {
	words := slices.DeleteFunc(slices.Clone(r.args), func(w string) bool { return slices.Contains([]string{"show", "list", "ls", "sh", "dev", "up"}, w) })
	if len(words) == 0 {
		return ""
	}
	return words[0]
}

func (r *ipRun) link(command string) error {
	switch command {
	case "show", "list", "ls", "sh":
		return r.show(false)
	case "set", "s":
		r.shift()
		return r.linkSet()
	case "add", "a":
		r.shift()
		return r.linkAdd()
	case "del", "delete", "d":
		r.shift()
		name, _ := r.shift()
		if name == "dev" {
			name, _ = r.shift()
		}
		l, err := findLink(name)
		if err != nil {
			return err
		}
		return wrap(name, request(unix.IfInfomsg{Index: l.index}).send(unix.RTM_DELLINK, 0))
	}
	return applet.Usagef("unknown command %q", command)
}

func wrap(subject string, err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", subject, err)
	}
	return nil
}

func (r *ipRun) linkSet() error {
	name, _ := r.shift()
	if name == "dev" {
		name, _ = r.shift()
	}
	l, err := findLink(name)
	if err != nil {
		return err
	}
	head := unix.IfInfomsg{Index: l.index}
	attrs := &message{}
	for key, ok := r.shift(); ok; key, ok = r.shift() {
		switch key {
		case "up":
			head.Flags |= unix.IFF_UP
			head.Change |= unix.IFF_UP
			continue
		case "down":
			head.Flags &^= unix.IFF_UP
			head.Change |= unix.IFF_UP
			continue
		case "nomaster":
			attrs.attr32(unix.IFLA_MASTER, 0)
			continue
		}
		v, err := r.value(key)
		if err != nil {
			return err
		}
		switch key {
		case "mtu", "txqueuelen", "netns":
			n, err := strconv.ParseUint(v, 10, 32)
			if err != nil {
				return applet.Usagef("%s: %q is not a number", key, v)
			}
			attrs.attr32(map[string]uint16{"mtu": unix.IFLA_MTU, "txqueuelen": unix.IFLA_TXQLEN, "netns": unix.IFLA_NET_NS_PID}[key], uint32(n))
		case "name":
			attrs.attrString(unix.IFLA_IFNAME, v)
		case "address":
			mac, err := net.ParseMAC(v)
			if err != nil {
				return applet.Usagef("%q is not a hardware address", v)
			}
			attrs.attr(unix.IFLA_ADDRESS, mac)
		case "master":
			m, err := findLink(v)
			if err != nil {
				return err
			}
			attrs.attr32(unix.IFLA_MASTER, uint32(m.index))
		default:
			return applet.Usagef("unknown word %q", key)
		}
	}
	m := request(head)
	m.data = append(m.data, attrs.data...)
	return wrap(name, m.send(unix.RTM_NEWLINK, 0))
}

func (r *ipRun) linkAdd() error {
	name, kind, peer := "", "", ""
	for key, ok := r.shift(); ok; key, ok = r.shift() {
		switch key {
		case "name", "dev":
			name, _ = r.shift()
		case "type":
			kind, _ = r.shift()
		case "peer":
			if w, _ := r.shift(); w == "name" {
				w, _ = r.shift()
				peer = w
			} else {
				peer = w
			}
		default:
			name = key
		}
	}
	if name == "" || kind == "" {
		return applet.Usagef("a name and a type are needed")
	}
	info := (&message{}).attrString(unix.IFLA_INFO_KIND, kind)
	if kind == "veth" && peer != "" {
		const vethInfoPeer = 1
		other := request(unix.IfInfomsg{}).attrString(unix.IFLA_IFNAME, peer)
		info.attr(unix.IFLA_INFO_DATA, (&message{}).attr(vethInfoPeer, other.data).data)
	}
	m := request(unix.IfInfomsg{}).attrString(unix.IFLA_IFNAME, name).attr(unix.IFLA_LINKINFO, info.data)
	return wrap(name, m.send(unix.RTM_NEWLINK, unix.NLM_F_CREATE|unix.NLM_F_EXCL))
}

// address is an address of an interface.
type address struct {
	family, bits, scope uint8
	index               uint32
	attributes          attributes
}

func addresses(family int) ([]address, error) {
	var all []address
	err := dump(unix.RTM_GETADDR, family, unix.RTM_NEWADDR, func(b []byte) {
		if len(b) >= unix.SizeofIfAddrmsg {
			all = append(all, address{b[0], b[1], b[3], binary.NativeEndian.Uint32(b[4:]), parseAttributes(b[unix.SizeofIfAddrmsg:])})
		}
	})
	return all, err
}

func (a *address) local() netip.Addr {
	raw, ok := a.attributes[unix.IFA_LOCAL]
	if !ok {
		raw = a.attributes[unix.IFA_ADDRESS]
	}
	addr, _ := netip.AddrFromSlice(raw)
	return addr
}

// show prints interfaces, and with addrs their addresses.
func (r *ipRun) show(addrs bool) error {
	all, err := links()
	if err != nil {
		return err
	}
	var list []address
	if addrs {
		if list, err = addresses(r.family); err != nil {
			return err
		}
	}
	names := map[uint32]string{}
	for _, l := range all {
		names[uint32(l.index)] = l.name()
	}
	want := r.wanted()
	found := want == ""
	for _, l := range all {
		if want != "" && l.name() != want {
			continue
		}
		found = true
		var own []address
		for _, a := range list {
			if a.index == uint32(l.index) && (r.family == unix.AF_UNSPEC || int(a.family) == r.family) {
				own = append(own, a)
			}
		}
		if addrs && r.family != unix.AF_UNSPEC && len(own) == 0 {
			continue
		}
		if r.brief {
			r.printBrief(&l, own, addrs)
		} else {
			r.printLink(&l, names)
			for _, a := range own {
				r.printAddress(&a, l.name())
			}
		}
	}
	if !found {
		return fmt.Errorf("%s: no such interface", want)
	}
	return nil
}

func state(l *link) string {
	if s := l.attributes[unix.IFLA_OPERSTATE]; len(s) > 0 && int(s[0]) < 7 {
		return []string{"UNKNOWN", "NOTPRESENT", "DOWN", "LOWERLAYERDOWN", "TESTING", "DORMANT", "UP"}[s[0]]
	}
	return "UNKNOWN"
}

func (r *ipRun) printBrief(l *link, own []address, addrs bool) {
	text := net.HardwareAddr(l.attributes[unix.IFLA_ADDRESS]).String()
	if addrs {
		var words []string
		for _, a := range own {
			words = append(words, fmt.Sprintf("%s/%d", a.local(), a.bits))
		}
		text = strings.Join(words, " ")
	}
	r.p.Println(strings.TrimRight(fmt.Sprintf("%-16s %-10s %s", l.name(), state(l), text), " "))
}

func (r *ipRun) printLink(l *link, names map[uint32]string) {
	var flags []string
	for _, f := range []struct {
		bit  uint32
		name string
	}{
		{unix.IFF_LOOPBACK, "LOOPBACK"},
		{unix.IFF_BROADCAST, "BROADCAST"},
		{unix.IFF_POINTOPOINT, "POINTOPOINT"},
		{unix.IFF_MULTICAST, "MULTICAST"},
		{unix.IFF_NOARP, "NOARP"},
		{unix.IFF_PROMISC, "PROMISC"},
		{unix.IFF_UP, "UP"},
		{1 << 16, "LOWER_UP"},
	} {
		if l.flags&f.bit != 0 {
			flags = append(flags, f.name)
		}
	}
	name := l.name()
	if peer, ok := l.attributes.number(unix.IFLA_LINK); ok && peer != uint32(l.index) {
		other := names[peer]
		if _, foreign := l.attributes[unix.IFLA_LINK_NETNSID]; foreign || other == "" {
			other = fmt.Sprintf("if%d", peer)
		}
		name += "@" + other
	}
	text := fmt.Sprintf("%d: %s: <%s>", l.index, name, strings.Join(flags, ","))
	if mtu, ok := l.attributes.number(unix.IFLA_MTU); ok {
		text += fmt.Sprintf(" mtu %d", mtu)
	}
	if q := l.attributes.text(unix.IFLA_QDISC); q != "" {
		text += " qdisc " + q
	}
	if m, ok := l.attributes.number(unix.IFLA_MASTER); ok {
		text += " master " + names[m]
	}
	r.p.Println(text + " state " + state(l))
	kind := map[uint16]string{1: "ether", 772: "loopback", 776: "sit", 768: "ipip", 65534: "none"}[l.hardware]
	if kind == "" {
		kind = fmt.Sprintf("type %d", l.hardware)
	}
	text = "    link/" + kind
	if mac := l.attributes[unix.IFLA_ADDRESS]; len(mac) > 0 {
		text += " " + net.HardwareAddr(mac).String()
	}
	if brd := l.attributes[unix.IFLA_BROADCAST]; len(brd) > 0 {
		text += " brd " + net.HardwareAddr(brd).String()
	}
	r.p.Println(text)
}

func (r *ipRun) printAddress(a *address, name string) {
	kind := "inet"
	if a.family == unix.AF_INET6 {
		kind = "inet6"
	}
	text := fmt.Sprintf("    %s %s", kind, a.local())
	if peer, ok := netip.AddrFromSlice(a.attributes[unix.IFA_ADDRESS]); ok && peer != a.local() {
		text += " peer " + peer.String()
	}
	text += fmt.Sprintf("/%d", a.bits)
	if brd, ok := netip.AddrFromSlice(a.attributes[unix.IFA_BROADCAST]); ok {
		text += " brd " + brd.String()
	}
	r.p.Println(text + " scope " + scope(a.scope) + " " + name)
}

func scope(n uint8) string {
	switch n {
	case unix.RT_SCOPE_UNIVERSE:
		return "global"
	case unix.RT_SCOPE_SITE:
		return "site"
	case unix.RT_SCOPE_LINK:
		return "link"
	case unix.RT_SCOPE_HOST:
		return "host"
	}
	return strconv.Itoa(int(n))
}

func (r *ipRun) address(command string) error {
	switch command {
	case "add", "del", "delete", "replace", "change", "a", "d":
		r.shift()
		return r.addressChange(command)
	case "flush":
		return r.addressFlush()
	}
	return r.show(true)
}

func (r *ipRun) addressChange(command string) error {
	text, dev, brd, label := "", "", "", ""
	for key, ok := r.shift(); ok; key, ok = r.shift() {
		switch key {
		case "dev":
			dev, _ = r.shift()
		case "brd", "broadcast":
			brd, _ = r.shift()
		case "label":
			label, _ = r.shift()
		case "scope":
			r.shift()
		case "local":
			text, _ = r.shift()
		default:
			text = key
		}
	}
	if text == "" || dev == "" {
		return applet.Usagef("an address and dev DEV are needed")
	}
	prefix, err := parsePrefix(text)
	if err != nil {
		return err
	}
	l, err := findLink(dev)
	if err != nil {
		return err
	}
	family, raw := familyOf(prefix.Addr())
	m := request(unix.IfAddrmsg{Family: family, Prefixlen: uint8(prefix.Bits()), Index: uint32(l.index)}).
		attr(unix.IFA_LOCAL, raw).attr(unix.IFA_ADDRESS, raw)
	if brd != "" {
		addr := lastOf(prefix)
		if brd != "+" {
			if addr, err = netip.ParseAddr(brd); err != nil {
				return applet.Usagef("%q is not an address", brd)
			}
		}
		m.attr(unix.IFA_BROADCAST, addr.AsSlice())
	}
	if label != "" {
		m.attrString(unix.IFA_LABEL, label)
	}
	switch command[0] {
	case 'd':
		return wrap(text, m.send(unix.RTM_DELADDR, 0))
	case 'a':
		return wrap(text, m.send(unix.RTM_NEWADDR, unix.NLM_F_CREATE|unix.NLM_F_EXCL))
	}
	return wrap(text, m.send(unix.RTM_NEWADDR, unix.NLM_F_CREATE|unix.NLM_F_REPLACE))
}

func (r *ipRun) addressFlush() error {
	r.shift()
	name := r.wanted()
	l, err := findLink(name)
	if err != nil {
		return err
	}
	list, err := addresses(r.family)
	if err != nil {
		return err
	}
	for _, a := range list {
		if a.index != uint32(l.index) {
			continue
		}
		m := request(unix.IfAddrmsg{Family: a.family, Prefixlen: a.bits, Index: a.index}).attr(unix.IFA_LOCAL, a.local().AsSlice())
		if err := m.send(unix.RTM_DELADDR, 0); err != nil {
			return wrap(a.local().String(), err)
		}
	}
	return nil
}

// parsePrefix reads an address with or without its number of bits, and keeps the host part.
func parsePrefix(text string) (netip.Prefix, error) {
	if prefix, err := netip.ParsePrefix(text); err == nil {
		return prefix, nil
	}
	addr, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Prefix{}, applet.Usagef("%q is not an address", text)
	}
	return netip.PrefixFrom(addr, addr.BitLen()), nil
}

func familyOf(a netip.Addr) (uint8, []byte) {
	if a.Is4() {
		return unix.AF_INET, a.AsSlice()
	}
	return unix.AF_INET6, a.AsSlice()
}

func lastOf(p netip.Prefix) netip.Addr {
	raw := p.Addr().AsSlice()
	for i := p.Bits(); i < len(raw)*8; i++ {
		raw[i/8] |= 1 << (7 - i%8)
	}
	last, _ := netip.AddrFromSlice(raw)
	return last
}
