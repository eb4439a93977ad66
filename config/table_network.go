package config

// networks connect a jail.
func networks() []Property {
	all := group(topicNetwork, Works, Later, lackFreeBSD, []Property{
		{Name: "defaultrouter", Help: "the IPv4 router, as ADDRESS or ADDRESS@NIC; a bridge that ioc makes gets this address"},
		{Name: "defaultrouter6", Help: "the IPv6 router, as ADDRESS or ADDRESS@NIC; a bridge that ioc makes gets this address"},
		{Name: "interfaces", Type: List, Help: "the jail's interfaces and their bridges, each as NIC:BRIDGE; NIC::BRIDGE keeps it apart from others"},
		{Name: "ip4_addr", Type: List, Help: "IPv4 addresses, each as NIC|ADDRESS/PREFIX, NIC|auto or NIC|dhcp"},
		{Name: "ip6_addr", Type: List, Help: "IPv6 addresses, each as NIC|ADDRESS/PREFIX, NIC|auto or NIC|accept_rtadv"},
		{Name: "nat", Type: Bool, Default: "no", Help: "let the jail reach what the host reaches, by the host's addresses"},
		{Name: "nat_forwards", Type: List, Help: "ports of the host that lead to the jail, each as tcp(PORT) or tcp(JAIL:HOST), of iocage's order"},
		{Name: "mac_prefix", Default: "02ff60", Help: "how MAC addresses begin, in hexadecimal digits"},
		{Name: "resolver", Default: "/etc/resolv.conf", Help: "the host's file to copy, or name servers separated by semicolons; /dev/null: neither"},
		{Name: "vnet", Type: Bool, Help: "yes: the jail has a network stack of its own; no: it has the host's; none: nothing but a loopback interface"},
	})
	all = append(all, group(topicNetwork, Never, Later, "interfaces of Linux are made for a jail, not given to it", []Property{
		{Name: "vnet_interfaces", Type: List, Help: "interfaces of the host that are given to the jail"},
	})...)
	all = append(all, group(topicNetwork, Never, Later, "it is a parameter of FreeBSD's jails", []Property{
		{Name: "ip4", Default: "new", Help: "IPv4: disable, inherit or new"},
		{Name: "ip4_saddrsel", Type: Bool, Default: "yes", Help: "choose IPv4 source addresses as the host does"},
		{Name: "ip6", Default: "new", Help: "IPv6: disable, inherit or new"},
		{Name: "ip6_saddrsel", Type: Bool, Default: "yes", Help: "choose IPv6 source addresses as the host does"},
	})...)
	for i := range all {
		all[i].When = AtStart
	}
	return all
}

// PerInterface are the properties whose names begin with an interface's, which is not in their Name; their Help has room for it.
func PerInterface() []Property {
	all := group(topicNetwork, Works, Later, lackFreeBSD, []Property{
		{Name: "_mac", Type: List, Help: "the MAC addresses of %s and of its other end"},
		{Name: "_mtu", Type: Count, Unit: "bytes", Help: "the largest packet of %s"},
	})
	for i := range all {
		all[i].When = AtStart
	}
	return all
}
