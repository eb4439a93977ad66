package vethbridge

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/network"
)

// Lease is the effect that makes a jail the only one with its addresses, those that it was given and those that are
// chosen for it, and lets the others on its bridges find it by its name.
type Lease struct {
	Token    string
	Dir      state
	Set      string
	ID       string // of the jail, for the one who wants the same address
	Jail     string
	Hostname string `json:",omitempty"`
	Wants    []Want
	Got      []Held `json:",omitempty"`
}

// Want is what one interface wants.
type Want struct {
	Interface string
	Bridge    string
	Fixed     []netip.Prefix `json:",omitempty"`
	Four, Six bool           `json:",omitempty"` // one that is free
}

// Held is an address that an interface has, and who is the router in its network; invalid: none that ioc knows.
type Held struct {
	Interface string
	Address   netip.Prefix
	Router    netip.Addr
}

var (
	_ events.Effect     = (*Lease)(nil)
	_ network.Connected = (*Lease)(nil)
)

// EventType is network.lease.
func (l *Lease) EventType() string { return "network.lease" }

// EventKey is the jail's name.
func (l *Lease) EventKey() string { return l.Jail }

// EventTitle is for people.
func (l *Lease) EventTitle() string { return "reserve addresses for " + l.Jail }

// String lists the addresses: what a tree of events shows behind the title.
func (l *Lease) String() string {
	var all []string
	for _, h := range l.Got {
		all = append(all, h.Interface+" "+h.Address.String())
	}
	return strings.Join(all, ", ")
}

// Volatile is true: who had an address before a reboot has it no more.
func (l *Lease) Volatile() bool { return true }

// Addresses are those that were got.
func (l *Lease) Addresses() []netip.Prefix {
	var all []netip.Prefix
	for _, h := range l.Got {
		all = append(all, h.Address)
	}
	return all
}

// Do reserves them.
func (l *Lease) Do(ctx context.Context) error {
	h, err := newHandle()
	if err != nil {
		return err
	}
	defer h.Close()
	var got []Held
	for _, w := range l.Wants {
		if err := os.MkdirAll(l.Dir.leases(w.Bridge), 0o700); err != nil {
			return failed("make", "directory of leases", err)
		}
		br, err := h.findBridge(w.Bridge)
		if err != nil {
			return err
		}
		four, six, err := h.networksOf(br)
		if err != nil {
			return err
		}
		all := slices.Concat(four, six)
		for _, p := range w.Fixed {
			if slices.ContainsFunc(all, func(o netip.Prefix) bool { return o.Addr() == p.Addr() }) {
				return fault.New("", fault.Exists, "address "+p.String(), fmt.Errorf("it is bridge %s's own", w.Bridge))
			}
			if err := l.fixed(w, p); err != nil {
				return err
			}
			got = append(got, Held{w.Interface, p, routerOf(p, all)})
		}
		for _, k := range []struct {
			wanted   bool
			networks []netip.Prefix
		}{{w.Four, four}, {w.Six, six}} {
			if !k.wanted {
				continue
			}
			p, err := l.free(w, k.networks, all)
			if err != nil {
				return err
			}
			got = append(got, Held{w.Interface, p, routerOf(p, all)})
		}
	}
	l.Got = got
	return l.publish(ctx)
}

// routerOf is the bridge's address in the network of p.
func routerOf(p netip.Prefix, all []netip.Prefix) netip.Addr {
	for _, o := range all {
		if p.Contains(o.Addr()) {
			return o.Addr()
		}
	}
	return netip.Addr{}
}

// holder is who has an address, as its link says.
func (l *Lease) holder(w Want) string {
	host := l.Hostname
	if host == "" {
		host = "-"
	}
	return strings.Join([]string{l.Token, w.Interface, l.ID, l.Jail, host}, " ")
}

// take makes an address this jail's, which says fs.ErrExist if it is another's.
func (l *Lease) take(w Want, a netip.Addr) error {
	return os.Symlink(l.holder(w), filepath.Join(l.Dir.leases(w.Bridge), a.String()))
}

func (l *Lease) fixed(w Want, p netip.Prefix) error {
	err := l.take(w, p.Addr())
	if !errors.Is(err, fs.ErrExist) {
		return failed("note", "address "+p.String(), err)
	}
	by, err := os.Readlink(filepath.Join(l.Dir.leases(w.Bridge), p.Addr().String()))
	if err != nil {
		return failed("read", "who has address "+p.String(), err)
	}
	f := append(strings.Fields(by), "", "", "", "")
	if f[0] == l.Token {
		return nil
	}
	return fault.New("", fault.Busy, "address "+p.String(), fmt.Errorf("jail %s has it on bridge %s (%s)", f[3], w.Bridge, f[2])).
		WithRemedy("give the jail another address, or stop the other one")
}

// free takes an address that nobody has, the same one as the last time if it is free.
func (l *Lease) free(w Want, networks, bridges []netip.Prefix) (netip.Prefix, error) {
	for _, n := range networks {
		size := uint64(1) << min(16, n.Addr().BitLen()-n.Bits())
		if size < 4 {
			continue
		}
		hash := fnv.New64a()
		_, _ = hash.Write([]byte(l.Jail + " " + w.Interface)) // a hash does not fail
		first := hash.Sum64()
		for k := range size {
			at := (first + k) % size
			if at == 0 || at == size-1 { // the network's own, and all of it
				continue
			}
			a := nth(n, at)
			if slices.ContainsFunc(bridges, func(o netip.Prefix) bool { return o.Addr() == a }) {
				continue
			}
			err := l.take(w, a)
			if err == nil {
				return netip.PrefixFrom(a, n.Bits()), nil
			}
			if !errors.Is(err, fs.ErrExist) {
				return netip.Prefix{}, failed("note", "address "+a.String(), err)
			}
		}
	}
	return netip.Prefix{}, fault.New("find", fault.NoSpace, "a free address on bridge "+w.Bridge, nil).
		WithRemedy("use another bridge, or stop jails on this one")
}

// nth is the address with a number in a network.
func nth(network netip.Prefix, n uint64) netip.Addr {
	b := network.Masked().Addr().AsSlice()
	end := b[len(b)-4:]
	binary.BigEndian.PutUint32(end, binary.BigEndian.Uint32(end)+uint32(n))
	a, _ := netip.AddrFromSlice(b)
	return a
}

// Undo lets the addresses go.
func (l *Lease) Undo(ctx context.Context) error {
	found := false
	for _, w := range l.Wants {
		links, err := readLinks(l.Dir.leases(w.Bridge))
		if err != nil {
			return failed("read", "leases on bridge "+w.Bridge, err)
		}
		for name, by := range links {
			if !strings.HasPrefix(by, l.Token+" ") {
				continue
			}
			found = true
			if err := remove(filepath.Join(l.Dir.leases(w.Bridge), name)); err != nil {
				return failed("forget", "address "+name, err)
			}
		}
	}
	if !found {
		if _, err := os.Stat(string(l.Dir)); err != nil {
			return nil //nolint:nilerr // there is nobody who could be told
		}
	}
	return l.publish(ctx)
}

// publish tells all jails on the bridges who is there.
func (l *Lease) publish(ctx context.Context) error {
	return l.Dir.with(ctx, func() error {
		var all []error
		for _, w := range l.Wants {
			all = append(all, l.Dir.writeHosts(w.Bridge))
		}
		return errors.Join(all...)
	})
}
