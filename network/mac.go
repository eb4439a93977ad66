package network

import (
	"crypto/sha256"
	"encoding/hex"
	"net"
)

// defaultPrefix begins MAC addresses where nobody said otherwise: locally administered, as libioc has it.
const defaultPrefix = "02ff60"

// MACs gives the hardware addresses of both ends of an interface of a jail. They are the same at every start, and
// differ between jails, also of different roots.
func (i *Interface) MACs(id string) (mac, host net.HardwareAddr) {
	prefix := i.Prefix
	if prefix == "" {
		prefix = defaultPrefix
	}
	mac = make(net.HardwareAddr, 6)
	sum := sha256.Sum224([]byte(id + "\x00" + i.Name))
	_, _ = hex.Decode(mac, []byte(prefix)) // it was checked
	copy(mac[3:], sum[:3])
	if given, err := net.ParseMAC(i.MAC); err == nil {
		mac = given
	}
	if given, err := net.ParseMAC(i.HostMAC); err == nil {
		return mac, given
	}
	host = append(net.HardwareAddr(nil), mac...)
	for n := 5; n >= 3; n-- { // one more
		if host[n]++; host[n] != 0 {
			break
		}
	}
	return mac, host
}
