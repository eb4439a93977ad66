//go:build linux

package network

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"net"
	"net/netip"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/libioc/ioc/userland/internal/applet"
	"golang.org/x/sys/unix"
)

// pinger is one run of ping.
type pinger struct {
	p        *applet.Proc
	name     string
	addr     netip.Addr
	fd       int
	raw      bool // a raw socket: replies carry an IPv4 header and are those of everybody
	id       uint16
	size     int
	quiet    bool
	count    int
	interval time.Duration
	wait     time.Duration
	deadline time.Duration
	ttl      int

	sent, received int
	times          []time.Duration
}

func ping(ctx context.Context, p *applet.Proc) error {
	o := p.Options()
	g := &pinger{p: p, id: uint16(os.Getpid())}
	family := "ip"
	o.Func("4", "", "use IPv4", func(string) error { family = "ip4"; return nil })
	o.Func("6", "", "use IPv6", func(string) error { family = "ip6"; return nil })
	duration := func(v *time.Duration, def time.Duration, names, help string) {
		*v = def
		o.Func(names, "SECONDS", help, func(s string) (err error) { *v, err = applet.ParseDuration(s); return err })
	}
	count := o.Int("c", "N", 0, "end after N requests")
	duration(&g.interval, time.Second, "i", "wait SECONDS between requests (1)")
	duration(&g.wait, 10*time.Second, "W", "wait SECONDS for the last answer (10)")
	duration(&g.deadline, math.MaxInt64, "w", "end after SECONDS in any case")
	size := o.Int("s", "N", 56, "send N bytes of data")
	ttl := o.Int("t", "N", 0, "allow N hops")
	o.Func("q", "", "print only the summary", func(string) error { g.quiet = true; return nil })
	o.Ignored("n")
	args, err := o.Parse()
	if err != nil {
		return err
	}
	if len(args) != 1 {
		return applet.Usagef("one host is needed")
	}
	if *size < 0 || *size > 65000 {
		return applet.Usagef("bad size %d", *size)
	}
	g.count, g.size, g.ttl, g.name = *count, *size, *ttl, args[0]
	if !p.Inside {
		// Ctrl-C ends the run, and then come the numbers.
		var stop context.CancelFunc
		ctx, stop = signal.NotifyContext(ctx, syscall.SIGINT)
		defer stop()
	}
	if err := g.resolve(ctx, family); err != nil {
		return err
	}
	if err := g.open(); err != nil {
		return err
	}
	defer unix.Close(g.fd)
	fmt.Fprintf(p.Stdout, "PING %s (%s): %d data bytes\n", g.name, g.addr, g.size)
	err = g.run(ctx)
	g.summary()
	switch {
	case err != nil:
		return err
	case g.received == 0:
		return applet.Exit(1)
	}
	return applet.Exit(0)
}

func (g *pinger) resolve(ctx context.Context, family string) error {
	if addr, err := netip.ParseAddr(g.name); err == nil {
		g.addr = addr.Unmap()
		return nil
	}
	ips, err := net.DefaultResolver.LookupNetIP(ctx, family, g.name)
	if err != nil {
		return fmt.Errorf("%s: %s", g.name, lookupReason(err))
	}
	g.addr = ips[0].Unmap()
	for _, ip := range ips {
		if ip.Unmap().Is4() {
			g.addr = ip.Unmap()
			break
		}
	}
	return nil
}

// lookupReason is what went wrong, without the name of the server that said so.
func lookupReason(err error) string {
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		if dns.IsNotFound {
			return "name not found"
		}
		return "name cannot be looked up: " + dns.Err
	}
	return err.Error()
}

// open opens a socket: a datagram one if the kernel allows it to everybody, or else a raw one.
func (g *pinger) open() error {
	family, proto := unix.AF_INET, unix.IPPROTO_ICMP
	if g.addr.Is6() {
		family, proto = unix.AF_INET6, unix.IPPROTO_ICMPV6
	}
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, proto)
	if err != nil {
		fd, err = unix.Socket(family, unix.SOCK_RAW|unix.SOCK_CLOEXEC, proto)
		g.raw = true
	}
	if err != nil {
		return fmt.Errorf("no ICMP socket: %w (it takes CAP_NET_RAW, or a group in net.ipv4.ping_group_range)", err)
	}
	g.fd = fd
	if g.ttl > 0 {
		level, option := unix.IPPROTO_IP, unix.IP_TTL
		if g.addr.Is6() {
			level, option = unix.IPPROTO_IPV6, unix.IPV6_UNICAST_HOPS
		}
		if err := unix.SetsockoptInt(fd, level, option, g.ttl); err != nil {
			return fmt.Errorf("ttl %d: %w", g.ttl, err)
		}
	}
	unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_RECVTTL, 1)
	return nil
}

func (g *pinger) sockaddr() unix.Sockaddr {
	if g.addr.Is6() {
		sa := &unix.SockaddrInet6{Addr: g.addr.As16()}
		if ifi, err := net.InterfaceByName(g.addr.Zone()); err == nil {
			sa.ZoneId = uint32(ifi.Index)
		}
		return sa
	}
	return &unix.SockaddrInet4{Addr: g.addr.As4()}
}

func (g *pinger) run(ctx context.Context) error {
	start := time.Now()
	next := start
	last := start.Add(min(g.deadline, 1<<60))
	for {
		now := time.Now()
		if g.count == 0 || g.sent < g.count {
			if !now.Before(next) {
				if err := g.send(now); err != nil {
					return err
				}
				next = now.Add(g.interval)
				if g.sent == g.count {
					next = now.Add(g.wait)
				}
			}
		} else if g.received >= g.count || !now.Before(next) {
			return nil
		}
		if ctx.Err() != nil || !now.Before(last) {
			return nil
		}
		// Short waits, because a cancelled context does not wake poll.
		pause := min(time.Until(next), time.Until(last), 100*time.Millisecond)
		fds := []unix.PollFd{{Fd: int32(g.fd), Events: unix.POLLIN}}
		if n, err := unix.Poll(fds, int(max(0, pause)/time.Millisecond)+1); n > 0 && err == nil {
			g.receive()
		}
	}
}

// send sends an echo request that carries the time.
func (g *pinger) send(now time.Time) error {
	kind := byte(8)
	if g.addr.Is6() {
		kind = 128
	}
	packet := make([]byte, 8+g.size)
	packet[0] = kind
	binary.BigEndian.PutUint16(packet[4:], g.id)
	binary.BigEndian.PutUint16(packet[6:], uint16(g.sent))
	for i := range g.size {
		packet[8+i] = byte(i)
	}
	if g.size >= 8 {
		binary.BigEndian.PutUint64(packet[8:], uint64(now.UnixNano()))
	}
	if !g.addr.Is6() {
		binary.BigEndian.PutUint16(packet[2:], checksum(packet))
	}
	g.sent++
	err := unix.Sendto(g.fd, packet, 0, g.sockaddr())
	if errors.Is(err, syscall.ENOBUFS) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s: %w", g.addr, err)
	}
	return nil
}

func checksum(b []byte) uint16 {
	sum := uint32(0)
	for i := 0; i < len(b); i += 2 {
		word := uint32(b[i]) << 8
		if i+1 < len(b) {
			word |= uint32(b[i+1])
		}
		sum += word
	}
	for sum>>16 != 0 {
		sum = sum&0xffff + sum>>16
	}
	return ^uint16(sum)
}

func (g *pinger) receive() {
	buf := make([]byte, 66000)
	n, _, err := unix.Recvfrom(g.fd, buf, unix.MSG_DONTWAIT)
	now := time.Now()
	if err != nil {
		if !errors.Is(err, syscall.EAGAIN) {
			fmt.Fprintf(g.p.Stdout, "%s: %s\n", g.addr, err)
		}
		return
	}
	packet := buf[:n]
	ttl := ""
	if g.raw && !g.addr.Is6() {
		if n < 20 {
			return
		}
		ttl = fmt.Sprintf(" ttl=%d", packet[8])
		packet = packet[int(packet[0]&15)*4:]
	}
	reply := byte(0)
	if g.addr.Is6() {
		reply = 129
	}
	if len(packet) < 8 || packet[0] != reply || g.raw && binary.BigEndian.Uint16(packet[4:]) != g.id {
		return
	}
	g.received++
	text := fmt.Sprintf("%d bytes from %s: seq=%d%s", len(packet), g.addr, binary.BigEndian.Uint16(packet[6:]), ttl)
	if g.size >= 8 && len(packet) >= 16 {
		d := now.Sub(time.Unix(0, int64(binary.BigEndian.Uint64(packet[8:]))))
		g.times = append(g.times, d)
		text += fmt.Sprintf(" time=%.3f ms", d.Seconds()*1000)
	}
	if !g.quiet {
		fmt.Fprintln(g.p.Stdout, text)
	}
}

func (g *pinger) summary() {
	loss := 0.0
	if g.sent > 0 {
		loss = 100 * float64(max(0, g.sent-g.received)) / float64(g.sent)
	}
	fmt.Fprintf(g.p.Stdout, "\n--- %s ping statistics ---\n%d packets transmitted, %d received, %.0f%% packet loss\n", g.name, g.sent, g.received, loss)
	if len(g.times) == 0 {
		return
	}
	least, most, sum := g.times[0], g.times[0], time.Duration(0)
	for _, d := range g.times {
		least, most, sum = min(least, d), max(most, d), sum+d
	}
	ms := func(d time.Duration) float64 { return d.Seconds() * 1000 }
	fmt.Fprintf(g.p.Stdout, "round-trip min/avg/max = %.3f/%.3f/%.3f ms\n", ms(least), ms(sum)/float64(len(g.times)), ms(most))
}
