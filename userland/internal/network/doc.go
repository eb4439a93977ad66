// Package network holds the applets that look at the network, set it up and use it. It speaks rtnetlink,
// ICMP, HTTP and plain TCP and UDP.
package network
