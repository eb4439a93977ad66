//go:build linux

package network

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"strconv"

	"github.com/libioc/ioc/userland/internal/applet"
	"golang.org/x/sys/unix"
)

func (r *ipRun) route(command string) error {
	switch command {
	case "add", "del", "delete", "replace", "change", "append", "a", "d":
		r.shift()
		return r.routeChange(command)
	}
	return r.routes()
}

func (r *ipRun) routes() error {
	all, err := links()
	if err != nil {
		return err
	}
	names := map[uint32]string{}
	for _, l := range all {
		names[uint32(l.index)] = l.name()
	}
	families := []int{unix.AF_INET}
	if r.family != unix.AF_UNSPEC {
		families = []int{r.family}
	}
	for _, family := range families {
		err := dump(unix.RTM_GETROUTE, family, unix.RTM_NEWROUTE, func(b []byte) {
			if len(b) < unix.SizeofRtMsg || int(b[0]) != family {
				return
			}
			a := parseAttributes(b[unix.SizeofRtMsg:])
			table := uint32(b[4])
			if t, ok := a.number(unix.RTA_TABLE); ok {
				table = t
			}
			if table == unix.RT_TABLE_MAIN {
				r.p.Println(routeText(b, a, names))
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// routeText writes a route as `ip route add` would take it.
func routeText(b []byte, a attributes, names map[uint32]string) string {
	bits, protocol, scopeOf, kind := int(b[1]), b[5], b[6], b[7]
	text := "default"
	if dst, ok := netip.AddrFromSlice(a[unix.RTA_DST]); ok {
		text = dst.String()
		if bits != dst.BitLen() {
			text += "/" + strconv.Itoa(bits)
		}
	}
	if word := map[byte]string{unix.RTN_BLACKHOLE: "blackhole", unix.RTN_UNREACHABLE: "unreachable", unix.RTN_PROHIBIT: "prohibit"}[kind]; word != "" {
		text = word + " " + text
	}
	if via, ok := netip.AddrFromSlice(a[unix.RTA_GATEWAY]); ok {
		text += " via " + via.String()
	}
	if dev, ok := a.number(unix.RTA_OIF); ok {
		text += " dev " + names[dev]
	}
	if word := map[byte]string{unix.RTPROT_KERNEL: "kernel", unix.RTPROT_BOOT: "", unix.RTPROT_STATIC: "static", unix.RTPROT_DHCP: "dhcp", unix.RTPROT_RA: "ra"}[protocol]; word != "" {
		text += " proto " + word
	}
	if b[0] == unix.AF_INET && scopeOf != unix.RT_SCOPE_UNIVERSE {
		text += " scope " + scope(scopeOf)
	}
	if src, ok := netip.AddrFromSlice(a[unix.RTA_PREFSRC]); ok {
		text += " src " + src.String()
	}
	if metric, ok := a.number(unix.RTA_PRIORITY); ok {
		text += fmt.Sprintf(" metric %d", metric)
	}
	return text
}

func (r *ipRun) routeChange(command string) error {
	target, via, dev, src, metric, kind := "", "", "", "", "", uint8(unix.RTN_UNICAST)
	table := "main"
	for key, ok := r.shift(); ok; key, ok = r.shift() {
		into := map[string]*string{"via": &via, "dev": &dev, "src": &src, "metric": &metric, "table": &table, "to": &target, "proto": new(string), "scope": new(string)}[key]
		switch {
		case into != nil:
			v, err := r.value(key)
			if err != nil {
				return err
			}
			*into = v
		case key == "blackhole":
			kind = unix.RTN_BLACKHOLE
		case key == "unreachable":
			kind = unix.RTN_UNREACHABLE
		default:
			target = key
		}
	}
	if target == "" {
		return applet.Usagef("default or a prefix is needed")
	}
	family := uint8(unix.AF_INET)
	if r.family == unix.AF_INET6 {
		family = unix.AF_INET6
	}
	attrs := &message{}
	head := unix.RtMsg{Type: kind, Protocol: unix.RTPROT_BOOT, Table: unix.RT_TABLE_MAIN, Scope: unix.RT_SCOPE_UNIVERSE}
	if target != "default" {
		prefix, err := parsePrefix(target)
		if err != nil {
			return err
		}
		f, raw := familyOf(prefix.Masked().Addr())
		family, head.Dst_len = f, uint8(prefix.Bits())
		attrs.attr(unix.RTA_DST, raw)
	}
	addr := func(kind uint16, text string) error {
		a, err := netip.ParseAddr(text)
		if err != nil {
			return applet.Usagef("%q is not an address", text)
		}
		f, raw := familyOf(a)
		family = f
		attrs.attr(kind, raw)
		return nil
	}
	if via != "" {
		if err := addr(unix.RTA_GATEWAY, via); err != nil {
			return err
		}
	} else if kind == unix.RTN_UNICAST {
		head.Scope = unix.RT_SCOPE_LINK
	}
	if src != "" {
		if err := addr(unix.RTA_PREFSRC, src); err != nil {
			return err
		}
	}
	if dev != "" {
		l, err := findLink(dev)
		if err != nil {
			return err
		}
		attrs.attr32(unix.RTA_OIF, uint32(l.index))
	}
	if metric != "" {
		n, err := strconv.ParseUint(metric, 10, 32)
		if err != nil {
			return applet.Usagef("%q is not a number", metric)
		}
		attrs.attr32(unix.RTA_PRIORITY, uint32(n))
	}
	if table != "main" {
		n, err := strconv.ParseUint(table, 10, 32)
		if err != nil {
			return applet.Usagef("%q is not a table", table)
		}
		head.Table = 0
		attrs.attr32(unix.RTA_TABLE, uint32(n))
	}
	head.Family = family
	number, flags := uint16(unix.RTM_NEWROUTE), uint16(unix.NLM_F_CREATE|unix.NLM_F_EXCL)
	switch command[0] {
	case 'd':
		number, flags = unix.RTM_DELROUTE, 0
		if via == "" {
			head.Scope = unix.RT_SCOPE_NOWHERE
		}
		head.Protocol = 0
	case 'r', 'c':
		flags = unix.NLM_F_CREATE | unix.NLM_F_REPLACE
	}
	m := request(head)
	m.data = append(m.data, attrs.data...)
	return wrap(target, m.send(number, flags))
}

func (r *ipRun) neighbours() error {
	all, err := links()
	if err != nil {
		return err
	}
	names := map[uint32]string{}
	for _, l := range all {
		names[uint32(l.index)] = l.name()
	}
	const sizeofNdMsg = 12
	return dump(unix.RTM_GETNEIGH, r.family, unix.RTM_NEWNEIGH, func(b []byte) {
		if len(b) < sizeofNdMsg {
			return
		}
		a := parseAttributes(b[sizeofNdMsg:])
		dst, ok := netip.AddrFromSlice(a[unix.NDA_DST])
		state := binary.NativeEndian.Uint16(b[8:])
		if !ok || state&unix.NUD_NOARP != 0 {
			return
		}
		text := dst.String() + " dev " + names[binary.NativeEndian.Uint32(b[4:])]
		if mac := a[unix.NDA_LLADDR]; len(mac) > 0 {
			text += " lladdr " + net.HardwareAddr(mac).String()
		}
		for _, s := range []struct {
			bit  uint16
			name string
		}{
			{unix.NUD_INCOMPLETE, "INCOMPLETE"},
			{unix.NUD_REACHABLE, "REACHABLE"},
			{unix.NUD_STALE, "STALE"},
			{unix.NUD_DELAY, "DELAY"},
			{unix.NUD_PROBE, "PROBE"},
			{unix.NUD_FAILED, "FAILED"},
			{unix.NUD_PERMANENT, "PERMANENT"},
		} {
			if state&s.bit != 0 {
				text += " " + s.name
			}
		}
		r.p.Println(text)
	})
}
