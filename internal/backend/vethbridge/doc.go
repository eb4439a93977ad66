// Package vethbridge connects jails on Linux: each interface is one end of a veth pair whose other end is in a bridge.
//
// It owns how a [network.Spec] becomes interfaces, bridges, addresses, routes and rules of nftables, in which
// order, and how all of that is found again and removed. It speaks to the kernel itself, by netlink, and needs
// no program. It refuses to know what runs in a jail, and how a jail's network stack was made.
//
// A bridge, the addresses in it and the switch that lets the host forward packets belong to the machine, and jails of
// several roots may use them at once. Who does is in a directory that they all share, below Options.State; see [state].
// What belongs to one jail alone carries the short id of its root and a number of this one start in its name, so
// that whatever is found under that name was made by this start, and can be removed without asking.
package vethbridge
